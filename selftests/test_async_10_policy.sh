#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=500
#
# What the policies of the queue do, and what is told meanwhile (P5, P7, P8): writers that are
# held, a status that says that they are slowed down or that the queue was given up, bounds of
# a suspend, a split and a remove, and settings that change under load.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/queue.sh"

# flood: 8 MiB in the background, until flooded.
flood()
{
	fio --name=flood --filename=/dev/mapper/r --direct=1 --rw=randwrite --bs=16k \
		--ioengine=libaio --iodepth=16 --size=8M --output=/dev/null &
	load_pid=$!
	defer end_load "$load_pid"
	defer let_go
}

# When a case fails, nothing may hold the load.
let_go()
{
	message r set on_replica_error track || true
	message r set overflow track || true
}

# flooded: without an error.
flooded()
{
	wait_for 60 "the load to end" no_load
	run wait "$load_pid"
}

no_load()
{
	! kill -0 "$load_pid"
}

slowed_down()
{
	[[ $(status r pending) == 1 ]]
}

queue_full()
{
	(($(status r queue_bytes) > 4128768))
}

held()
{
	(($(status r held_writes) > 0))
}

# What the origin alone had acknowledged is dirty, and nobody hears of more.
holds_writers()
{
	slow 8 50 on_replica_error stop
	small 50
	break_dev "$weak"
	wait_for 20 "r to break" is r Broken
	wait_for 5 "the queue to be empty" status_is r queue_entries 0
	at_least "dirty_bytes" "$(status r dirty_bytes)" 65536
	flood
	wait_for 20 "writes that are held" held
	ktap_pause 1
	kill -0 "$load_pid" || fail "the writers were not held"
	same "state, tracked_writes" "$(status r state tracked_writes)" $'Broken\n0'
	heal_dev "$weak"
	resumed r
	flooded
	equal
}

# Stopped by its own policy, the replica holds them until somebody resumes it.
holds_at_overflow()
{
	slow 8 50 overflow fail on_replica_error stop queue_bytes 4194304
	flood
	wait_for 20 "r to stop" is r Broken
	[[ $(status r reason) == stopped_by_overflow_fail* ]] || fail "reason: $(status r reason)"
	wait_for 20 "writes that are held" held
	ktap_pause 1
	kill -0 "$load_pid" || fail "the writers were not held"
	same "state" "$(status r state)" Broken
	run message r set overflow block
	run message r resume
	flooded
	equal
}

# pending_and 1 PROGRESS
pending_and()
{
	[[ $(status r pending progress | xargs) == "$*" ]]
}

tells_pending()
{
	slow 8 50 queue_bytes 4194304
	same "progress" "$(status r progress)" 2
	flood
	wait_for 30 "writers that are slowed down" pending_and 1 20
	same "state" "$(status r state)" Synchronized
	flooded
	equal
	same "pending, progress" "$(status r pending progress | xargs)" "0 2"
}

# A replica that takes nothing, so that no resync can begin.
tells_behind()
{
	slow 8 1 overflow track queue_bytes 4194304
	hang_dev "$weak"
	defer unhang_dev "$weak"
	flood
	wait_for 20 "the queue to be given up" status_is r overflows 1
	flooded
	same "state, progress, job" "$(status r state progress job | xargs)" "Unsynchronized 20 -"
	[[ $(status r reason) == behind:_the_queue_is_full ]] || fail "reason: $(status r reason)"
	at_least "tracked_writes" "$(status r tracked_writes)" 1
	unhang_dev "$weak"
	equal
	same "progress, overflows" "$(status r progress overflows | xargs)" "2 1"
}

split_refused()
{
	slow 8 400
	small 25
	dmesg_mark
	refuse message r split
	dmesg_has "r: .*the replica did not take what is in the queue in time" ||
		fail "the log gives no reason"
	same "state, overflows" "$(status r state overflows | xargs)" "Synchronized 0"
	at_least "queue_entries" "$(status r queue_entries)" 1
	same "dirty_bytes" "$(status r dirty_bytes)" 0
	equal
	same "jobs" "$(job_field r 1)" ""
}

# beyond CMD...: it has r back with more in the queue than a drain waits for.
beyond()
{
	local mirror_meta
	new_loop mirror_meta 4M
	slow 8 1000
	small 60
	"$@"
	same "what is copied" "$(wait_for 10 "a resync" resynced; job_field r 2)" resync
	equal
	at_least "resync_bytes" "$(status r resync_bytes)" 65536
}

resynced()
{
	[[ $(job_field r 2) == resync ]]
}

removed()
{
	local dirty state consistent
	timed 20 dmsetup remove r
	(($(differing_sectors "$origin" "$replica"))) || fail "the replica was not behind"
	new_mirror r "$origin" "$late" sync skip region_size 128
	# In one look: soon it is over.
	read -r dirty state consistent <<<"$(status r dirty_bytes state consistent_now | xargs)"
	same "state, consistent_now" "$state $consistent" "Unsynchronized 0"
	at_least "dirty_bytes" "$dirty" 65536
}

reloaded()
{
	timed 20 dmsetup suspend r
	same "state, progress" "$(status r state progress | xargs)" "Unsynchronized 20"
	[[ $(status r reason) == *suspend* ]] || fail "reason: $(status r reason)"
	at_least "dirty_bytes" "$(status r dirty_bytes)" 65536
	run dmsetup load r --table "$(mirror_table "$origin" "$late" sync skip region_size 128)"
	run dmsetup resume r
}

# Those that wait for room wait for a replica that may hang for ever.
suspended_full()
{
	slow 8 1 replica_timeout 0 queue_bytes 4194304
	hang_dev "$weak"
	defer unhang_dev "$weak"
	flood
	wait_for 30 "a full queue" queue_full
	timed 35 dmsetup suspend r
	run dmsetup resume r
	flooded
	unhang_dev "$weak"
	equal
}

# The load goes on when block becomes fail, is ended by none, and is slowed down again.
changed()
{
	slow 8 50 queue_bytes 4194304
	start_load /dev/mapper/r --bs=16k --iodepth=16 --size=8M
	wait_for 30 "writers that are slowed down" slowed_down
	same "state" "$(status r state)" Synchronized
	run message r set overflow fail
	wait_for 20 "r to stop" is r Broken
	[[ $(status r reason) == stopped_by_overflow_fail* ]] || fail "reason: $(status r reason)"
	run message r set overflow block
	same "state" "$(status r state)" Broken
	run message r resume
	wait_for 60 "writers of a replica in step that are slowed down" in_step_and_slowed_down
	stop_load
	same "overflows" "$(status r overflows)" 0
	at_most "queue_high_bytes" "$(status r queue_high_bytes)" 4194304
	equal
}

in_step_and_slowed_down()
{
	[[ $(status r state pending | xargs) == "Synchronized 1" ]]
}

# A discard of 1 MiB is one entry, and keeps 16 slots of the log. Half of all slots is enough.
slots_taken()
{
	local mirror_meta
	new_loop mirror_meta 4M
	twins 64
	new_linear weak "$replica"
	new_mirror r "$origin" "$weak" sync skip region_size 128 activity 512 overflow track
	hang_dev "$weak"
	defer unhang_dev "$weak"
	dmesg_mark
	timed 10 blkdiscard /dev/mapper/r
	timed 10 small 40
	same "overflows" "$(status r overflows)" 1
	dmesg_has "r: behind: the log has no room for more regions" ||
		fail "the log gives another reason"
	unhang_dev "$weak"
	equal
}

# The order is not forgotten, though the replica has not returned what it was sent before.
resync_later()
{
	slow 8 1 overflow fail queue_bytes 4194304
	hang_dev "$weak"
	defer unhang_dev "$weak"
	flood
	wait_for 20 "r to stop" is r Broken
	flooded
	run message r resync
	same "state" "$(status r state)" Broken
	unhang_dev "$weak"
	equal
}

# It is as old as what it lacks, not as the order to cut it off.
tells_age()
{
	local lag
	slow 8 200
	small 20
	ktap_pause 1
	lag=$(status r lag_ms)
	at_least "lag_ms" "$lag" 500
	same "consistent_now, consistent_age_ms" \
		"$(status r consistent_now consistent_age_ms | xargs)" "1 0"
	run message r fracture
	same "consistent_now" "$(status r consistent_now)" 0
	at_least "consistent_age_ms" "$(status r consistent_age_ms)" "$lag"
	run message r resync
	equal
}

ktap_header
ktap_case "on_replica_error stop holds writers when the replica fails" holds_writers
ktap_case "and when overflow fail stops it" holds_at_overflow
ktap_case "ProgressStatus is Pending while writers are slowed down" tells_pending
ktap_case "and after the queue was given up" tells_behind
ktap_case "a split that takes too long changes nothing" split_refused
ktap_case "a remove does not wait for all, and the log knows the rest" beyond removed
ktap_case "so does a reload" beyond reloaded
ktap_case "a suspend lets those go who wait for room" suspended_full
ktap_case "block, fail and block again under load" changed
ktap_case "a queue that takes the slots of the log is given up" slots_taken
ktap_case "a resync of a stopped replica begins when it can" resync_later
ktap_case "after a fracture consistent_age_ms has the lag in it" tells_age
ktap_finish
