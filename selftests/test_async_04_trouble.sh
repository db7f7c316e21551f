#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=long timeout=600
#
# What becomes of the queue when the replica fails, hangs, or is too slow (P1, P3, P5): the
# origin goes on, what is given up is in the dirty log, the chosen policy acts, and the legs
# become equal again.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/queue.sh"

flood()
{
	run fio --name=flood --filename=/dev/mapper/r --direct=1 --rw=randwrite --bs=16k \
		--ioengine=libaio --iodepth=16 --size="$1" --io_size="${2:-$1}" --output=/dev/null
}

fails()
{
	slow 8 100
	small 100
	at_least "queue_entries" "$(status r queue_entries)" 10
	break_dev "$weak"
	wait_for 20 "r to break" is r Broken
	wait_for 5 "the queue to be empty" status_is r queue_entries 0
	at_least "dirty_bytes" "$(status r dirty_bytes)" 65536
	same "consistent_now" "$(status r consistent_now)" 0
	small 10
	heal_dev "$weak"
	equal
}

hangs()
{
	slow 8 1 replica_timeout 1000
	hang_dev "$weak"
	defer unhang_dev "$weak"
	timed 3 small 50
	wait_for 20 "r to break" is r Broken
	wait_for 5 "the queue to be empty" status_is r queue_entries 0
	at_least "detached" "$(status r detached)" 1
	timed 3 small 20
	timed 15 dmsetup suspend r
	run dmsetup resume r
	unhang_dev "$weak"
	equal
}

# A full queue and a replica that hangs: writers wait no longer than replica_timeout.
hangs_full()
{
	slow 16 1 replica_timeout 2000 queue_bytes 4194304
	hang_dev "$weak"
	defer unhang_dev "$weak"
	timed 15 flood 16M
	same "state" "$(status r state)" Broken
	unhang_dev "$weak"
	equal
}

# Without a limit to the replica's time it is never given up, also beyond the 30 s that there are
# if nobody says anything; a suspend takes what a suspend may take.
hangs_for_ever()
{
	slow 8 1 replica_timeout 0
	hang_dev "$weak"
	defer unhang_dev "$weak"
	timed 3 small 50
	ktap_pause 35
	same "state" "$(status r state)" Synchronized
	at_least "queue_entries" "$(status r queue_entries)" 1
	same "replica_timeouts, detached" "$(status r replica_timeouts detached)" $'0\n0'
	timed 35 dmsetup suspend r
	run dmsetup resume r
	unhang_dev "$weak"
	equal
}

# Far too much for a suspend to wait for: the rest is in the dirty log.
suspend_bound()
{
	slow 8 400
	small 200
	timed 20 dmsetup suspend r
	same "state" "$(status r state)" Unsynchronized
	[[ $(status r reason) == *suspend* ]] || fail "reason: $(status r reason)"
	at_least "dirty_bytes" "$(status r dirty_bytes)" 65536
	run dmsetup resume r
	equal
}

tracks()
{
	slow 16 50 overflow track queue_bytes 4194304
	flood 16M
	at_least "overflows" "$(status r overflows)" 1
	at_least "tracked_writes" "$(status r tracked_writes)" 1
	at_most "queue_high_bytes" "$(status r queue_high_bytes)" 4194304
	equal
}

# The queue is given up before the oldest write is as old as the RPO.
tracks_rpo()
{
	slow 8 200 overflow track rpo 1000
	dmesg_mark
	small 30
	wait_for 10 "the queue to be given up" status_is r overflows 1
	dmesg_has "r: behind: the oldest write nears the RPO" || fail "the log gives no reason"
	equal
}

# Who waits for room need not any more when the administrator says so.
let_go()
{
	slow 16 1 replica_timeout 0 queue_bytes 4194304
	hang_dev "$weak"
	defer unhang_dev "$weak"
	flood 16M &
	load_pid=$!
	defer end_load "$load_pid"
	wait_for 20 "a full queue" queue_full
	run message r set overflow track
	wait_for 20 "the load to end" no_load
	at_least "overflows" "$(status r overflows)" 1
	unhang_dev "$weak"
	equal
}

queue_full()
{
	(($(status r queue_bytes) > 4128768))
}

no_load()
{
	! kill -0 "$load_pid"
}

# Under overflow block a replica that hangs makes it old: nothing is added, and it is told.
missed_rpo()
{
	slow 8 1 rpo 1000
	dmesg_mark
	fio --name=some --filename=/dev/mapper/r --direct=1 --rw=randwrite --bs=4k \
		--ioengine=libaio --iodepth=4 --size=8M --time_based --runtime=120 \
		--output=/dev/null &
	load_pid=$!
	defer end_load "$load_pid"
	wait_for 20 "writes that only the origin has" behind
	hang_dev "$weak"
	defer unhang_dev "$weak"
	wait_for 20 "a warning" dmesg_has "r: RPO: missed: a write is .* ms behind, the RPO is 1000 ms"
	at_least "rpo_missed" "$(status r rpo_missed)" 1
	lag=$(status r lag_bytes)
	ktap_pause 2
	same "lag_bytes" "$(status r lag_bytes)" "$lag"
	same "overflows" "$(status r overflows)" 0
	unhang_dev "$weak"
	wait_for 20 "the end of it" dmesg_has "r: RPO: no write is older than the RPO any more"
	end_load "$load_pid"
	equal
}

# The rate of the replica has to be known first.
behind()
{
	(($(status r lag_bytes)))
}

stops()
{
	slow 16 50 overflow fail queue_bytes 4194304
	flood 16M
	wait_for 10 "r to stop" is r Broken
	[[ $(status r reason) == stopped* ]] || fail "reason: $(status r reason)"
	wait_for 20 "the queue to be empty" status_is r queue_entries 0
	ktap_pause 3
	same "state" "$(status r state)" Broken
	run message r resume
	equal
}

fractured()
{
	local before
	slow 8 100
	small 50
	run message r fracture
	wait_for 20 "the queue to be empty" status_is r queue_entries 0
	before=$(sha256sum "$replica")
	ktap_pause 1
	same "the replica" "$(sha256sum "$replica")" "$before"
	at_least "dirty_bytes" "$(status r dirty_bytes)" 65536
	run message r resync
	equal
}

# A write that the origin fails is on neither leg in the end, or on both: it was told to have
# failed, and comes behind much that the replica has not got yet.
origin_fails()
{
	local linear
	twins 8
	new_linear source "$origin"
	new_delay late "$replica" 0 300
	new_mirror r "$source" "$late" sync skip region_size 128
	linear=$(dmsetup table "$source")
	small 10
	modprobe -q dm-flakey || true
	set_table "$source" "0 $(dev_sectors "$origin") flakey $origin 0 0 600 1 error_writes"
	refuse dd if=/dev/urandom of=/dev/mapper/r bs=4k seek=1024 count=1 oflag=direct \
		conv=notrunc status=none
	set_table "$source" "$linear"
	equal
}

# Cut off and copied again, with a full queue each time and under load.
again_and_again()
{
	local n
	slow 16 5 queue_bytes 4194304
	start_load /dev/mapper/r --size=16M --verify=crc32c --verify_backlog=64 --verify_fatal=1
	for n in 1 2 3 4; do
		run message r fracture
		run message r resync
		wait_for 90 "the legs to be in step" in_sync r
	done
	stop_load
	equal
}

# One replica's queue does not take what is meant for all.
shared_memory()
{
	local before=/sys/module/dm_replica/parameters/queue_memory
	echo 4 >"$before"
	defer eval "echo 0 >$before"
	slow 16 20
	flood 16M 8M
	at_most "queue_high_bytes" "$(status r queue_high_bytes)" 4194304
	equal
	run message r set overflow track
	dmesg_mark
	flood 16M 8M
	dmesg_has "r: behind: the queues of all replicas have used up queue_memory" ||
		fail "the log gives no reason"
	equal
}

# Both legs acknowledge: nothing is behind that could be given up, so who finds no room waits.
waits_in_sync()
{
	slow 16 50 overflow track queue_bytes 4194304
	run message r reset_to_adaptive
	hang_dev "$weak"
	defer unhang_dev "$weak"
	fio --name=wide --filename=/dev/mapper/r --direct=1 --rw=write --bs=256k \
		--ioengine=libaio --iodepth=32 --size=8M --output=/dev/null &
	load_pid=$!
	defer end_load "$load_pid"
	wait_for 20 "writers that wait" status_is r pending 1
	same "ack, overflows" "$(status r ack) $(status r overflows)" "sync 0"
	unhang_dev "$weak"
	wait_for 60 "the load to end" no_load
	same "overflows" "$(status r overflows)" 0
	equal
}

ktap_header
ktap_case "the replica fails" fails
ktap_case "the replica hangs" hangs
ktap_case "it hangs while the queue is full" hangs_full
ktap_case "it hangs, and may do so for ever" hangs_for_ever
ktap_case "a suspend does not wait for all of a long queue" suspend_bound
ktap_case "overflow track gives the queue up, and gets in step" tracks
ktap_case "overflow track acts before the RPO is over" tracks_rpo
ktap_case "overflow block adds nothing when the RPO is missed, and says so" missed_rpo
ktap_case "overflow track lets those go who wait for room" let_go
ktap_case "while both legs acknowledge, nothing is given up for want of room" waits_in_sync
ktap_case "overflow fail stops the replica until it is resumed" stops
ktap_case "fracture drops the queue at once" fractured
ktap_case "a write that the origin fails, behind others" origin_fails
ktap_case "cut off and copied again under load" again_and_again
ktap_case "queues together keep to queue_memory" shared_memory
ktap_finish
