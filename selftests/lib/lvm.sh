# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# LVM to test with; sourced after ktap.sh and dev.sh. It has a configuration of its own,
# which sees loop devices only and does without udev, as the quick machine has none.
#
#	new_vg VG SIZE			a volume group on a new loop device
#	new_thin_pool VG NAME SIZE	in it
#	volumes VG			the names of its volumes, in one line

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

volumes()
{
	lvs --noheadings -o lv_name "$1" | sort | xargs
}
