#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=240
#
# A store that is too small: events tell of it before it is full, the snapshot is Broken
# when it is, and the source goes on, unharmed. And what is refused, with nothing changed.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/snapshot.sh"

has_event()
{
	jq -e "select($2)" <"$1" >/dev/null 2>&1
}

# store_over PERCENT
store_over()
{
	replicactl --json status snap | jq -e ".Replica.Store.PercentUsed >= $1" >/dev/null
}

fills_up()
{
	local source leg table store before block=0 events=$dev_dir/events
	new_source 8M
	new_loop store 1M
	take snap "$source" "$store"
	replicactl --json events snap >"$events" &
	defer kill_and_wait $!
	wait_for 10 "the state of the snapshot" has_event "$events" '.EventType == 256'
	until store_over 82; do
		run dd if=/dev/urandom of="$source" bs=32k seek="$block" count=1 oflag=direct status=none
		block=$((block + 1))
	done
	wait_for 20 "the event of 80 percent" has_event "$events" \
		'.EventTypeDescription == "Store" and (.Reason | startswith("the store is 8"))'
	until store_over 95; do
		run dd if=/dev/urandom of="$source" bs=16k seek=$((block * 2)) count=1 oflag=direct status=none
		block=$((block + 1))
	done
	wait_for 20 "the event of 95 percent" has_event "$events" \
		'.EventTypeDescription == "Store" and (.Reason | startswith("the store is 9"))'
	in_state snap Synchronized || fail "it is lost too early"
	before=$(sum "$leg")
	run dd if=/dev/urandom of="$dev_dir/new" bs=1M count=4 status=none
	run dd if="$dev_dir/new" of="$source" bs=1M seek=4 oflag=direct status=none
	wait_for 20 "the event of the end" has_event "$events" \
		'.EventTypeDescription == "State" and .CopyStateDescription == "Broken"'
	has_event "$events" 'select(.EventTypeDescription == "Store")' || fail "no event before the end"
	cmp "$dev_dir/new" <(dd if="$source" bs=1M skip=4 iflag=direct status=none) ||
		fail "the source lost a write"
	[[ $(sum "$leg") != "$before" ]] || fail "nothing was written"
	refuse dd if=/dev/mapper/snap of=/dev/null bs=4k count=1 iflag=direct status=none
	cli status snap
	same CopyState "$(get .Replica.CopyState)" 5
	same ProgressStatus "$(get .Replica.ProgressStatus)" 3
	same SyncState "$(get .Replica.SyncStateDescription)" Broken
	[[ $(get .Replica.Reason) == "the store is full"* ]] || fail "reason: $(get .Replica.Reason)"
	cli_returns 4 4 restore snap
	complains "is Broken, and nothing can be restored"
	cli_returns 4 4 wait snap --timeout 5
	run replicactl remove snap
	all_as_before "$store"
	same "the source afterwards" "$(sum "$source")" "$(sum "$leg")"
}

# refused_snapshot RETURN EXIT SENTENCE SOURCE STORE [OPTION]...: and nothing has changed
refused_snapshot()
{
	local value=$1 exit=$2 sentence=$3 before
	shift 3
	before=$(world "$leg" "$store")
	cli_returns "$value" "$exit" create --sync-type snapshot "$@"
	complains "$sentence"
	same "all the rest" "$(world "$leg" "$store")" "$before"
}

refusals()
{
	local source leg table store small target
	new_source 8M
	new_loop store 8M
	new_loop small 32K
	refused_snapshot 1 1 "is no mapped device" "$leg" "$store"
	refused_snapshot 5 5 "are the same device" "$source" "$source"
	refused_snapshot 5 5 "overlap" "$source" "$leg"
	refused_snapshot 5 5 "less than the 65536 of the smallest store" "$source" "$small"
	refused_snapshot 8 8 "does not exist" "$source" /dev/none
	refused_snapshot 5 5 "cannot be a name" "$source" "$store" --name a/b
	refused_snapshot 5 5 "already a mapped device" "$source" "$store" --name "${source##*/}"
	refused_snapshot 1 1 "mode async is not supported" "$source" "$store" --mode async
	refused_snapshot 5 5 "no replication settings" "$source" "$store" --settings payload=copy
	refused_snapshot 5 5 "no log" "$source" "$store" --meta "$small"
	mkfs.ext4 -q "$store"
	refused_snapshot 4 4 "carries data: ext4" "$source" "$store"
	new_loop target 8M
	new_replica mirror "$small" "$target"
	refused_snapshot 1 1 "is a mirror" /dev/mapper/mirror "$store" --force
	refused_snapshot 4 4 "already the replica of" "$source" "$target"
	run dmsetup suspend "$source"
	refused_snapshot 4 4 "is suspended" "$source" "$store" --force
	run dmsetup resume "$source"
	take snap "$source" "$store" --force
	refused_snapshot 1 1 "target \"snapshot\"" /dev/mapper/snap "$small"
	refused_snapshot 1 1 "hidden part of a snapshot" /dev/mapper/snap-base "$small"
	cli_returns 1 1 resync snap
	complains "is not for snapshots"
	cli_returns 1 1 suspend snap
	complains "is not for snapshots"
	cli_returns 1 1 set snap resync_rate=1
	complains "is not for snapshots"
	cli_returns 1 1 verify snap --no-wait
	complains "is not for snapshots"
	cli_returns 1 1 resize snap
	complains "is not for snapshots"
	cli dissolve snap
	same "return_value of dissolve" "$(get .return_value)" 0
	mapping_gone snap || fail "the snapshot is there"
	all_as_before
}

stale_store()
{
	local source leg table store
	new_source 8M
	new_loop store 8M
	take snap "$source" "$store"
	run dd if=/dev/urandom of="$source" bs=64k count=1 oflag=direct status=none
	say "as after a reboot: all tables are gone, and the source comes up by itself"
	run dmsetup remove snap
	run dmsetup load "$source" --table "$table"
	run dmsetup resume "$source"
	run dmsetup remove snap-base
	cli_returns 4 4 create --sync-type snapshot "$source" "$store"
	complains "carries data: DM_snapshot_cow"
}

ktap_header
ktap_case "a store that fills up is told of before it is full" fills_up
ktap_case "what cannot be is refused, with a sentence" refusals
ktap_case "the store of a snapshot that is gone is not taken for one" stale_store
ktap_finish
