#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# Jobs: under load, at a limited rate, giving way, skipped, suspended, cancelled, aborted.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

# What a limited rate makes last long lasts longer where looking at it takes longer, MiB.
slow=$((ktap_factor > ${KTAP_PATIENCE:-1} ? ktap_factor : ${KTAP_PATIENCE:-1}))
size=$((8 * slow))
bytes=$((size << 20))

setup()
{
	new_loop origin "$1M"
	new_loop replica "$1M"
	put "$origin" 0 "$1"
	new_mirror r "$origin" "$replica" "${@:2}"
}

# The application writes, reads and verifies from the first moment on.
under_load()
{
	setup 8 "$@"
	spray /dev/mapper/r --size=8M --io_size=8M --bsrange=4k-32k
	synced r
	idle r
	compare_legs "$origin" "$replica"
}

# 8 MiB at 2 MiB/s take 4 s, give or take the load of the machine.
rate()
{
	local elapsed
	setup 8 resync_rate 2
	wait_for 60 "r to be in step" in_sync r
	elapsed=$(job_field r 8)
	say "$elapsed ms"
	at_least "the job's time" "$elapsed" 3500
	at_most "the job's time" "$elapsed" 10000
	run message r set resync_rate 1000000
	run message r resync force
	synced r
	say "$(job_field r 8) ms without limit"
	at_most "the job's time" "$(job_field r 8)" 3500
	compare_legs "$origin" "$replica"
}

# A new limit counts at once.
rate_changes()
{
	setup "$size" resync_rate 1
	wait_for 20 "some progress" progress 3
	run message r set resync_rate 1000
	wait_for 10 "the copy to be fast" in_sync r
	at_most "the job's time" "$(job_field r 8)" $((6000 * slow))
}

progress()
{
	(($(status r percent) >= $1))
}

skipped()
{
	setup 8 sync skip
	same "state" "$(status r state)" Synchronized
	same "resync_bytes" "$(status r resync_bytes)" 0
	same "jobs" "$(message r jobs | wc -l)" 0
	refuse cmp -s "$origin" "$replica"
	same "reason" "$(status r reason)" legs_are_known_to_be_equal
}

# A status line on the way, in which percent is that of the bytes.
half_way()
{
	local line
	line=$(dmsetup status r)
	[[ $line =~ percent=([0-9]+).*job=1:1:4:([0-9]+):([0-9]+):$bytes ]]
	((BASH_REMATCH[1] >= 20 && BASH_REMATCH[1] < 100 && BASH_REMATCH[2] >= 20 &&
		BASH_REMATCH[2] == BASH_REMATCH[3] * 100 / bytes))
}

shown()
{
	local line
	setup "$size" resync_rate 2
	line=$(status r job)
	[[ $line =~ ^1:1:4:[0-9]+:[0-9]+:$bytes$ ]] || fail "the status shows '$line'"
	same "state" "$(status r state)" Unsynchronized
	same "progress" "$(status r progress)" 6
	same "consistent_now" "$(status r consistent_now)" 0
	wait_for 20 "r to be half way" half_way
	wait_for 30 "r to be in step" in_sync r
	same "job" "$(status r job)" -
	[[ $(last_job r) =~ ^1\ initial_copy\ Completed\ 100\ $bytes\ $bytes\ [0-9]{13}\ [0-9]+\ 0$ ]] ||
		fail "the job is '$(last_job r)'"
}

suspended()
{
	local done_before
	setup "$size" resync_rate 2
	wait_for 20 "some progress" progress 20
	run dmsetup suspend r
	done_before=$(job_field r 5)
	refuse message r abort
	same "the bytes of the job" "$(job_field r 5)" "$done_before"
	run dmsetup resume r
	synced r
	same "jobs" "$(message r jobs | wc -l)" 1
	say "the region that was half copied begins anew"
	at_most "resync_bytes" "$(status r resync_bytes)" $((bytes + (1 << 20)))
	compare_legs "$origin" "$replica"
}

# Suspended as an operation: the job is, too, and goes on where it was.
operation_suspend()
{
	setup "$size" resync_rate 2
	wait_for 20 "some progress" progress 20
	run message r suspend
	same "the job" "$(job_field r 1) $(job_field r 3)" "1 Suspended"
	put /dev/mapper/r 0 1
	run message r resume
	same "the job" "$(job_field r 1) $(job_field r 3)" "1 Running"
	synced r
	same "the job" "$(job_field r 1) $(job_field r 3)" "1 Completed"
	compare_legs "$origin" "$replica"
}

cancelled()
{
	setup "$size" resync_rate 1
	refuse message r cancel 0
	refuse message r cancel 2
	refuse message r cancel one
	run message r cancel 1
	same "state" "$(status r state)" Aborted
	same "the job" "$(job_field r 1) $(job_field r 3) $(job_field r 9)" "1 Terminated 0"
	refuse message r cancel 1
	put /dev/mapper/r 0 1
	at_least "tracked_writes" "$(status r tracked_writes)" 1
	run message r set resync_rate auto
	run message r resync
	synced r
	same "the job" "$(job_field r 1) $(job_field r 2) $(job_field r 3)" "2 resync Completed"
	same "the first job" "$(message r jobs | head -n 1 | cut -d' ' -f1-3)" \
		"1 initial_copy Terminated"
	compare_legs "$origin" "$replica"
}

aborted()
{
	local copied
	setup "$size" resync_rate 2
	wait_for 20 "some progress" progress 20
	run message r abort
	same "state" "$(status r state)" Aborted
	copied=$(status r resync_bytes)
	run message r set resync_rate auto
	run message r resync
	synced r
	say "what had been copied is not copied again, but for what a cache may have lost"
	at_most "resync_bytes" "$(status r resync_bytes)" $((copied + bytes))
	compare_legs "$origin" "$replica"
}

# auto: with the copy at work the application keeps a good part of its speed.
yields()
{
	local alone together begin
	# There it is the processor that all wait for, and not the disks.
	((ktap_factor == 1)) || skip "this kernel has a speed of its own"
	new_null_blk origin 32M 512 completion_nsec=1000000 irqmode=2
	new_null_blk replica 32M 512 completion_nsec=1000000 irqmode=2
	new_mirror r "$origin" "$replica" sync skip
	start_load /dev/mapper/r --size=32M --iodepth=1
	begin=$(status r writes)
	sleep 3
	alone=$((($(status r writes) - begin) / 3))
	begin=$(status r writes)
	run message r resync force
	wait_for 60 "r to be in step" in_sync r
	together=$((($(status r writes) - begin) * 1000 / $(job_field r 8)))
	stop_load
	say "$alone writes in a second alone, $together with the copy, which took $(job_field r 8) ms"
	at_least "the writes in percent" $((together * 100 / alone)) 50
	idle r
	compare_legs "$origin" "$replica"
}

ktap_header
ktap_case "writes during the initial copy" under_load
ktap_case "writes during the initial copy, smallest regions" under_load region_size 8
ktap_case "the rate limit is kept" rate
ktap_case "a changed rate limit counts at once" rate_changes
ktap_case "sync skip copies nothing" skipped
ktap_case "a job is shown while it runs and afterwards" shown
ktap_case "a job goes on after dmsetup suspend and resume" suspended
ktap_case "a job goes on after the operations suspend and resume" operation_suspend
ktap_case "a job is cancelled" cancelled
ktap_case "a job is aborted and resumed by resync" aborted
ktap_case "auto gives way to the application" yields
ktap_finish
