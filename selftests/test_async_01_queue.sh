#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=450
#
# The queue (P4, P5, P8): in mode async a write waits for the origin alone, what the replica
# lacks is told, memory stays within its bound, modes change under load, and whoever needs
# the replica to be up to date waits for the queue.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/queue.sh"

# Fifty writes to a replica that takes 200 ms for each: one after the other they would take
# ten seconds.
acknowledged_early()
{
	slow 8 200
	same "mode and ack" "$(status r mode ack)" $'async\nasync'
	timed 4 dd if=/dev/urandom of=/dev/mapper/r bs=4k count=50 oflag=direct conv=notrunc \
		status=none
	at_least "queue_entries" "$(status r queue_entries)" 1
	at_least "lag_bytes" "$(status r lag_bytes)" 4096
	at_least "lag_ms" "$(status r lag_ms)" 1
	same "state, consistent_now" "$(status r state consistent_now)" $'Synchronized\n1'
	(($(differing_sectors "$origin" "$replica"))) || fail "the replica was not behind"
	equal
	same "lag_bytes, lag_ms" "$(status r lag_bytes lag_ms)" $'0\n0'
	at_least "queue_high_entries" "$(status r queue_high_entries)" 2
	at_least "queue_high_age_ms" "$(status r queue_high_age_ms)" 200
}

# More than the queue holds, for a replica that takes little at a time.
bounded()
{
	slow 32 40 queue_bytes 4194304
	run fio --name=flood --filename=/dev/mapper/r --direct=1 --rw=randwrite --bs=16k \
		--ioengine=libaio --iodepth=16 --size=32M --io_size=24M --output=/dev/null
	at_most "queue_high_bytes" "$(status r queue_high_bytes)" 4194304
	at_least "queue_high_bytes" "$(status r queue_high_bytes)" 2097152
	same "overflows" "$(status r overflows)" 0
	at_least "delayed writes" "$(($(status r delays | tr , +)))" 16
	equal
}

# Modes change under a load that reads back what it wrote.
switched()
{
	local mode
	slow 16 5
	start_load /dev/mapper/r --verify=crc32c --verify_backlog=32 --verify_fatal=1 --bs=8k
	for mode in sync async adaptive sync adaptive async sync async; do
		run message r "reset_to_$mode"
		same "mode" "$(status r mode)" "$mode"
		[[ $mode == adaptive ]] || same "ack" "$(status r ack)" "$mode"
		ktap_pause 0.5
	done
	stop_load
	equal
}

# After the order to be synchronous the replica has all that was ever acknowledged.
sync_means_both()
{
	slow 8 50
	small 40
	run message r reset_to_sync
	small 1
	same "lag_bytes" "$(status r lag_bytes)" 0
	compare_legs "$origin" "$replica"
	# Nothing goes through the queue any more.
	before=$(status r queue_high_entries)
	small 20
	same "queue_high_entries" "$(status r queue_high_entries)" "$before"
	same "queue_entries" "$(status r queue_entries)" 0
	equal
}

confirmed()
{
	local answer
	slow 8 30
	small 40
	run message r confirm 30000
	compare_legs "$origin" "$replica"
	small 40
	answer=$(refuse message r confirm 100)
	say "$answer"
	[[ $answer == *"timed out"* ]] || fail "it was refused for another reason: $answer"
	equal
}

suspended()
{
	slow 8 30
	small 40
	run dmsetup suspend r
	compare_legs "$origin" "$replica"
	run dmsetup resume r
	small 40
	reload r "$(mirror_mode=sync mirror_table "$origin" "$late" sync skip region_size 128)"
	same "mode" "$(status r mode)" sync
	compare_legs "$origin" "$replica"
	small 1
	equal
}

split_off()
{
	slow 8 30
	start_load /dev/mapper/r --size=4M --rate_iops=30
	run message r split
	same "state, consistent_now" "$(status r state consistent_now)" $'Split\n1'
	same "queue_entries" "$(status r queue_entries)" 0
	stop_load
	run message r resync
	synced r
	equal
}

# A read that the origin fails must not get what the replica still lacks.
no_stale_read()
{
	local disk
	twins 8
	new_linear disk "$origin"
	new_linear weak "$replica"
	new_mirror r "$disk" "$weak" sync skip region_size 128
	hang_dev "$weak"
	defer unhang_dev "$weak"
	small 2
	at_least "queue_entries" "$(status r queue_entries)" 1
	set_table "$disk" "$(holed "$origin" 0 8)"
	refuse dd if=/dev/mapper/r of=/dev/null bs=4k count=1 iflag=direct status=none
	unhang_dev "$weak"
	wait_for 20 "the queue to be empty" status_is r queue_entries 0
	run dd if=/dev/mapper/r of="$dev_dir/read-$$" bs=4k count=1 iflag=direct status=none
	defer rm -f "$dev_dir/read-$$"
	same "read_failovers" "$(status r read_failovers)" 1
	set_table "$disk" "0 $(dev_sectors "$origin") linear $origin 0"
	cmp -n 4096 "$dev_dir/read-$$" "$origin" || fail "the read got something else"
	equal
}

ktap_header
ktap_case "a write waits for the origin alone" acknowledged_early
ktap_case "the queue keeps to its bound, and slows writers down" bounded
ktap_case "modes change under load" switched
ktap_case "after a change to sync both legs have it" sync_means_both
ktap_case "confirm waits for the queue" confirmed
ktap_case "suspend and reload drain it" suspended
ktap_case "split waits for the queue" split_off
ktap_case "a failed read gets no old data" no_stale_read
ktap_finish
