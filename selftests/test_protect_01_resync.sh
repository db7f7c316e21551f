#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=360
#
# With protect snapshot no resync writes a byte to a replica that is a consistent copy before
# somebody has said that it has a snapshot, whatever starts the resync, and the origin does
# not wait meanwhile. What is torn already is not protected again, after a crash neither.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

# setup [FEATURE VALUE]...: in step, with a log, and the replica on $weak, which can fail.
setup()
{
	new_loop origin 16M
	new_loop leg 17M
	new_loop mirror_meta 1M
	put "$origin" 0 16
	new_linear weak "$leg"
	start "$@"
	synced r
	wait_for 20 "the log to have it as whole" status_is r whole 1
}

start()
{
	new_mirror r "$origin" "$weak" region_size 128 protect snapshot "$@"
}

# old: what the replica holds of the mirrored sectors, past the page cache.
old()
{
	dd if="$leg" bs=1M count=16 iflag=direct status=none | md5sum
}

waits()
{
	status_is r waits_protected 1
}

# waiting TYPE: a resync waits, and says so; nothing of it has come to the replica, which is $1.
waiting()
{
	local before=$1 type=${2:-resync} copied
	wait_for 30 "the resync to wait" waits
	copied=$(status r resync_bytes)
	same "state, progress, whole" "$(status r state progress whole)" $'Unsynchronized\n20\n1'
	same "the reason" "$(status r reason)" waits_for_the_snapshot_of_the_replica
	same "the job" "$(job_field r 2 3)" "$type"$'\nStarting'
	# The origin goes on, and what it gets is tracked.
	timed 5 dd if=/dev/urandom of=/dev/mapper/r bs=64k seek=40 count=3 oflag=direct \
		conv=notrunc,fsync status=none
	at_least "dirty_regions" "$(status r dirty_regions)" 3
	ktap_pause 1
	waits || fail "it does not wait any more"
	same "the replica" "$(old)" "$before"
	same "resync_bytes" "$(status r resync_bytes)" "$copied"
}

# let_go: there is a snapshot; the resync goes on, with the same job, and ends.
let_go()
{
	local job
	job=$(job_field r 1)
	run message r protected "$job"
	synced r
	same "the job" "$(job_field r 1 3)" "$job"$'\nCompleted'
	wait_for 20 "the log to have it as whole" status_is r whole 1
	compare_legs "$origin" "$weak" "$(dev_sectors "$origin")"
}

# The leg is away while there are writes, and comes back by itself.
returns()
{
	local before job
	setup
	before=$(old)
	break_dev "$weak"
	put /dev/mapper/r 2 2
	is r Broken || fail "the replica is not Broken"
	heal_dev "$weak"
	waiting "$before"
	job=$(job_field r 1)
	refuse message r protected $((job + 1))
	refuse message r protected 0
	refuse message r protected x
	same "the replica" "$(old)" "$before"
	let_go
	refuse message r protected "$job"
}

# Each way in which somebody can begin a resync.
orders()
{
	local operation before
	setup
	for operation in fracture split suspend deactivate; do
		before=$(old)
		run message r "$operation"
		put /dev/mapper/r 5 1
		message r resync || message r resume || message r activate ||
			fail "it does not go on after $operation"
		waiting "$before"
		let_go
	done
	before=$(old)
	run message r prepare force
	run message r activate
	waiting "$before"
	run message r cancel "$(job_field r 1)"
	same "state, whole" "$(status r state whole)" $'Aborted\n1'
	same "the replica" "$(old)" "$before"
	run message r resync
	waiting "$before"
	let_go
}

crashes=0

# crash: the power goes; copies of all three devices are what is found afterwards, that of the
# log first. Writes may go on meanwhile to what the log has as dirty.
crash()
{
	local device copy
	for device in mirror_meta origin leg; do
		copy=$dev_dir/crash-$device-$BASHPID-$((crashes += 1))
		defer rm -f "$copy"
		cp --sparse=always "$(losetup -n -O BACK-FILE "${!device}")" "$copy"
		printf -v "$device" %s "$(losetup --show -f "$copy")"
		defer loop_gone "${!device}"
	done
}

# after_it [FEATURE VALUE]...: it comes up with what the crash has left.
after_it()
{
	run dmsetup remove r
	new_linear weak "$leg"
	start "$@"
}

# In step when the power goes: the regions of the intents are copied, and the replica is whole.
after_a_crash()
{
	local before
	setup
	start_load /dev/mapper/r --offset=1M --size=1M
	wait_for 20 "regions to be active" active
	crash
	stop_load
	before=$(old)
	after_it
	waiting "$before"
	# It waits as well when the power goes once more before it has begun.
	crash
	after_it
	waiting "$before"
	let_go
}

active()
{
	(($(status r active_regions) >= 5))
}

# The power goes in the middle of the copy: the replica is torn, and there is nothing to wait
# for; what the tool has kept stays the last consistent copy.
torn()
{
	setup resync_rate 1
	run message r fracture
	put /dev/mapper/r 0 12
	run message r resync
	wait_for 20 "the resync to wait" waits
	run message r protected "$(job_field r 1)"
	wait_for 30 "the copy to be under way" copying
	same "whole" "$(status r whole waits_protected)" $'0\n0'
	crash
	after_it resync_rate 1
	same "waits, whole" "$(status r waits_protected whole)" $'0\n0'
	wait_for 30 "the copy to go on" copying
	# Nor when it is interrupted by a failure.
	break_dev "$weak"
	wait_for 30 "the replica to be missed" is r Broken
	heal_dev "$weak"
	wait_for 60 "the copy to go on" copying
	same "waits, whole" "$(status r waits_protected whole)" $'0\n0'
	run message r set resync_rate auto
	synced r
	wait_for 20 "the log to have it as whole" status_is r whole 1
	compare_legs "$origin" "$weak" "$(dev_sectors "$origin")"
}

copying()
{
	is r Unsynchronized && (($(status r resync_bytes) > 0)) && [[ $(job_field r 3) == Running ]]
}

# An initial copy has nothing to protect.
initial()
{
	new_loop origin 16M
	new_loop leg 17M
	new_loop mirror_meta 1M
	new_linear weak "$leg"
	start resync_rate 4
	same "waits, whole" "$(status r waits_protected whole)" $'0\n0'
	synced r
	wait_for 20 "the log to have it as whole" status_is r whole 1
}

# With force it goes on without, from wherever.
forced()
{
	setup
	run message r fracture
	put /dev/mapper/r 2 2
	run message r resync
	wait_for 20 "the resync to wait" waits
	run message r resync force
	synced r
	compare_legs "$origin" "$weak" "$(dev_sectors "$origin")"
	run message r fracture
	put /dev/mapper/r 4 2
	run message r resync force
	synced r
	run message r resync force		# Synchronized: everything anew
	synced r
	compare_legs "$origin" "$weak" "$(dev_sectors "$origin")"
}

# Nor does it wait when the setting is taken back; and it does when it is set.
set_live()
{
	local before
	setup
	run message r fracture
	put /dev/mapper/r 2 2
	run message r resync
	wait_for 20 "the resync to wait" waits
	run message r set protect none
	synced r
	run message r fracture
	put /dev/mapper/r 4 2
	run message r resync
	synced r
	compare_legs "$origin" "$weak" "$(dev_sectors "$origin")"
	run message r set protect snapshot
	[[ $(dmsetup table r) == *" protect snapshot"* ]] || fail "the table: $(dmsetup table r)"
	run message r fracture
	before=$(old)
	put /dev/mapper/r 6 2
	run message r resync
	waiting "$before"
	let_go
}

# It cannot be made: the resync waits on, and says why; an order asks once more.
not_made()
{
	local before
	setup
	before=$(old)
	run message r fracture
	put /dev/mapper/r 2 2
	run message r resync
	wait_for 20 "the resync to wait" waits
	run message r protected "$(job_field r 1)" 'no\ room'
	same "the reason" "$(status r reason)" \
		"no_snapshot_of_the_replica:_no_room;_resync_with_force_goes_on_without"
	[[ $(last_job r) == *"no room" ]] || fail "the job: $(last_job r)"
	waits || fail "it does not wait any more"
	run message r resync
	waiting "$before"
	let_go
}

# Async, and the queue is given up: the replica is as old as the first write in it, and whole.
falls_behind()
{
	local before
	mirror_mode=async
	setup overflow track queue_bytes 4194304
	hang_dev "$weak"
	defer unhang_dev "$weak"
	put /dev/mapper/r 0 16
	wait_for 30 "the queue to be given up" behind
	unhang_dev "$weak"
	wait_for 60 "the resync to wait" waits
	idle r
	before=$(old)
	waiting "$before"
	let_go
}

behind()
{
	(($(status r overflows) > 0))
}

# What a verify has found is repaired only when the replica has a snapshot: it may be right.
repaired()
{
	local before
	setup
	put "$leg" 3 1
	before=$(old)
	run message r verify
	wait_for 60 "the verify to find it" is r Skewed
	run message r resync
	waiting "$before"
	let_go
}

# The leg that is written to is the one that was the origin.
restored()
{
	local before places
	setup
	run message r split
	put /dev/mapper/r 2 3
	before=$(dd if="$origin" bs=1M iflag=direct status=none | md5sum)
	places=$(dmsetup table r | cut -d' ' -f4)
	run message r restore
	wait_for 30 "the resync to wait" waits
	same "the job" "$(job_field r 2 3)" $'restore\nStarting'
	[[ $(dmsetup table r | cut -d' ' -f4) != "$places" ]] || fail "the legs have their old places"
	ktap_pause 1
	same "what is to be overwritten" "$(dd if="$origin" bs=1M iflag=direct status=none | md5sum)" \
		"$before"
	run message r protected "$(job_field r 1)"
	wait_for 60 "the legs to have their places back" has_first "$places"
	synced r
	compare_legs "$origin" "$weak" "$(dev_sectors "$origin")"
}

has_first()
{
	[[ $(dmsetup table r | cut -d' ' -f4) == "$1" ]]
}

# A suspend in between, and another table, change nothing of it.
suspended()
{
	local before
	setup
	run message r fracture
	before=$(old)
	put /dev/mapper/r 2 2
	run message r resync
	wait_for 20 "the resync to wait" waits
	run dmsetup suspend r
	refuse message r protected "$(job_field r 1)"
	run dmsetup resume r
	waiting "$before"
	reload r "$(mirror_table "$origin" "$weak" region_size 128 protect snapshot)"
	waiting "$before"
	let_go
}

# In step by a delta update; the setting excludes these, and comes when they go.
updates()
{
	mirror_mode=async
	new_loop origin 16M
	new_loop leg 17M
	new_loop mirror_meta 1M
	new_linear weak "$leg"
	new_mirror r "$origin" "$weak" region_size 128 delta_ms 86400000
	synced r
	put /dev/mapper/r 0 12
}

# Between two of them the replica is of one moment, and that is what the snapshot is to be of.
between_updates()
{
	local before
	updates
	before=$(old)
	ktap_pause 2
	reload r "$(mirror_table "$origin" "$weak" region_size 128 protect snapshot)"
	waiting "$before"
	at_least "consistent_age_ms" "$(status r consistent_age_ms)" 2000
	let_go
}

# In the middle of one it is of none, and nothing waits for a snapshot of that.
in_an_update()
{
	local pid
	updates
	run message r set resync_rate 1
	message r confirm 120000 &
	pid=$!
	defer end_load "$pid"
	wait_for 30 "the update to be under way" copying
	same "whole" "$(status r whole waits_protected)" $'0\n0'
	run message r set delta_ms 0
	run message r set protect snapshot
	wait_for 30 "the copy to go on" copying
	break_dev "$weak"
	wait_for 30 "the replica to be missed" is r Broken
	heal_dev "$weak"
	wait_for 60 "the copy to go on" copying
	same "waits, whole" "$(status r waits_protected whole)" $'0\n0'
	run message r set resync_rate auto
	synced r
	wait_for 20 "the log to have it as whole" status_is r whole 1
	compare_legs "$origin" "$weak" "$(dev_sectors "$origin")"
}

# What cannot be: each with its sentence, and nothing has changed.
refusals()
{
	new_loop origin 16M
	new_loop leg 17M
	new_loop meta 1M
	dmesg_mark
	refuse dmsetup create r --table "$(mirror_table "$origin" "$leg" protect snapshot)"
	dmesg_has "protect snapshot is for a replica with a meta device" || fail "no sentence"
	mirror_meta=$meta
	refuse dmsetup create r --table "$(mirror_table "$origin" "$leg" protect copy)"
	dmesg_has "protect must be none or snapshot" || fail "no sentence"
	refuse dmsetup create r --table "$(mirror_table "$origin" "$leg" role clone protect snapshot)"
	dmesg_has "role clone is no copy before it is complete" || fail "no sentence"
	refuse dmsetup create r --table \
		"$(mirror_table "$origin" "$leg" protect snapshot on_replica_error stop)"
	dmesg_has "protect snapshot and on_replica_error stop exclude each other" || fail "no sentence"
	mirror_mode=async
	refuse dmsetup create r --table \
		"$(mirror_table "$origin" "$leg" protect snapshot delta_ms 1000)"
	dmesg_has "protect snapshot and delta_ms exclude each other" || fail "no sentence"
	new_mirror r "$origin" "$leg" protect snapshot
	refuse message r set delta_ms 1000
	refuse message r set on_replica_error stop
	run message r set protect none
	run message r set on_replica_error stop
	refuse message r set protect snapshot
	same "the table" "$(dmsetup table r | grep -o 'on_replica_error [a-z]*\|protect [a-z]*' | xargs)" \
		"on_replica_error stop protect none"
	run dmsetup remove r
	unset mirror_meta
	new_mirror r "$origin" "$leg" sync skip protect none
	refuse message r set protect snapshot
	refuse message r protected 1
}

# It has replica_timeout for that, as ever: the five seconds are for what was under way when
# shipping ended.
slow_read()
{
	local pid
	hang_dev "$weak"
	defer unhang_dev "$weak"
	cmp <(dd if=/dev/mapper/r bs=1M skip=8 count=1 iflag=direct status=none) \
		<(dd if="$disk" bs=1M skip=8 count=1 iflag=direct status=none) &
	pid=$!
	defer end_load "$pid"
	ktap_pause 8
	kill -0 "$pid" || fail "the read did not wait for the replica"
	unhang_dev "$weak"
	run wait "$pid"
	same "replica_timeouts" "$(status r replica_timeouts)" 0
}

# Meanwhile the replica serves what the origin cannot read, but not where it lacks something.
reads()
{
	local disk before
	new_loop disk 16M
	new_loop leg 17M
	new_loop mirror_meta 1M
	put "$disk" 0 16
	new_linear origin "$disk"
	new_linear weak "$leg"
	start
	synced r
	run message r fracture
	put /dev/mapper/r 2 2
	before=$(old)
	run message r resync
	waiting "$before"
	set_table "$origin" "$(holed "$disk" 16384 2048)"
	run cmp <(dd if=/dev/mapper/r bs=1M skip=8 count=1 iflag=direct status=none) \
		<(dd if="$disk" bs=1M skip=8 count=1 iflag=direct status=none)
	at_least "read_failovers" "$(status r read_failovers)" 1
	slow_read
	set_table "$origin" "$(holed "$disk" 4096 2048)"
	refuse dd if=/dev/mapper/r of=/dev/null bs=1M skip=2 count=1 iflag=direct status=none
	set_table "$origin" "0 $(dev_sectors "$disk") linear $disk 0"
	let_go
}

ktap_header
ktap_case "a leg that comes back waits for its snapshot" returns
ktap_case "so does what is ordered, and what is cancelled is whole" orders
ktap_case "and what begins after a crash, or two" after_a_crash
ktap_case "a torn replica is not protected again" torn
ktap_case "an initial copy waits for nothing" initial
ktap_case "force goes on without" forced
ktap_case "the setting can be changed meanwhile" set_live
ktap_case "a snapshot that cannot be made is said, and asked for again" not_made
ktap_case "an async replica that fell behind" falls_behind
ktap_case "what a verify has found" repaired
ktap_case "a restore waits for the snapshot of the origin" restored
ktap_case "what the origin cannot read meanwhile" reads
ktap_case "suspend and reload" suspended
ktap_case "a replica that had delta updates" between_updates
ktap_case "and one that is in the middle of one" in_an_update
ktap_case "refusals" refusals
ktap_finish
