#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=400
#
# The queue (P4, P5, P8): in mode async a write waits for the origin alone, what the replica
# lacks is told, memory stays within its bound, modes change under load, and whoever needs
# the replica to be up to date waits for the queue.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
mirror_mode=async

# slow MIB DELAY_MS [FEATURE VALUE]...: equal legs, the replica behind a delay.
slow()
{
	twins "$1"
	new_delay late "$replica" 0 "$2"
	new_mirror r "$origin" "$late" sync skip region_size 128 "${@:3}"
}

# small COUNT: writes of 4 KiB, one after the other.
small()
{
	run dd if=/dev/urandom of=/dev/mapper/r bs=4k count="$1" oflag=direct conv=notrunc \
		status=none
}

equal()
{
	idle r
	same "state" "$(status r state)" Synchronized
	compare_legs "$origin" "$replica"
}

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

# The same with mode sync, so that the case above means something.
acknowledged_late()
{
	local begin
	mirror_mode=sync slow 8 200
	begin=${EPOCHREALTIME/[.,]/}
	small 10
	at_least "ms for 10 writes" $(((${EPOCHREALTIME/[.,]/} - begin) / 1000)) 2000
	same "queue_high_entries" "$(status r queue_high_entries)" 0
	equal
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

# Larger than all writes that fit.
large_writes()
{
	slow 32 20 queue_bytes 4194304
	run dd if=/dev/urandom of=/dev/mapper/r bs=8M count=4 oflag=direct conv=notrunc status=none
	at_most "queue_high_bytes" "$(status r queue_high_bytes)" 4194304
	equal
}

# A live queue is made smaller than what it holds, and larger again.
resized()
{
	slow 16 50
	start_load /dev/mapper/r --iodepth=16
	wait_for 20 "a queue of more than 4 MiB" more_than 4194304
	run message r set queue_bytes 4194304
	wait_for 60 "the queue to fit" less_than 4194304
	run message r set queue_bytes 8388608
	wait_for 60 "the queue to grow" more_than 4194304
	at_most "queue_bytes" "$(status r queue_bytes)" 8388608
	stop_load
	equal
}

more_than()
{
	(($(status r queue_bytes) > $1))
}

less_than()
{
	(($(status r queue_bytes) <= $1))
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
	slow 8 30
	small 40
	run message r confirm 30000
	compare_legs "$origin" "$replica"
	small 40
	refuse message r confirm 100
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

removed()
{
	slow 8 30
	small 40
	run dmsetup remove r
	compare_legs "$origin" "$replica"
}

# A read that the origin fails must not get what the replica still lacks.
no_stale_read()
{
	local disk
	twins 8
	new_linear disk "$origin"
	new_delay late "$replica" 0 500
	new_mirror r "$disk" "$late" sync skip region_size 128
	small 2
	set_table "$disk" "$(holed "$origin" 0 8)"
	refuse dd if=/dev/mapper/r of=/dev/null bs=4k count=1 iflag=direct status=none
	wait_for 20 "the queue to be empty" status_is r queue_entries 0
	run dd if=/dev/mapper/r of="$dev_dir/read-$$" bs=4k count=1 iflag=direct status=none
	defer rm -f "$dev_dir/read-$$"
	same "read_failovers" "$(status r read_failovers)" 1
	set_table "$disk" "0 $(dev_sectors "$origin") linear $origin 0"
	cmp -n 4096 "$dev_dir/read-$$" "$origin" || fail "the read got something else"
	equal
}

# The application may use its buffer again at once.
own_bytes()
{
	new_null_blk origin 16M 512 completion_nsec=100000 irqmode=2
	new_null_blk replica 16M 512 completion_nsec=2000000 irqmode=2
	new_mirror r "$origin" "$replica" sync skip payload shared
	run python3 "$(dirname "$0")/helpers/changing_writer.py" /dev/mapper/r 4 2 65536
	equal
	same "payload_shared" "$(status r payload_shared)" 0
}

verified()
{
	slow 16 5
	start_load /dev/mapper/r --size=16M --iodepth=4 --rate_iops=40
	run message r verify
	wait_for 60 "the verify to end" verify_over
	same "the job" "$(job_field r 2) $(job_field r 3)" "verify Completed"
	stop_load
	equal
}

verify_over()
{
	[[ $(job_field r 3) == Completed || $(job_field r 3) == Terminated ]]
}

ktap_header
ktap_case "a write waits for the origin alone" acknowledged_early
ktap_case "in mode sync it waits for both" acknowledged_late
ktap_case "the queue keeps to its bound, and slows writers down" bounded
ktap_case "large writes fit" large_writes
ktap_case "its size changes under load" resized
ktap_case "modes change under load" switched
ktap_case "after a change to sync both legs have it" sync_means_both
ktap_case "confirm waits for the queue" confirmed
ktap_case "suspend and reload drain it" suspended
ktap_case "split waits for the queue" split_off
ktap_case "remove drains it" removed
ktap_case "a failed read gets no old data" no_stale_read
ktap_case "the replica gets what was written" own_bytes
ktap_case "verify allows for the queue" verified
ktap_finish
