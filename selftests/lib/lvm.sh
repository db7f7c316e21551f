# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
#
# LVM to test with; sourced after ktap.sh and dev.sh. It has a configuration of its own,
# which sees loop devices only and does without udev, as the quick machine has none.
#
#	new_vg VG SIZE			a volume group on a new loop device
#	new_thin_pool VG NAME SIZE	in it
#	new_volume SIZE [THIN_POOL]	in group vgt, with random data: $source, its $table
#	volumes VG			the names of its volumes, in one line
#	calls_of CALL ARG...		how many of a system call are there? $calls
#	killed_alone CALL N ARG...	does replicactl die at the Nth? LVM is waited for
#	first_kill CALL FIRST KILLS ARG...	where to kill it for so many times: $n, $step

lvm_begin()
{
	lvm_dir=$dev_dir/lvm-$BASHPID
	mkdir -p "$lvm_dir"
	defer rm -rf "$lvm_dir"
	cat >"$lvm_dir/lvm.conf" <<-EOF
		devices {
			use_devicesfile = 0
			obtain_device_list_from_udev = 0
			external_device_info_source = "none"
			scan = [ "/dev" ]
			filter = [ "a|^/dev/loop|", "r|.*|" ]
		}
		activation {
			udev_sync = 0
			udev_rules = 0
			verify_udev_operations = 0
			monitoring = 0
			thin_pool_autoextend_threshold = 100
		}
		global {
			use_lvmpolld = 0
			event_activation = 0
			locking_dir = "$lvm_dir"
		}
		backup {
			backup = 0
			archive = 0
		}
	EOF
	export LVM_SYSTEM_DIR=$lvm_dir LVM_SUPPRESS_FD_WARNINGS=1
}

# new_vg VG SIZE
new_vg()
{
	local lvm_pv
	[[ -n ${lvm_dir:-} ]] || lvm_begin
	new_loop lvm_pv "$2"
	run vgcreate -qy -s 1M "$1" "$lvm_pv"
	defer vg_gone "$1"
}

vg_gone()
{
	vgremove -qqffy "$1" >/dev/null 2>&1 || true
	! vgs --noheadings -o vg_name 2>/dev/null | grep -qw "$1"
}

# new_thin_pool VG NAME SIZE
new_thin_pool()
{
	modprobe -q dm-thin-pool || true
	run lvcreate -qy --type thin-pool -L "$3" --poolmetadatasize 4M -c 64k -n "$2" "$1"
}

new_volume()
{
	local lvm_kind=(-L "$1")
	[[ -z ${2:-} ]] || lvm_kind=(--type thin --thinpool "$2" -V "$1")
	run lvcreate -qy "${lvm_kind[@]}" -n lv vgt
	source=/dev/mapper/vgt-lv
	run dd if=/dev/urandom of="$source" bs=1M count=$(($(dev_bytes "$1") >> 20)) \
		oflag=direct status=none
	table=$(dmsetup table "$source")
}

volumes()
{
	lvs --noheadings -o lv_name "$1" | sort | xargs
}

# calls_of CALL ARG...: how many are there when nobody kills it? It goes into $calls.
calls_of()
{
	strace -qq -o "$dev_dir/calls" -e trace="$1" replicactl "${@:2}" >/dev/null
	calls=$(wc -l <"$dev_dir/calls")
}

# killed_alone CALL N ARG...: as killed, but the programs that it has started live on.
killed_alone()
{
	local call=$1 n=$2 status=0
	shift 2
	say "killed at $call $n of $calls"
	strace -qq -o /dev/null -e trace="$call" -e inject="$call:signal=KILL:when=$n" \
		replicactl "$@" >/dev/null 2>&1 || status=$?
	wait_for 60 "LVM to end" lvm_ended
	((status == 137 || status == 9))
}

# Nor is about to begin: a child of the tool has its name until it becomes a program of LVM.
lvm_ended()
{
	! pgrep -x 'replicactl|lvs|vgs|lvcreate|lvremove|lvchange|lvconvert' >/dev/null
}

# first_kill CALL FIRST KILLS ARG...: at call $n, and at each $step later.
first_kill()
{
	calls_of "$1" "${@:4}"
	step=$(((calls - $2) / $3 + 1))
	n=$(($2 + RANDOM % step))
}
