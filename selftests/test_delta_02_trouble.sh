#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=440
#
# A delta update whose replica hangs, fails or is slow, or whose origin cannot be read: the
# origin goes on and never fails (P1), the replica is not called consistent until an update is
# complete (P8), and then it is of one point in time again.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/delta.sh"
day=86400000

# begun [FEATURE VALUE]...: an update is under way, at 1 MiB/s, of a replica that can break.
begun()
{
	delta_legs 16
	new_linear weak "$replica"
	local copy=$weak
	new_delta "$day" resync_rate 1 "$@"
	put /dev/mapper/r 0 12
	run dd if="$origin" of="$before" bs=1M iflag=direct status=none
	message r confirm 120000 >/dev/null &
	barrier=$!
	defer end_load "$barrier"
	wait_for 20 "the update to begin" is r Unsynchronized
}

# recovered: an update gets through, under load, and is of one instant.
recovered()
{
	local told
	run message r set resync_rate auto
	point_writer
	told=$(returned)
	wait_for 120 "an update" is_consistent
	wait_for 60 "the barrier" barrier_over
	run message r set delta_ms "$day"
	update
	untouched wait_for 30 "more writes" more_than "$((told + 50))"
	is_point "$told"
	stop_point_writer
	idle r
}

is_consistent()
{
	in_sync r && status_is r consistent_now 1
}

barrier_over()
{
	! kill -0 "$barrier" 2>/dev/null
}

# Or a write that is still held would hold the test.
let_go()
{
	message r abort >/dev/null 2>&1 || true
}

# not_of_one_point: and status says so.
not_of_one_point()
{
	same "consistent_now, whole" "$(status r consistent_now whole)" $'0\n0'
	[[ $(status r consistent_age_ms) != - ]] || fail "it was consistent before"
	at_least "lag_ms" "$(status r lag_ms)" 1
}

# The replica takes nothing: the write gives the update up, and nobody waits for the rest.
hangs()
{
	begun replica_timeout 60000 overflow track
	hang_dev "$weak"
	defer unhang_dev "$weak"
	timed 15 put /dev/mapper/r 11 1
	same "the job" "$(job_field r 2) $(job_field r 3)" "delta Exception"
	[[ $(last_job r) == *"delta update given up"* ]] || fail "the job says $(last_job r)"
	not_of_one_point
	# Broken as soon as the clock finds the copy that hangs.
	[[ $(status r state) == @(Unsynchronized|Broken) ]] || fail "state $(status r state)"
	same "progress" "$(status r progress)" 20
	timed 5 put /dev/mapper/r 0 16
	compare_legs "$origin" /dev/mapper/r
	unhang_dev "$weak"
	run dd if="$origin" of="$before" bs=1M iflag=direct status=none
	run message r set delta_ms 1000
	message r resync || say "it goes on by itself"
	recovered
}

# Under overflow block it waits as long as a request to the replica may take.
times_out()
{
	begun replica_timeout 1000
	hang_dev "$weak"
	defer unhang_dev "$weak"
	timed 15 put /dev/mapper/r 0 16
	wait_for 20 "the replica to be missed" is r Broken
	not_of_one_point
	unhang_dev "$weak"
	run dd if="$origin" of="$before" bs=1M iflag=direct status=none
	recovered
}

# A write that waits is one that finds no room: overflow fail stops the replica.
fails_policy()
{
	begun replica_timeout 60000 overflow fail
	hang_dev "$weak"
	defer unhang_dev "$weak"
	timed 15 put /dev/mapper/r 11 1
	same "state" "$(status r state)" Broken
	[[ $(status r reason) == stopped_by_overflow_fail* ]] || fail "reason: $(status r reason)"
	unhang_dev "$weak"
	run dd if="$origin" of="$before" bs=1M iflag=direct status=none
	resumed r
	recovered
}

fails()
{
	begun
	break_dev "$weak"
	timed 15 put /dev/mapper/r 0 16
	wait_for 20 "the replica to be missed" is r Broken
	not_of_one_point
	heal_dev "$weak"
	run dd if="$origin" of="$before" bs=1M iflag=direct status=none
	recovered
}

# Between updates nobody asks for the replica.
fails_at_rest()
{
	delta_legs 8
	new_linear weak "$replica"
	local copy=$weak
	new_delta 3000
	hang_dev "$weak"
	defer unhang_dev "$weak"
	timed 5 put /dev/mapper/r 0 8
	compare_legs "$origin" /dev/mapper/r
	unhang_dev "$weak"
	wait_for 60 "an update" status_is r dirty_regions 0
	compare_legs "$origin" "$replica"
}

# A verify gives a leg as much time between updates as it does without any.
slow_verify()
{
	delta_legs 8
	new_linear weak "$replica"
	local copy=$weak
	new_delta "$day" replica_timeout 60000
	hang_dev "$weak"
	defer unhang_dev "$weak"
	run message r verify
	# What was out when shipping ended would be given up after five seconds.
	ktap_pause 8
	same "state, replica_timeouts" "$(status r state replica_timeouts)" $'Synchronized\n0'
	unhang_dev "$weak"
	wait_for 30 "the verify" verified
	same "state" "$(status r state)" Synchronized
}

verified()
{
	[[ $(job_field r 2) == verify && $(job_field r 3) == Completed ]]
}

# What cannot be read cannot be carried; who writes beside it waits a moment, and no more.
origin_unreadable()
{
	local table
	new_loop disk 16M
	new_loop replica 16M
	put "$disk" 0 16
	run dd if="$disk" of="$replica" bs=1M iflag=direct oflag=direct status=none
	new_linear origin "$disk"
	new_mirror r "$origin" "$replica" sync skip region_size 128 delta_ms "$day"
	put /dev/mapper/r 4 1
	table=$(holed "$disk" 8192 8)
	run dmsetup suspend "$origin"
	run dmsetup load "$origin" --table "$table"
	run dmsetup resume "$origin"
	run message r set delta_ms 1000
	wait_for 60 "the copy to fail" failed_job
	same "consistent_now" "$(status r consistent_now)" 0
	timed 20 dd if=/dev/urandom of=/dev/mapper/r bs=4k seek=1026 count=4 oflag=direct \
		conv=notrunc status=none
	run dmsetup suspend "$origin"
	run dmsetup load "$origin" --table "0 32768 linear $disk 0"
	run dmsetup resume "$origin"
	wait_for 60 "an update" status_is r dirty_regions 0
	compare_legs "$disk" "$replica"
}

# Who writes to what cannot be read does not wait for a copy that nobody can make.
origin_overwritten()
{
	local table pid
	new_loop disk 16M
	new_loop replica 16M
	put "$disk" 0 16
	run dd if="$disk" of="$replica" bs=1M iflag=direct oflag=direct status=none
	new_linear origin "$disk"
	# Without a limit it would wait for ever.
	new_mirror r "$origin" "$replica" sync skip region_size 128 delta_ms "$day" \
		resync_rate 1 replica_timeout 0 overflow block
	put /dev/mapper/r 0 12
	table=$(holed "$disk" 20480 8)
	run dmsetup suspend "$origin"
	run dmsetup load "$origin" --table "$table"
	run dmsetup resume "$origin"
	message r confirm 120000 >/dev/null 2>&1 &
	pid=$!
	defer end_load "$pid"
	wait_for 20 "the update to begin" is r Unsynchronized
	# Of the region of the hole, and not of the hole.
	dd if=/dev/urandom of=/dev/mapper/r bs=4k seek=2562 count=1 oflag=direct conv=notrunc \
		status=none &
	pid=$!
	defer end_load "$pid"
	defer let_go
	wait_for 8 "the write to be over" over "$pid"
	wait_for 10 "the update to be given up" failed_job
	[[ $(last_job r) == *"origin read error"* ]] || fail "the job says $(last_job r)"
	same "consistent_now" "$(status r consistent_now)" 0
	run dmsetup suspend "$origin"
	run dmsetup load "$origin" --table "0 32768 linear $disk 0"
	run dmsetup resume "$origin"
	run message r set resync_rate auto
	run message r resync
	wait_for 60 "an update" status_is r dirty_regions 0
	compare_legs "$disk" "$replica"
}

over()
{
	! kill -0 "$1" 2>/dev/null
}

# A read that it fails is served where nothing has changed since.
origin_read()
{
	local table
	new_loop disk 16M
	new_loop replica 16M
	put "$disk" 0 16
	run dd if="$disk" of="$replica" bs=1M iflag=direct oflag=direct status=none
	new_linear origin "$disk"
	new_mirror r "$origin" "$replica" sync skip region_size 128 delta_ms "$day"
	table=$(holed "$disk" 8192 8)
	run dmsetup suspend "$origin"
	run dmsetup load "$origin" --table "$table"
	run dmsetup resume "$origin"
	run cmp -n 65536 <(dd if=/dev/mapper/r bs=64k skip=64 count=1 iflag=direct status=none) \
		<(dd if="$disk" bs=64k skip=64 count=1 iflag=direct status=none)
	at_least "read_failovers" "$(status r read_failovers)" 1
	run dd if=/dev/urandom of=/dev/mapper/r bs=4k seek=1026 count=1 oflag=direct conv=notrunc \
		status=none
	refuse dd if=/dev/mapper/r of=/dev/null bs=4k skip=1024 count=1 iflag=direct status=none
}

failed_job()
{
	[[ $(job_field r 3) == Exception ]]
}

# The objective: writers are held until what is older is there, or the replica is stopped.
objective()
{
	delta_legs 16
	new_delta 1000 rpo 2000 overflow "$1"
	run message r set resync_rate 1
	put /dev/mapper/r 0 12
	wait_for 30 "an update" is r Unsynchronized
}

held()
{
	local pid
	objective block
	wait_for 30 "the objective to be missed" missed
	dd if=/dev/urandom of=/dev/mapper/r bs=4k seek=4000 count=1 oflag=direct conv=notrunc \
		status=none &
	pid=$!
	defer end_load "$pid"
	ktap_pause 1
	kill -0 "$pid" || fail "the writer was not held"
	run message r set resync_rate auto
	run wait "$pid"
	wait_for 60 "an update" status_is r dirty_regions 0
	compare_legs "$origin" "$replica"
}

missed()
{
	(($(status r rpo_missed) > 0))
}

# A suspend ends the waiting for it.
held_and_suspended()
{
	local pid
	objective block
	wait_for 30 "the objective to be missed" missed
	dd if=/dev/urandom of=/dev/mapper/r bs=4k seek=4000 count=1 oflag=direct conv=notrunc \
		status=none &
	pid=$!
	defer end_load "$pid"
	timed 10 dmsetup suspend --nolockfs r
	run dmsetup resume r
	run message r set resync_rate auto
	run wait "$pid"
	wait_for 60 "an update" status_is r dirty_regions 0
	compare_legs "$origin" "$replica"
}

stopped()
{
	objective fail
	wait_for 30 "the replica to be stopped" is r Broken
	timed 5 put /dev/mapper/r 0 1
	run message r set resync_rate auto
	run message r set rpo 0
	run message r resume
	wait_for 60 "an update" status_is r dirty_regions 0
	compare_legs "$origin" "$replica"
}

# An origin that does not end a write: no instant, and new writes go on after a moment.
no_instant()
{
	local pid
	delta_legs 8
	new_linear slow "$origin"
	new_mirror r "$slow" "$replica" sync skip region_size 128 delta_ms 1000
	put /dev/mapper/r 0 1
	wait_for 30 "an update" status_is r dirty_regions 0
	hang_dev "$slow"
	defer unhang_dev "$slow"
	dd if=/dev/urandom of=/dev/mapper/r bs=4k count=1 oflag=direct conv=notrunc status=none &
	pid=$!
	defer end_load "$pid"
	wait_for 20 "the write to be tracked" dirty
	ktap_pause 3
	same "state, consistent_now" "$(status r state consistent_now)" $'Synchronized\n1'
	unhang_dev "$slow"
	run wait "$pid"
	wait_for 60 "an update" status_is r dirty_regions 0
	compare_legs "$origin" "$replica"
}

# update_ms MIB: so much is written, and carried to the replica; the result is in $took.
update_ms()
{
	local begin
	put /dev/mapper/r 0 "$1"
	begin=${EPOCHREALTIME/[.,]/}
	update
	took=$(((${EPOCHREALTIME/[.,]/} - begin) / 1000))
	say "an update of $1 MiB took $took ms"
}

has_read()
{
	(($(status r reads) > $1))
}

# Beside an application that does not stop reading: what is late has nothing to yield.
late()
{
	local took yielding
	delta_legs 8
	new_delay slow "$replica" 0 50
	local copy=$slow
	new_delta "$day" copy_priority low
	fio --name=reader --filename=/dev/mapper/r --direct=1 --rw=randread --bs=4k \
		--thinktime=5000 --time_based --runtime=600 --output=/dev/null &
	defer end_load "$!"
	wait_for 60 "the application to read" has_read 50
	update_ms 8
	yielding=$took
	run message r set delta_ms 1000
	update_ms 8
	((took * 2 < yielding)) || fail "$took ms when late, $yielding ms when not"
}

dirty()
{
	(($(status r dirty_regions) > 0))
}

ktap_header
ktap_case "a replica that hangs" hangs
ktap_case "a replica that times out" times_out
ktap_case "a write that waits, under overflow fail" fails_policy
ktap_case "a replica that fails" fails
ktap_case "a replica that hangs between updates" fails_at_rest
ktap_case "a verify between updates of a replica that is slow" slow_verify
ktap_case "an origin that cannot be read" origin_unreadable
ktap_case "and a write to what cannot be read" origin_overwritten
ktap_case "an origin that cannot be read between updates" origin_read
ktap_case "an objective that is missed holds writers" held
ktap_case "and a suspend lets them go" held_and_suspended
ktap_case "or stops the replica" stopped
ktap_case "an update that is late yields to nobody" late
ktap_case "an origin that hangs has no instant" no_instant
ktap_finish
