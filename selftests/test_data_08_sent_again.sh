#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=200
#
# A replica that has no room for a request gets it again (P2, P6): a stripe takes one request
# at a time, and says no to one half of a write when it has taken the other.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
tracing=/sys/kernel/tracing

legs()
{
	local a b feature="irqmode=2 completion_nsec=300000 hw_queue_depth=1 submit_queues=1"
	need test -d "$tracing/events/block/block_bio_complete"
	new_null_blk origin 16M 512 irqmode=2 completion_nsec=50000
	# shellcheck disable=SC2086 # a list
	new_null_blk a 8M 512 $feature
	# shellcheck disable=SC2086
	new_null_blk b 8M 512 $feature
	new_dm replica striped "0 $(dev_sectors "$origin") striped 2 16 $a 0 $b 0"
	new_mirror r "$origin" "$replica" sync skip "$@"
}

write_to()
{
	echo "$2" >"$1"
}

# Completions of the replica with EAGAIN are counted.
watch_replica()
{
	local event=$tracing/events/block/block_bio_complete major minor
	IFS=: read -r major minor <<<"$(lsblk -dno MAJ:MIN "$replica" | xargs)"
	echo >"$tracing/trace"
	write_to "$event/filter" "error == -11 && dev == $((major << 20 | minor))"
	defer write_to "$event/filter" 0
	write_to "$event/enable" 1
	defer write_to "$event/enable" 0
}

again()
{
	legs "$@"
	watch_replica
	spray /dev/mapper/r --size=16M --iodepth=32 --loops=2
	wait_for 60 "the queue to be empty" status_is r queue_entries 0
	idle r
	say "refused: $(grep -c block_bio_complete: "$tracing/trace")"
	at_least "requests that were refused" "$(grep -c block_bio_complete: "$tracing/trace")" 10
	same "state" "$(status r state)" Synchronized
	same "requests under way" "$(status r inflight)" 0
	compare_legs "$origin" "$replica"
}

# shellcheck disable=SC2034 # of new_mirror
in_mode()
{
	local mirror_mode=$1
	again "${@:2}"
}

ktap_header
ktap_case "a private copy" again payload copy
ktap_case "the pages of the writer" again payload shared
ktap_case "by the queue" in_mode async
ktap_finish
