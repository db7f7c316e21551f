#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=240
#
# A clone under way whose replica fails or hangs, or whose origin cannot be read: writes to
# the origin go on (P1), and a clone that cannot be of one instant any more is never called
# one. With on_replica_error stop, writes to what is not copied wait, and the clone goes on.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/clone.sh"

# weak_clone [FEATURE VALUE]...: 16 MiB at 1 MiB/s, of a replica that can break.
weak_clone()
{
	clone_legs 16
	new_linear weak "$replica"
	point_in_time
	new_mirror r "$origin" "$weak" role clone region_size 128 resync_rate 1 "$@"
	wait_for 20 "some progress" progress
}

progress()
{
	(($(status r percent) >= 10))
}

is_lost()
{
	wait_for 20 "the clone to be given up" is r Aborted
	[[ $(status r reason) == point_in_time_lost* ]] || fail "reason: $(status r reason)"
	same "consistent_now, progress" "$(status r consistent_now progress)" $'0\n22'
	same "the job" "$(job_field r 2) $(job_field r 3)" "clone Exception"
	heal_dev "$weak"
	refuse message r resync
	refuse message r resume
	same "the replica, which is left alone now" "$(status r state)" Aborted
	timed 10 put /dev/mapper/r 0 16
	compare_legs "$origin" /dev/mapper/r
	idle r
}

fails()
{
	weak_clone
	break_dev "$weak"
	timed 10 put /dev/mapper/r 0 16
	is_lost
}

hangs()
{
	weak_clone replica_timeout 1000
	hang_dev "$weak"
	timed 20 put /dev/mapper/r 0 16
	wait_for 20 "the clone to be given up" is r Aborted
	unhang_dev "$weak"
	break_dev "$weak"
	is_lost
}

# Nothing that is not copied was written to: all is well.
returns()
{
	weak_clone
	put /dev/mapper/r 0 1
	break_dev "$weak"
	wait_for 20 "the replica to be missed" is r Broken
	put /dev/mapper/r 0 1
	same "state" "$(status r state)" Broken
	heal_dev "$weak"
	run message r set resync_rate auto
	synced r
	is_point_in_time
	put /dev/mapper/r 0 16
	is_point_in_time
}

stops()
{
	weak_clone on_replica_error stop
	put /dev/mapper/r 0 1
	break_dev "$weak"
	wait_for 20 "the replica to be missed" is r Broken
	dd if=/dev/urandom of=/dev/mapper/r bs=1M seek=12 count=2 oflag=direct status=none &
	defer end_load "$!"
	wait_for 10 "the write to wait" some_wait
	ktap_pause 2
	kill -0 "$!" || fail "the write did not wait"
	put /dev/mapper/r 0 1
	heal_dev "$weak"
	run wait "$!"
	run message r set resync_rate auto
	synced r
	is_point_in_time
}

some_wait()
{
	(($(status r resync_waits) > 0))
}

# Who waits can be let go: by a setting, or by an abort.
let_go()
{
	weak_clone on_replica_error stop
	break_dev "$weak"
	wait_for 20 "the replica to be missed" is r Broken
	dd if=/dev/urandom of=/dev/mapper/r bs=1M count=16 oflag=direct status=none &
	defer end_load "$!"
	wait_for 10 "the write to wait" some_wait
	if [[ $1 == abort ]]; then
		run message r abort
	else
		run message r set on_replica_error track
	fi
	run wait "$!"
	same "state" "$(status r state)" Aborted
	compare_legs "$origin" /dev/mapper/r
}

# A suspend without flush gives back who waits, one with flush lets them go.
suspends()
{
	weak_clone on_replica_error stop
	break_dev "$weak"
	wait_for 20 "the replica to be missed" is r Broken
	dd if=/dev/urandom of=/dev/mapper/r bs=1M count=16 oflag=direct status=none &
	defer end_load "$!"
	wait_for 10 "the write to wait" some_wait
	timed 10 dmsetup suspend --noflush --nolockfs r
	run dmsetup resume r
	kill -0 "$!" || fail "the write did not wait any more"
	same "state" "$(status r state)" Broken
	timed 20 dmsetup suspend --nolockfs r
	run dmsetup resume r
	run wait "$!"
	is_lost
}

# Sectors of the origin that cannot be read, nor can they be copied.
unreadable()
{
	local holed
	clone_legs 16
	new_dm holed linear "$(holed "$origin" 20480 8)"
	new_mirror r "$holed" "$replica" role clone region_size 128 recovery manual
	wait_for 20 "the job to fail" job_is Exception
	same "state" "$(status r state)" Unsynchronized
	put /dev/mapper/r 0 8
	same "state" "$(status r state)" Unsynchronized
	set_table "$holed" "0 32768 linear $origin 0"
	put /dev/mapper/r 10 1
	say "it could be read meanwhile"
	synced r
	set_table "$holed" "$(holed "$origin" 20480 8)"
	dm_gone r
	new_mirror r "$holed" "$replica" role clone region_size 128 recovery manual
	wait_for 20 "the job to fail" job_is Exception
	# A region beside it, of the same window of the copy.
	timed 10 dd if=/dev/zero of=/dev/mapper/r bs=4096 seek=2592 count=1 oflag=direct \
		status=none
	same "state" "$(status r state)" Unsynchronized
	timed 10 dd if=/dev/zero of=/dev/mapper/r bs=4096 seek=2561 count=1 oflag=direct \
		status=none
	same "state" "$(status r state)" Aborted
	[[ $(status r reason) == *origin_read_error* ]] || fail "reason: $(status r reason)"
}

job_is()
{
	[[ $(job_field r 3) == "$1" ]]
}

ktap_header
ktap_case "the replica fails, and what is not copied is written to" fails
ktap_case "the replica hangs" hangs
ktap_case "the replica fails and returns in time" returns
ktap_case "writes wait for a replica that failed" stops
ktap_case "who waits is let go by a setting" let_go setting
ktap_case "who waits is let go by an abort" let_go abort
ktap_case "who waits, and suspends" suspends
ktap_case "the origin cannot be read" unreadable
ktap_finish
