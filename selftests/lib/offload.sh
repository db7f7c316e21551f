# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# For the tests of devices that copy by themselves; sourced after token.sh.
#
#	new_scsi VAR SIZE [BACKEND_MS [NAME]]	a SCSI disk of the kernel's own target, whose writes
#					take so long; ${VAR}_target is its folder in configfs.
#					Disks of one NAME, a number, are told apart by nobody
#	scsi_token SIZE [WRITE_MS]	$source on $disk, captured in $file, with $store, and $target
#					to redeem it on; $before is its sum
#	copies VAR yes|no		does it do third-party copies from now on?
#	new_source_on DISK SIZE		as new_source, from 1 MiB on of that disk
#	offload_is NAME BYTES		so much has been copied by the devices
#	helper_of NAME			the process that has them copy; nothing if there is none
#	redeem NAME FILE TARGET [OPTION]...	a redeem, not waited for; removed at the end
#	complete NAME			waits until it is; sets by_device, by_kernel and reason
#	end_redeem NAME			ends it
#	with_tool LINE...		the library starts a script of these lines in place of
#					replicactl, until the end of the case; $real is the tool
#					there, and here it is as ever

configfs=/sys/kernel/config
scsi_count=0

# put_attr VALUE FILE
put_attr()
{
	printf '%s\n' "$1" >"$2" || fail "cannot write '$1' to $2"
}

# One port of the loopback target for all disks of a case, so that it can copy among them.
scsi_port()
{
	scsi_tpg=$configfs/target/loopback/naa.6001405000000001/tpgt_1
	[[ ! -d $scsi_tpg ]] || return 0
	need modprobe -a target_core_mod target_core_iblock tcm_loop sd_mod
	mountpoint -q "$configfs" || mount -t configfs configfs "$configfs"
	[[ -d $configfs/target/loopback ]] || run mkdir "$configfs/target/loopback"
	defer rmdir_all "$configfs/target/loopback"
	run mkdir "${scsi_tpg%/*}"
	defer rmdir "${scsi_tpg%/*}"
	run mkdir "$scsi_tpg"
	defer rmdir "$scsi_tpg"
	put_attr naa.6001405000000002 "$scsi_tpg/nexus"
	defer no_nexus "$scsi_tpg"
}

# It goes with the module, where another one has it.
rmdir_all()
{
	rmdir "$1" 2>/dev/null || true
}

no_nexus()
{
	echo NULL >"$1/nexus" 2>/dev/null || true
}

scsi_node()
{
	local address
	address=$(cat "$scsi_tpg/address")
	basename "$(echo "/sys/class/scsi_device/$address:$1/device/block/"*)"
}

scsi_there()
{
	[[ -b /dev/$(scsi_node "$1") ]]
}

new_scsi()
{
	local scsi_var=$1 scsi_back lun=$scsi_count dir
	scsi_port
	scsi_count=$((scsi_count + 1))
	new_loop scsi_back "$2"
	(((${3:-0}) == 0)) || new_delay scsi_back "$scsi_back" 0 "$3"
	dir=$configfs/target/core/iblock_$lun/disk
	run mkdir -p "$dir"
	defer rmdir "$(dirname "$dir")"
	defer rmdir "$dir"
	put_attr "udev_path=$scsi_back" "$dir/control"
	put_attr 1 "$dir/enable"
	put_attr "$(printf %08x "${4:-$lun}")5e1f000000000000" "$dir/wwn/vpd_unit_serial"
	run mkdir "$scsi_tpg/lun/lun_$lun"
	defer rmdir "$scsi_tpg/lun/lun_$lun"
	run ln -s "$dir" "$scsi_tpg/lun/lun_$lun/disk"
	defer rm -f "$scsi_tpg/lun/lun_$lun/disk"
	wait_for 20 "SCSI disk $lun" scsi_there "$lun"
	printf -v "$scsi_var" '/dev/%s' "$(scsi_node "$lun")"
	printf -v "${scsi_var}_target" %s "$dir"
	say "$scsi_var is ${!scsi_var}"
}

copies()
{
	local target=$1_target value=1
	[[ $2 == yes ]] || value=0
	put_attr "$value" "${!target}/attrib/emulate_3pc"
}

new_source_on()
{
	local sectors=$(($(dev_bytes "$2") / 512))
	new_dm source linear "0 $sectors linear $1 2048"
	run dd if=/dev/urandom of="$source" bs=1M oflag=direct status=none \
		count=$((sectors / 2048))
	table=$(dmsetup table "$source")
}

scsi_token()
{
	new_scsi disk 40M
	new_scsi target "$1" "${2:-0}"
	new_source_on "$disk" "$1"
	new_loop store 64M
	file=$dev_dir/token
	capture tok "$source" "$store" "$file"
	before=$(sum /dev/mapper/tok)
}

counter_of()
{
	replicactl --json status "$1" | jq -r ".Replica.Counters.$2"
}

offload_is()
{
	(($(counter_of "$1" OffloadedBytes) >= $2))
}

helper_of()
{
	pgrep -f "__offload $1\$" | head -n1 || true
}

# redeem NAME FILE TARGET [OPTION]...
redeem()
{
	defer dm_gone "$1-leg"
	defer dm_gone "$1"
	run replicactl create --token "$2" "$3" --name "$1" "${@:4}"
}

complete()
{
	run replicactl wait "$1" --timeout 120
	cli status "$1"
	by_device=$(get .Replica.Counters.OffloadedBytes)
	by_kernel=$(get .Replica.Counters.ResyncBytes)
	reason=$(get .Replica.OffloadReason)
	say "by the device: $by_device, by the kernel: $by_kernel ($reason)"
}

end_redeem()
{
	run replicactl finish "$1"
	redeem_gone "$1" || fail "the association is left"
}

with_tool()
{
	local tool script=$dev_dir/tool-$BASHPID
	tool=$(command -v replicactl)
	real=$dev_dir/real-$BASHPID
	cp "$tool" "$real"
	defer rm -f "$real" "$script"
	printf '%s\n' '#!/bin/bash' "real=$real" "$@" >"$script"
	chmod +x "$script"
	mount --bind "$script" "$tool"
	defer own_tool "$tool"
	hash -r
	replicactl()
	{
		"$real" "$@"
	}
}

# own_tool TOOL: with_tool is over; what is cleaned up after it takes the tool itself.
own_tool()
{
	unset -f replicactl
	hash -r
	umount "$1"
}
