#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=150 systemd=yes disks=32M,31M
#
# Three devices hold the same file system while a source in use has its replica: links by
# uuid lead to the source, and so it is after udev has looked at everything once more. At the end the target is a disk like any
# other, with the same content: that is wiped.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/attach.sh"

uuid=11111111-2222-3333-4444-555555555555

link_leads_to_source()
{
	[[ $(readlink -f /dev/disk/by-uuid/"$uuid") == "$(readlink -f /dev/mapper/src)" ]]
}

properties()
{
	udevadm info -q property "$1"
}

hidden()
{
	! properties "$1" | grep -q '^ID_FS_TYPE=.\|/by-uuid/\|/by-label/'
}

settled()
{
	run udevadm settle
	link_leads_to_source || fail "the uuid leads to $(readlink -f /dev/disk/by-uuid/"$uuid")"
	same "blkid" "$(blkid -U "$uuid")" /dev/mapper/src
	[[ ! -e /dev/mapper/src-origin ]] || hidden /dev/mapper/src-origin ||
		fail "the hidden device is not hidden: $(properties /dev/mapper/src-origin)"
}

source_on_disk()
{
	new_disk disk 0
	new_disk target 1
	# The disk itself has nothing that could be found.
	new_source src "0 $(($(dev_sectors "$disk") - 2048)) linear $disk 2048"
}

links()
{
	source_on_disk
	mkdir -p "$dev_dir/mnt"
	run mkfs.ext4 -q -U "$uuid" /dev/mapper/src
	run udevadm trigger --settle "$(readlink -f /dev/mapper/src)"
	wait_for 10 "the link" link_leads_to_source
	run mount /dev/mapper/src "$dev_dir/mnt"
	defer unmounted "$dev_dir/mnt"
	run replicactl create /dev/mapper/src "$target" --wait-for synchronized --timeout 60s
	is_attached src
	settled
	hidden "$target" || fail "the replica is not hidden: $(properties "$target")"
	properties /dev/mapper/src-origin | grep -qx SYSTEMD_READY=0 ||
		fail "systemd may use the hidden device"
	say "udev looks again, at all"
	run udevadm trigger --settle --subsystem-match=block
	settled
	hidden "$target" || fail "the replica is not hidden any more"
	run replicactl detach src
	is_plain src
	run wipefs -qa "$target"
	run udevadm trigger --settle --subsystem-match=block
	settled
}

# The file system of a snapshot is that of its source: who mounts by uuid gets the source.
snapshot()
{
	local store
	source_on_disk
	new_loop store 8M
	run mkfs.ext4 -q -F -U "$uuid" /dev/mapper/src
	run udevadm trigger --settle "$(readlink -f /dev/mapper/src)"
	wait_for 10 "the link" link_leads_to_source
	run replicactl create /dev/mapper/src "$store" --name snap --sync-type snapshot
	defer dm_gone snap
	settled
	properties /dev/mapper/snap | grep -qx "ID_FS_UUID=$uuid" ||
		fail "udev has not looked at the snapshot"
	say "udev looks again, at all"
	run udevadm trigger --settle --subsystem-match=block
	settled
	run replicactl remove snap
	is_plain src
	settled
}

ktap_header
ktap_case "links by uuid lead to the source" links
ktap_case "links by uuid lead to the source of a snapshot" snapshot
ktap_finish
