#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=450 systemd=yes disks=63M,64M,8M
#
# What a replica consists of is hidden from whoever acts on what he finds on a disk, and is
# there again after its end; links by uuid and label go to the mapped device.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/udev.sh"

uuid=11111111-2222-3333-4444-555555555555

# udev_has DEVICE KEY=VALUE
udev_has()
{
	udevadm info -q property "$1" | grep -qx "$2"
}

# hidden DEVICE ROLE: udev says so, and knows nothing of what is on it.
hidden()
{
	udev_has "$1" "REPLICA_ROLE=$2" && udev_has "$1" UDISKS_IGNORE=1 &&
		! udevadm info -q property "$1" | grep -q '^ID_FS_TYPE\|/by-uuid/\|/by-label/'
}

visible()
{
	udev_has "$1" ID_FS_TYPE=ext4 && udev_has "$1" "ID_FS_UUID=$uuid" &&
		! udevadm info -q property "$1" | grep -q '^REPLICA_\|^UDISKS_IGNORE\|^SYSTEMD_READY=0'
}

# owner_of_links DEVICE
owner_of_links()
{
	[[ $(readlink -f "/dev/disk/by-uuid/$uuid") == "$(readlink -f "$1")" &&
	   $(readlink -f /dev/disk/by-label/data) == "$(readlink -f "$1")" ]]
}

three_disks()
{
	new_disk source 0
	new_disk target 1
	new_disk meta 2
	run mkfs.ext4 -q -F -U "$uuid" -L data "$source" 60M
	run udevadm trigger --settle "$source" "$target" "$meta"
	wait_for 10 "udev to see the file system" visible "$source"
}

all_hidden()
{
	hidden "$source" origin && hidden "$target" replica && hidden "$meta" meta &&
		owner_of_links /dev/mapper/blue
}

active()
{
	three_disks
	new_replica blue "$source" "$target" --meta "$meta"
	wait_for 20 "all devices to be hidden" all_hidden
	udev_has "$target" SYSTEMD_READY=0 || fail "systemd may use the replica"
	udev_has "$target" REPLICA_ACTIVE=1 || fail "the replica is not called active"
	udev_has "$target" REPLICA_NAME=blue || fail "the replica has no name"
	udev_has /dev/mapper/blue REPLICA_ROLE=mapped || fail "the mapped device has no role"
	udev_has /dev/mapper/blue "REPLICA_ORIGIN=$(lsblk -dno MAJ:MIN "$source" | tr -d ' ')" ||
		fail "the mapped device does not tell its origin"
	[[ -n $(find /dev/disk/by-id -lname "*/${target##*/}") ]] || fail "the link by serial number is gone"
	run udevadm trigger --subsystem-match=block --action=add
	run udevadm settle
	all_hidden || fail "not hidden after a trigger of everything"
	run replicactl detach blue
	wait_for 20 "the source to be seen again" visible "$source"
	wait_for 20 "the target to be seen again" visible "$target"
	udev_has "$meta" UDISKS_IGNORE=1 && fail "the meta device stays hidden"
	return 0
}

# target_rule NAME KEY=VALUE: a rule for the target, until the end of the case.
target_rule()
{
	udev_rule "$1" "SUBSYSTEM==\"block\", KERNEL==\"${target##*/}\", $2"
}

# The end of a replica is told when its label is there still, and longer with a slow log: what
# udev does not see, since it is looking, it is told once more.
looking()
{
	three_disks
	new_dm slow delay "0 $(dev_sectors "$meta") delay $meta 0 0 $meta 0 1000"
	new_replica blue "$source" "$target" --meta "$slow"
	wait_for 20 "the target to be hidden" hidden "$target" replica
	target_rule 62-slow 'ENV{REPLICA_ROLE}=="replica", PROGRAM="/bin/sleep 5"'
	run replicactl detach blue
	wait_for 20 "the target to be seen again" visible "$target"
}

known_inactive()
{
	hidden "$target" replica && udev_has "$target" REPLICA_ACTIVE=0 && visible "$source" &&
		owner_of_links "$source"
}

inactive()
{
	three_disks
	new_replica blue "$source" "$target" --meta "$meta"
	run replicactl deactivate blue
	wait_for 20 "the inactive replica to be hidden" known_inactive
	udev_has "$target" SYSTEMD_READY=0 && fail "who waits for the replica would wait for ever"
	run udevadm trigger --subsystem-match=block --action=add
	run udevadm settle
	known_inactive || fail "not hidden as at boot"
	[[ $(findfs "UUID=$uuid") == "$source" ]] || fail "the replica is found by uuid"
	target_rule 57-show 'ENV{REPLICA_VISIBLE}="1"'
	run udevadm trigger --settle "$target"
	udev_has "$target" "ID_FS_UUID=$uuid" || fail "REPLICA_VISIBLE does not show it"
}

# Without the tool and without a uuid.
plain()
{
	three_disks
	new_dm mapped replica "0 $(dev_sectors "$source") replica $source $target - sync 0"
	wait_for 20 "the replica to be hidden" hidden "$target" replica
	wait_for 20 "the origin to be hidden" hidden "$source" origin
	run dmsetup remove "$mapped"
	wait_for 20 "the origin to be seen again" visible "$source"
}

internal()
{
	three_disks
	run dmsetup create inner -u REPLICA-ORIGIN-0123 --table "0 $(dev_sectors "$source") linear $source 0"
	defer dm_gone inner
	run udevadm settle
	udevadm info -q property /dev/mapper/inner | grep -q '^ID_FS_TYPE\|/by-uuid/' && fail "its file system is seen"
	owner_of_links "$source" || fail "links go to an internal device"
	[[ ! -e /dev/replica/inner ]] || fail "a link for an internal device"
}

# put_label: as the last block of the target, and udev looks at it.
put_label()
{
	run dd if="$dev_dir/label" of="$target" bs=4k seek=$(($(dev_sectors "$target") / 8 - 1)) \
		oflag=direct conv=notrunc status=none
	run udevadm trigger --settle "$target"
}

# A real label, but where whoever has a file, a volume or a virtual machine may write it.
forged()
{
	local above
	three_disks
	new_replica blue "$source" "$target" --meta "$meta"
	run replicactl deactivate blue
	wait_for 20 "the inactive replica to be hidden" hidden "$target" replica
	run dd if="$target" of="$dev_dir/label" bs=4k skip=$(($(dev_sectors "$target") / 8 - 1)) \
		count=1 iflag=direct status=none
	run wipefs -qa "$source" "$meta"
	run mkfs.ext4 -q -F -U "$uuid" -L data "$target"
	put_label
	visible "$target" || fail "what stands in the last block of a file system hides it"
	run mkfs.ext4 -q -F -U "$uuid" -L data "$target" 60M
	put_label
	hidden "$target" replica || fail "a label behind the file system does not hide it"
	target_rule 57-foreign 'ENV{REPLICA_UNTRUSTED}="1"'
	run udevadm trigger --settle "$target"
	udev_has "$target" "ID_FS_UUID=$uuid" || fail "the label of a device that is not trusted counts"
	new_linear above "$target"
	run udevadm trigger --settle "$above"
	! udev_has "$above" REPLICA_ROLE=replica || fail "it counts by way of a mapping on the device"
}

ktap_header
ktap_case "the devices of an active replica are hidden" active
ktap_case "a replica ends while udev looks at it" looking
ktap_case "an inactive replica is hidden" inactive
ktap_case "a replica of dmsetup hides its legs" plain
ktap_case "internal mapped devices are hidden" internal
ktap_case "a label that others may have written hides nothing" forged
ktap_finish
