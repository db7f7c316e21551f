#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=260
#
# CreateReplica with SyncType Clone: the target is what the source was at the call, whatever
# is written meanwhile, and the association ends, with the wait or with finish, also under
# somebody who has the mapped device open.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"

legs()
{
	new_loop source 16M
	new_loop target 16M
	new_loop meta 4M
	run dd if=/dev/urandom of="$source" bs=1M count=16 conv=fsync status=none
	image=$dev_dir/image-$BASHPID
	defer rm -f "$image"
	run dd if="$source" of="$image" bs=1M iflag=direct status=none
	defer dm_gone r
}

# udev hides what has one.
labels_erased()
{
	local source target meta
	new_loop source 8M
	new_loop target 9M
	new_loop meta 4M
	defer dm_gone r
	run replicactl create "$source" "$target" --name r --sync-type clone --meta "$meta" \
		--settings "$slow"
	wait_for 20 "a label" labelled
	run replicactl set r resync_rate=auto
	run replicactl wait r --timeout 60
	run replicactl finish r
	! labelled || fail "the target has a label"
}

# In the last block, see include/uapi/linux/dm-replica-ondisk.h.
labelled()
{
	blockdev --flushbufs "$target"
	tail -c 4096 "$target" | grep -a dmRepLb1 >/dev/null
}

# Free to be used, and a copy of the instant.
is_clone()
{
	blockdev --flushbufs "$target"
	run cmp "$image" "$target"
	run python3 -c 'import os, sys; os.open(sys.argv[1], os.O_RDWR | os.O_EXCL)' "$target"
}

no_log()
{
	run cmp -n 4096 /dev/zero "$meta"
}

slow=resync_rate=1,region_size=64k

awaited()
{
	legs
	cli create "$source" "$target" --name r --sync-type clone --meta "$meta" \
		--wait-for synchronized --timeout 60
	same "return_value and status" "$(get .return_value) $status" "0 0"
	[[ ! -e /dev/mapper/r ]] || fail "the mapped device is still there"
	is_clone
	no_log
}

# Who has it open goes on, and hears of nothing.
in_use()
{
	legs
	cli create "$source" "$target" --name r --sync-type clone --meta "$meta" \
		--settings "$slow"
	same "return_value and status" "$(get .return_value) $status" "4096 0"
	exec 7<>/dev/mapper/r
	run dd if=/dev/urandom of=/dev/mapper/r bs=1M seek=8 count=8 oflag=direct status=none
	run replicactl set r resync_rate=auto
	run replicactl wait r --timeout 60
	cli_text finish r
	same "the exit status" "$status" 0
	[[ $text == *"the mapped device stays"* ]] || fail "what was said: $text"
	[[ $(dmsetup table r) == "0 32768 linear "* ]] || fail "the table: $(dmsetup table r)"
	dd if=/dev/urandom bs=1M count=4 status=none >&7
	exec 7>&-
	is_clone
	no_log
	compare_legs "$source" /dev/mapper/r
	run replicactl remove r
}

shown()
{
	legs
	run replicactl create "$source" "$target" --name r --sync-type clone --settings "$slow"
	cli status r
	same "SyncType, CopyType" "$(get '"\(.Replica.SyncType) \(.Replica.CopyTypeDescription)"')" \
		"8 UnSyncUnAssoc"
	same "SyncState, ReplicaType, SyncMaintained" \
		"$(get '.Replica | "\(.SyncStateDescription) \(.ReplicaType) \(.SyncMaintained)"')" \
		"CopyInProgress 2 false"
	[[ $(get .Replica.WhenActivated) != null ]] || fail "it has no instant"
	same "WhenActivated" "$(get .Replica.WhenActivated)" "$(get .Replica.WhenEstablished)"
	same "WhenSynchronized, WhenDeactivated" \
		"$(get '.Replica | "\(.WhenSynchronized) \(.WhenDeactivated)"')" "null null"
	same "the job" "$(get .Replica.Job.JobTypeDescription)" Clone
	same "ConsistentNow" "$(get .Replica.ConsistentNow)" false
	cli_text finish r
	same "the exit status" "$status" 4
	cli_text detach r
	same "the exit status" "$status" 5
	cli_text fracture r
	same "the exit status" "$status" 4
	cli capabilities
	same "type 10" "$(get '[.SupportedReplicationTypes[].Value] | index(10) != null')" true
	cli capabilities r
	same "operations" "$(get '[.SupportedOperations[].ValueDescription] | join(" ")')" Abort
	run replicactl abort r
	run dd if=/dev/zero of=/dev/mapper/r bs=1M count=16 oflag=direct status=none
	cli_text finish r
	same "the exit status" "$status" 0
	[[ ! -e /dev/mapper/r ]] || fail "the mapped device is still there"
}

# By either name: the target is no copy yet, so it needs force, and then it is left as it is.
let_go()
{
	local order before
	legs
	before=$(sha256sum <"$source")
	for order in detach dissolve; do
		run replicactl create "$source" "$target" --name r --sync-type clone --meta "$meta" \
			--settings "$slow" --force
		cli_returns 5 5 "$order" r
		complains 'replica "r" is a clone: finish ends it when it is complete, remove at once'
		in_state r Unsynchronized || fail "it does not go on"
		[[ $(dmsetup table r) == *" role clone"* ]] || fail "the table: $(dmsetup table r)"
		cli "$order" r --force
		same "return_value and status" "$(get .return_value) $status" "0 0"
		refuse dmsetup info r
		no_log
		cli_returns 8 8 activate "$meta"
		cli_returns 8 8 wait r
		same "the source" "$(sha256sum <"$source")" "$before"
		run python3 -c 'import os, sys; os.open(sys.argv[1], os.O_RDWR | os.O_EXCL)' "$target"
	done
}

restarted()
{
	legs
	run replicactl create "$source" "$target" --name r --sync-type clone --meta "$meta" \
		--settings "$slow"
	run dd if=/dev/zero of=/dev/mapper/r bs=1M seek=12 count=2 oflag=direct status=none
	run replicactl deactivate r
	cli_text activate "$meta" --force
	same "the exit status" "$status" 5
	run replicactl activate "$meta"
	cli status r
	same "SyncType" "$(get .Replica.SyncType)" 8
	run replicactl set r resync_rate=auto
	run replicactl wait r --timeout 60
	run replicactl finish r
	is_clone
	no_log
}

refused_values()
{
	legs
	cli_returns 1 1 create "$source" "$target" --sync-type clone --mode async
	complains "a clone in mode async is not supported"
	cli_returns 5 5 create "$source" "$target" --sync-type clone --rpo 5
	complains "recovery point objective"
	cli_returns 5 5 create "$source" "$target" --sync-type clone --skip-initial-copy
	complains "cannot be skipped"
	new_replica r "$source" "$target" --force
	cli_returns 5 5 finish r
	complains "is a mirror"
}

ktap_header
ktap_case "a clone that is waited for ends by itself" awaited
ktap_case "a clone in use is finished under its user" in_use
ktap_case "what is shown and refused while it is copied" shown
ktap_case "detach and dissolve of a clone" let_go
ktap_case "a clone goes on after deactivate and activate" restarted
ktap_case "what had a label has none when it is free" labels_erased
ktap_case "parameters that contradict a clone" refused_values
ktap_finish
