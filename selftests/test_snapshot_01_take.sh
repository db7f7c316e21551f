#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=150
#
# A snapshot of a mapped device in use holds, byte for byte, what the device held when it
# was made, while writes go on and more snapshots come and go; at the end the device has
# its own table again, and nothing is left.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/snapshot.sh"

one_snapshot()
{
	local source leg table store before
	new_source
	new_loop store 16M
	before=$(sum "$source")
	take snap "$source" "$store"
	same "the snapshot" "$(sum /dev/mapper/snap)" "$before"
	run dd if=/dev/urandom of="$source" bs=64k count=100 seek=17 oflag=direct status=none
	same "the snapshot after writes to the source" "$(sum /dev/mapper/snap)" "$before"
	[[ $(sum "$source") != "$before" ]] || fail "the source does not change"
	before=$(sum "$source")
	run dd if=/dev/urandom of=/dev/mapper/snap bs=64k count=9 seek=31 oflag=direct status=none
	same "the source after writes to the snapshot" "$(sum "$source")" "$before"
	cli status snap
	same CopyState "$(get .Replica.CopyState)" 4
	same SyncType "$(get .Replica.SyncType)" 7
	same "SyncState, ReplicaType, SyncMaintained" \
		"$(get '.Replica | "\(.SyncStateDescription), \(.ReplicaTypeDescription), \(.SyncMaintained)"')" \
		"Idle, After Delta, false"
	same "CopyType, CopyMethodology" \
		"$(get '.Replica | "\(.CopyType) \(.CopyTypeDescription) \(.CopyMethodology)"')" \
		"4 UnSyncAssoc 6"
	same "times that nobody keeps" "$(get '.Replica | [.WhenEstablished, .WhenSynced,
		.WhenSynchronized, .WhenActivated, .WhenDeactivated, .WhenSuspended] | tostring')" \
		"[null,null,null,null,null,null]"
	same Source "$(get .Replica.SourceStorageVolume)" "$source"
	(($(get .Replica.Store.UsedBytes) > 6000000)) || fail "no use of the store is told"
	cli remove snap
	same "the exit status" "$status" 0
	all_as_before "$store"
	same "the source without the snapshot" "$(sum "$source")" "$before"
}

under_load()
{
	local source leg table store more before
	new_source 4M
	new_loop store 8M
	new_loop more 8M
	run dd if=/dev/zero of="$source" bs=1M count=2 oflag=direct status=none
	write_rounds "$source" &
	defer kill_and_wait $!
	wait_for 20 "the writer" round_is "$source" 2
	take one "$source" "$store"
	take two "$source" "$more"
	run check_rounds /dev/mapper/one
	run check_rounds /dev/mapper/two
	before=$(sum /dev/mapper/two)
	run replicactl remove one
	same "the second without the first" "$(sum /dev/mapper/two)" "$before"
	run check_rounds /dev/mapper/two
	run replicactl detach two
	all_as_before "$store"
}

mounted()
{
	local source leg table store
	need mkfs.ext4 -V
	new_source
	new_loop store 16M
	run mkfs.ext4 -q "$source"
	mkdir -p "$dev_dir/mnt" "$dev_dir/old"
	run mount "$source" "$dev_dir/mnt"
	defer umount "$dev_dir/mnt"
	echo before >"$dev_dir/mnt/file"
	take snap "$source" "$store"
	echo after >"$dev_dir/mnt/file"
	sync
	run e2fsck -fn /dev/mapper/snap
	run mount /dev/mapper/snap "$dev_dir/old"
	defer umount "$dev_dir/old"
	same "the file in the snapshot" "$(cat "$dev_dir/old/file")" before
	cli_returns 4 4 remove snap
	complains "is in use"
	run umount "$dev_dir/old"
	deferred=("${deferred[@]:0:${#deferred[@]}-1}")
	run replicactl remove snap
	same "the file" "$(cat "$dev_dir/mnt/file")" after
	all_as_before "$store"
}

ktap_header
ktap_case "a snapshot keeps every byte, and goes without a trace" one_snapshot
ktap_case "two snapshots under load are two points in time" under_load
ktap_case "a mounted file system is whole in its snapshot" mounted
ktap_finish
