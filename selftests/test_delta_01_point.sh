#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=600
#
# Delta updates: between two of them the replica is what the origin was at one instant, byte
# by byte, and nobody touches it, while the origin is written to all the time. The writer's
# writes follow each other, so that helpers/point_writer.py can make the image of every
# instant, and knows which one the replica has to be of.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/delta.sh"
day=86400000

# Again and again, with as many writes in between as there are.
at_rest()
{
	local told last=0
	delta_legs 16
	new_delta "$day"
	point_writer
	for _ in 1 2 3 4 5 6 7 8; do
		told=$(returned)
		update
		untouched wait_for 30 "more writes" more_than "$((told + 50))"
		is_point "$told"
		((point > last)) || fail "the replica did not move from write $last"
		last=$point
		at_least "dirty_regions" "$(status r dirty_regions)" 1
		same "consistent_now, whole" "$(status r consistent_now whole)" $'1\n1'
		same "progress" "$(status r progress)" 3
	done
	stop_point_writer
	update
	is_point "$(returned)"
	same "the legs are equal, and known to be" "$(status r dirty_regions progress)" $'0\n2'
	compare_legs "$origin" "$replica"
	idle r
}

smallest()
{
	local delta_region=8
	at_rest
}

# The first copy is an update too.
first_copy()
{
	new_loop origin 16M
	new_loop replica 16M
	put "$origin" 0 16
	before=$dev_dir/before-$BASHPID
	defer rm -f "$before"
	run dd if="$origin" of="$before" bs=1M iflag=direct status=none
	new_mirror r "$origin" "$replica" region_size 128 resync_rate 2 delta_ms "$day"
	same "state, consistent_now" "$(status r state consistent_now)" $'Unsynchronized\n0'
	point_writer
	at_least "writes that waited" "$(status r resync_waits)" 1
	run message r set resync_rate auto
	wait_for 60 "the first copy" in_sync r
	same "the job" "$(job_field r 2) $(job_field r 3)" "initial_copy Completed"
	stop_point_writer
	is_point
}

# A write waits for the copy of what it overwrites, and for nothing else; and does not get into it.
copy_before_write()
{
	local pid
	delta_legs 16
	new_delta "$day" resync_rate 1
	put /dev/mapper/r 0 12
	run dd if="$origin" of="$before" bs=1M iflag=direct status=none
	confirm &
	pid=$!
	defer end_load "$pid"
	wait_for 20 "the update to begin" is r Unsynchronized
	same "consistent_now, whole" "$(status r consistent_now whole)" $'0\n0'
	timed 5 put /dev/mapper/r 14 1
	same "writes that waited for a region that had not changed" "$(status r resync_waits)" 0
	timed 5 put /dev/mapper/r 11 1
	at_least "writes that waited" "$(status r resync_waits)" 1
	timed 5 blkdiscard --zeroout --offset 9M --length 1M /dev/mapper/r
	is r Unsynchronized || fail "the copy was over before it was written to"
	run message r set resync_rate auto
	run wait "$pid"
	same "state" "$(status r state)" Synchronized
	run cmp "$before" "$replica"
	! cmp -s "$before" "$origin" || fail "nothing was written meanwhile"
	same "dirty bytes" "$(status r dirty_bytes)" $((3 << 20))
}

confirm()
{
	message r confirm 120000
}

# By itself, so often, and each of one instant: the writer stops for the look.
by_the_clock()
{
	local job n
	delta_legs 16
	new_delta 1000
	point_writer
	for n in 1 2 3; do
		job=$(status r event_seq)
		wait_for 30 "an update" later_job "$job"
	done
	stop_point_writer
	wait_for 30 "what was written last" status_is r dirty_regions 0
	is_point "$(returned)"
	same "the job" "$(job_field r 2) $(job_field r 3)" "delta Completed"
	# Of updates in a row the last one is remembered.
	same "jobs" "$(message r jobs | grep -c ' delta ')" 1
	at_most "ms since the last point" "$(status r point_age_ms)" 20000
}

# later_job SEQ: an update has come to its end since that event, and another one will.
later_job()
{
	(($(status r event_seq) > $1 + 3)) && in_sync r
}

# Nothing was written: the point in time goes on, and nothing is copied.
idle_origin()
{
	local bytes
	delta_legs 8
	new_delta 1000
	bytes=$(status r resync_bytes)
	untouched ktap_pause 5
	wait_for 20 "the point in time to go on" younger 2000
	same "bytes copied" "$(status r resync_bytes)" "$bytes"
	same "jobs" "$(message r jobs)" ""
	same "lag" "$(status r lag_bytes lag_ms)" $'0\n0'
}

younger()
{
	(($(status r point_age_ms) < $1))
}

lag()
{
	delta_legs 8
	new_delta "$day"
	put /dev/mapper/r 1 2
	ktap_pause 1
	same "lag_bytes" "$(status r lag_bytes)" $((2 << 20))
	at_least "lag_ms" "$(status r lag_ms)" 1000
	at_least "delta_due_ms" "$(status r delta_due_ms)" 86000000
	run message r set delta_ms 60000
	at_most "delta_due_ms" "$(status r delta_due_ms)" 60000
	update
	same "lag" "$(status r lag_bytes lag_ms)" $'0\n0'
}

# The queue ends where updates begin, and begins where they end.
live()
{
	local age
	delta_legs 16
	new_mirror r "$origin" "$replica" sync skip region_size 128
	point_writer
	run message r set delta_ms "$day"
	wait_for 60 "the first update" in_sync r
	is_point
	untouched wait_for 30 "more writes" more_than "$(($(returned) + 50))"
	age=$(status r point_age_ms)
	# While it is copied without them it is as old as it was.
	run message r set resync_rate 1
	run message r set delta_ms 0
	same "state" "$(status r state)" Unsynchronized
	at_least "consistent_age_ms" "$(status r consistent_age_ms)" "$age"
	run message r set resync_rate auto
	wait_for 60 "the legs to be in step" in_sync r
	stop_point_writer
	wait_for 60 "the queue to be empty" status_is r queue_entries 0
	is_point "$(returned)"
	same "point_age_ms, delta_due_ms" "$(status r point_age_ms delta_due_ms)" $'-\n-'
	compare_legs "$origin" "$replica"
}

# Whatever the mapping goes through, an update that is under way is of one instant or none.
suspended()
{
	local told pid
	delta_legs 16
	new_delta "$day" resync_rate 2
	put /dev/mapper/r 0 12
	run dd if="$origin" of="$before" bs=1M iflag=direct status=none
	point_writer
	told=$(returned)
	confirm &
	pid=$!
	defer end_load "$pid"
	wait_for 20 "the update to begin" is r Unsynchronized
	for _ in 1 2 3; do
		run dmsetup suspend --nolockfs r
		run dmsetup resume r
	done
	run dmsetup suspend --noflush --nolockfs r
	run dmsetup resume r
	reload r "$(mirror_table "$origin" "$replica" region_size 128 resync_rate 2 \
		delta_ms "$day")"
	run message r set resync_rate auto
	wait "$pid" || say "the barrier was ended by a suspend"
	wait_for 60 "the update to be complete" in_sync r
	untouched wait_for 30 "more writes" more_than "$((told + 50))"
	is_point "$told"
	stop_point_writer
	idle r
}

operations()
{
	local word
	delta_legs 8
	new_delta "$day"
	put /dev/mapper/r 0 1
	for word in reset_to_sync reset_to_adaptive reverse_roles failover; do
		refuse message r "$word"
	done
	same "state" "$(status r state)" Synchronized
	run cmp "$before" "$replica"
	# A verify looks at what is not known to differ, and holds the next update back.
	run message r verify
	wait_for 30 "the verify" verified
	same "state" "$(status r state)" Synchronized
	# Split keeps the last point in time, and a resync is an update.
	run message r split
	same "state, consistent_now" "$(status r state consistent_now)" $'Split\n1'
	put /dev/mapper/r 3 1
	run cmp "$before" "$replica"
	run message r resync
	wait_for 30 "the update" in_sync r
	compare_legs "$origin" "$replica"
	same "state after a moment" "$(status r state)" Synchronized
	run message r failover force
	same "state" "$(status r state)" Failedover
}

verified()
{
	[[ $(job_field r 2) == verify && $(job_field r 3) == Completed ]]
}

# On the way back the legs have to be in step, which updates never let them be.
way_back()
{
	delta_legs 16
	new_delta "$day"
	point_writer
	run message r failover force
	wait_for 30 "more writes" more_than "$(($(returned) + 50))"
	run message r failback
	wait_for 60 "the legs to have their places back" has_places
	wait_for 60 "an update" in_sync r
	stop_point_writer
	update
	same "delta_due_ms" "$(($(status r delta_due_ms) > 80000000))" 1
	compare_legs "$origin" "$replica"
}

has_places()
{
	[[ $(dmsetup table r) == *" replica $(numbers "$origin") $(numbers "$replica") "* ]] &&
		! is r Failedover && [[ $(status r point_age_ms) != - ]]
}

# numbers DEVICE: major:minor
numbers()
{
	echo $((0x$(stat -c %t "$1"))):$((0x$(stat -c %T "$1")))
}

grammar()
{
	local table
	delta_legs 8
	for table in "sync 2 delta_ms 1000" "adaptive 2 delta_ms 1000" "async 2 delta_ms 999" \
		"async 2 delta_ms 86400001" "async 4 delta_ms 1000 delta_ms 1000" \
		"sync 4 role clone delta_ms 1000" "async 4 rpo 999 delta_ms 1000"; do
		refuse dmsetup create r --table "0 16384 replica $origin $replica - $table"
	done
	new_delta 60000
	table=$(dmsetup table r)
	[[ $table == *" delta_ms 60000"* ]] || fail "it is not in the table: $table"
	refuse message r set rpo 59999
	run message r set rpo 60000
	refuse message r set delta_ms 60001
	refuse message r set delta_ms 1
	refuse message r set overflow fail
	run message r set rpo 80000
	run message r set overflow fail
	refuse message r set rpo 60000
	run message r set overflow block
	run message r set rpo 0
	# Whoever loads the line again does not take the legs for equal.
	put /dev/mapper/r 0 1
	[[ $(dmsetup table r) == *" sync full "* ]] || fail "the line says sync skip"
	update
	table=$(dmsetup table r)
	dm_gone r
	run dmsetup create r --table "$table"
	same "the same table" "$(dmsetup table r)" "$table"
}

ktap_header
ktap_case "the check finds what is planted" run python3 "$helpers/point_writer.py" --selftest
ktap_case "between updates the replica is of one instant" at_rest
ktap_case "the same, with the smallest regions" smallest
ktap_case "the first copy is of one instant" first_copy
ktap_case "a write waits for the copy of what it overwrites" copy_before_write
ktap_case "updates go by the clock" by_the_clock
ktap_case "an origin that is not written to" idle_origin
ktap_case "status tells the lag, and when the next one is due" lag
ktap_case "switched on and off in use" live
ktap_case "suspend, resume and reload during an update" suspended
ktap_case "operations" operations
ktap_case "failover and failback" way_back
ktap_case "the table line, both ways" grammar
ktap_finish
