#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300 systemd=yes disks=128M,128M
#
# LVM loads the tables of its volumes whenever it sees fit. A logical volume in use is
# refused for that, and the first case shows that it must be; with the replica on top
# of the volume, under a name of its own, no command of LVM takes it away.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/attach.sh"

volume()
{
	new_disk disk 0
	new_disk target 1
	run vgcreate -q testvg "$disk"
	defer vgremove -q -f testvg
	run lvcreate -q -y -L 32M -n lv testvg
	mkdir -p "$dev_dir/mnt"
}

lvm()
{
	say "+ $*"
	"$@" >/dev/null 2>&1
}

# By hand, what replicactl refuses to do.
table_is_dropped()
{
	local plain
	volume
	plain=$(dmsetup table testvg-lv)
	for command in "lvchange --refresh testvg/lv" "lvextend -L +4M testvg/lv"; do
		dmsetup create testvg-lv-origin --table "$(dmsetup table testvg-lv)"
		defer dm_gone testvg-lv-origin
		run dmsetup load testvg-lv --table "$(mirror_table /dev/mapper/testvg-lv-origin "$target")"
		run dmsetup resume testvg-lv
		[[ $(dmsetup table testvg-lv) == *" replica "* ]] || fail "no replica"
		# shellcheck disable=SC2086
		lvm $command
		[[ $(dmsetup table testvg-lv) != *" replica "* ]] ||
			fail "LVM left the replica alone: the refusal can be reconsidered"
		dm_gone testvg-lv-origin
	done
}

refused_in_use()
{
	local before
	volume
	run mkfs.ext4 -q /dev/testvg/lv
	run mount /dev/testvg/lv "$dev_dir/mnt"
	defer unmounted "$dev_dir/mnt"
	before=$(dmsetup table testvg-lv)
	cli_returns 4 4 create /dev/testvg/lv "$target" --name data
	complains "LVM loads its own table again"
	cli_returns 4 4 create /dev/testvg/lv "$target"
	same "the table" "$(dmsetup table testvg-lv)" "$before"
	echo before >"$dev_dir/mnt/file"
	run umount "$dev_dir/mnt"
	run replicactl create /dev/testvg/lv "$target" --name data --wait-for synchronized --timeout 60s
	defer dm_gone data
	run mount /dev/mapper/data "$dev_dir/mnt"
	same "the file" "$(cat "$dev_dir/mnt/file")" before
	umount "$dev_dir/mnt"
}

on_top()
{
	volume
	new_replica data /dev/testvg/lv "$target"
	run mkfs.ext4 -q /dev/mapper/data
	run mount /dev/mapper/data "$dev_dir/mnt"
	defer unmounted "$dev_dir/mnt"
	lvm lvchange --refresh testvg/lv
	lvm vgchange --refresh testvg
	lvm lvextend -L +4M testvg/lv
	lvm vgchange -ay testvg
	refuse lvm lvchange -an testvg/lv
	refuse lvm vgchange -an testvg
	in_state data Synchronized || fail "the replica is not Synchronized any more"
	echo more >"$dev_dir/mnt/file"
	run umount "$dev_dir/mnt"
	compare_legs /dev/testvg/lv "$target" "$(dev_sectors /dev/mapper/data)"
}

ktap_header
ktap_case "LVM drops a table that is not its own" table_is_dropped
ktap_case "a logical volume in use is refused" refused_in_use
ktap_case "a replica on top of a logical volume" on_top
ktap_finish
