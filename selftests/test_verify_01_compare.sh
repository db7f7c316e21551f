#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: timeout=300
#
# Verify: tells exactly what differs, and nothing else, while the mirror is in use; a
# resync copies just that; a resync that compares writes only what differs.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

# setup MIB FEATURES...: equal legs with data.
setup()
{
	twins "$1"
	new_mirror r "$origin" "$replica" sync skip region_size 128 "${@:2}"
}

# spoil DEVICE SECTOR COUNT: other bytes there, behind the mirror's back.
spoil()
{
	run dd if=/dev/urandom of="$1" bs=512 seek="$2" count="$3" conv=notrunc,fsync status=none
}

verify_over()
{
	[[ $(job_field r 2) == verify && $(job_field r 3) != Running ]]
}

verified()
{
	run message r verify
	wait_for 60 "the verify to end" verify_over
	same "job" "$(job_field r 3)" Completed
}

differences()
{
	message r differences | tr '\n' ';'
}

# Any kind of write comes in between; no false alarm.
under_load()
{
	setup 16 "$@"
	start_load /dev/mapper/r --size=16M --bsrange=512-128k --iodepth=16
	verified
	verified
	stop_load
	same "differences" "$(differences)" ""
	same "state" "$(status r state)" Synchronized
	same "compared_bytes" "$(status r compared_bytes)" $((32 << 20))
	same "resync_bytes" "$(status r resync_bytes)" 0
	idle r
	compare_legs "$origin" "$replica"
}

# The first sector, the last, a run over the end of a window, two that touch.
exact()
{
	local last
	setup 8
	last=$(($(dev_sectors "$origin") - 1))
	spoil "$replica" 0 1
	spoil "$replica" 1020 8
	spoil "$replica" 5000 3
	spoil "$replica" 5003 2
	spoil "$replica" "$last" 1
	verified
	same "differences" "$(differences)" "0 1;1020 8;5000 5;$last 1;"
	same "state" "$(status r state)" Skewed
	same "copy_state" "$(status r copy_state)" 13
	same "consistent_now" "$(status r consistent_now)" 0
	at_most "percent" "$(status r percent)" 99
	same "dirty_bytes" "$(status r dirty_bytes)" $((5 * 65536))
	# A second look sees the same.
	verified
	same "differences" "$(differences)" "0 1;1020 8;5000 5;$last 1;"
	run message r resync
	synced r
	same "resync_bytes" "$(status r resync_bytes)" $((5 * 65536))
	idle r
	compare_legs "$origin" "$replica"
	verified
	same "differences" "$(differences)" ""
}

# What the application writes anew is equal again.
heals()
{
	setup 4
	spoil "$replica" 128 128
	verified
	same "state" "$(status r state)" Skewed
	run dd if=/dev/urandom of=/dev/mapper/r bs=64k seek=1 count=1 oflag=direct conv=notrunc status=none
	verified
	same "state" "$(status r state)" Synchronized
	same "reason" "$(status r reason)" verify_found_no_difference
	idle r
	compare_legs "$origin" "$replica"
}

cancelled()
{
	setup 16 resync_rate 1
	spoil "$replica" 0 1
	run message r verify
	wait_for 20 "some progress" progressed
	refuse message r verify
	run message r cancel "$(job_field r 1)"
	wait_for 10 "the verify to end" verify_over
	same "job" "$(job_field r 3)" Terminated
	# What was found counts all the same.
	same "state" "$(status r state)" Skewed
	same "differences" "$(differences)" "0 1;"
	refuse message r cancel "$(job_field r 1)"
	# The next one begins at the beginning.
	run message r set resync_rate 1000
	verified
	same "differences" "$(differences)" "0 1;"
	same "dirty_bytes" "$(status r dirty_bytes)" 65536
}

progressed()
{
	(($(job_field r 5) > 0))
}

# A leg breaks: the job ends, the resync is one of its own.
breaks()
{
	local leg
	twins 8
	new_linear leg "$replica"
	new_mirror r "$origin" "$leg" sync skip resync_rate 1
	run message r verify
	wait_for 20 "some progress" progressed
	break_dev "$leg"
	run dd if=/dev/zero of=/dev/mapper/r bs=4k count=1 oflag=direct conv=notrunc status=none
	wait_for 20 "r to break" is r Broken
	wait_for 20 "the verify to end" verify_over
	same "job" "$(job_field r 3)" Exception
	heal_dev "$leg"
	run message r set resync_rate auto
	synced r
	same "job" "$(job_field r 2)" resync
	idle r
	compare_legs "$origin" "$replica"
}

# It goes on being known, whatever comes in between, until it is copied.
found_and_cut()
{
	local leg
	twins 8
	new_linear leg "$replica"
	new_mirror r "$origin" "$leg" sync skip region_size 128 resync_rate 1
	spoil "$replica" 0 1
	spoil "$replica" 16000 1
	run message r verify
	wait_for 20 "r to be skewed" is r Skewed
	refuse message r split
	break_dev "$leg"
	run dd if=/dev/zero of=/dev/mapper/r bs=64k seek=3 count=1 oflag=direct conv=notrunc \
		status=none
	wait_for 20 "r to break" is r Broken
	heal_dev "$leg"
	run message r set resync_rate auto
	wait_for 60 "r to be skewed again" is r Skewed
	same "consistent_now" "$(status r consistent_now)" 0
	same "reason" "$(status r reason)" what_a_verify_found_still_differs
	same "dirty_bytes" "$(status r dirty_bytes)" 65536
	# One that finds only the other keeps the first one in mind, should it be cut.
	run message r set resync_rate 1
	run message r verify
	wait_for 20 "some progress" progressed
	run message r cancel "$(job_field r 1)"
	same "dirty_bytes" "$(status r dirty_bytes)" 65536
	run message r set resync_rate auto
	verified
	same "dirty_bytes" "$(status r dirty_bytes)" 131072
	run message r resync
	synced r
	idle r
	compare_legs "$origin" "$replica"
}

# The log remembers that there is something, but not where.
restarted()
{
	local mirror_meta
	new_loop mirror_meta 1M
	setup 8
	spoil "$replica" 5000 1
	verified
	same "state" "$(status r state)" Skewed
	run dmsetup remove r
	new_mirror r "$origin" "$replica"
	same "state" "$(status r state)" Skewed
	same "dirty_bytes" "$(status r dirty_bytes)" $((8 << 20))
	refuse message r differences
	verified
	same "dirty_bytes" "$(status r dirty_bytes)" 65536
	run message r resync
	synced r
	run dmsetup remove r
	compare_legs "$origin" "$replica"
	new_mirror r "$origin" "$replica"
	same "state" "$(status r state)" Synchronized
}

# What cannot be read is a failure like any other: it is copied when the replica is back.
unreadable()
{
	local leg
	twins 4
	new_linear leg "$replica"
	new_mirror r "$origin" "$leg" sync skip region_size 128
	break_dev "$leg"
	run message r verify
	wait_for 20 "the verify to end" verify_over
	same "job" "$(job_field r 3)" Exception
	same "state" "$(status r state)" Broken
	same "reason" "$(status r reason)" replica_read_error_during_a_verify
	heal_dev "$leg"
	synced r
	# The window that failed first, at least.
	at_least "resync_bytes" "$(status r resync_bytes)" $((512 << 10))
	verified
	same "differences" "$(differences)" ""
	same "state" "$(status r state)" Synchronized
}

suspended()
{
	setup 8 resync_rate 2
	spoil "$replica" 16000 4
	run message r verify
	wait_for 20 "some progress" progressed
	run dmsetup suspend r
	same "job" "$(job_field r 3)" Running
	run dmsetup resume r
	wait_for 60 "the verify to end" verify_over
	same "job" "$(job_field r 3)" Completed
	same "differences" "$(differences)" "16000 4;"
}

# Its data are not what the origin could not deliver.
no_failover()
{
	local leg
	twins 4
	new_linear leg "$origin"
	new_mirror r "$leg" "$replica" sync skip region_size 128
	spoil "$replica" 0 1
	verified
	break_dev "$leg"
	refuse dd if=/dev/mapper/r of=/dev/null bs=4k count=1 iflag=direct status=none
	same "read_failovers" "$(status r read_failovers)" 0
	heal_dev "$leg"
}

refused()
{
	setup 4
	refuse message r differences
	run message r fracture
	refuse message r verify
	refuse message r split compare
	run message r resync compare
	synced r
}

# The same bytes are written while it is cut off, and a few others.
compares()
{
	setup 8
	run message r fracture
	run dd if="$origin" of=/dev/mapper/r bs=1M iflag=direct oflag=direct conv=notrunc status=none
	spoil /dev/mapper/r 4096 16
	run message r resync compare
	synced r
	same "resync_bytes" "$(status r resync_bytes)" 8192
	same "compared_bytes" "$(status r compared_bytes)" $((8 << 20))
	idle r
	compare_legs "$origin" "$replica"
}

compares_under_load()
{
	setup 16
	run message r fracture
	start_load /dev/mapper/r --size=16M --bsrange=512-128k --iodepth=16
	run message r resync compare
	synced r
	stop_load
	idle r
	compare_legs "$origin" "$replica"
}

ktap_header
ktap_case "no false alarm under load" under_load
ktap_case "no false alarm under load, payload shared" under_load payload shared
ktap_case "exactly what differs, and a resync of just that" exact
ktap_case "what is written anew is equal" heals
ktap_case "a verify that is cancelled" cancelled
ktap_case "a replica that breaks meanwhile" breaks
ktap_case "what was found stays known when the verify is cut" found_and_cut
ktap_case "what was found stays known after a restart" restarted
ktap_case "a replica that cannot be read" unreadable
ktap_case "a suspend meanwhile" suspended
ktap_case "a skewed replica serves no failed read" no_failover
ktap_case "what is refused" refused
ktap_case "a resync that compares writes what differs" compares
ktap_case "a resync that compares, under load" compares_under_load
ktap_finish
