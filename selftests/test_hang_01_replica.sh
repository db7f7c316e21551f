#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=300
#
# The replica hangs (P1, P7): writes complete after replica_timeout, what it still has is
# counted, and when it gives that back late the legs become equal all the same.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

setup()
{
	local disk
	new_loop origin 8M
	new_loop disk 8M
	put "$origin" 0 8
	run dd if="$origin" of="$disk" bs=1M iflag=direct oflag=direct status=none
	new_linear replica "$disk"
	new_mirror r "$origin" "$replica" sync skip region_size 128 replica_timeout 1000
	run flush /dev/mapper/r
}

hang()
{
	hang_dev "$replica"
	defer unhang_dev "$replica"
}

writes_end()
{
	setup
	hang
	timed 10 dd if=/dev/urandom of=/dev/mapper/r bs=64k seek=8 count=1 oflag=direct \
		conv=notrunc status=none
	same "state" "$(status r state)" Broken
	at_least "detached" "$(status r detached)" 1
	at_least "replica_timeouts" "$(status r replica_timeouts)" 1
	timed 5 dd if=/dev/urandom of=/dev/mapper/r bs=64k seek=8 count=16 oflag=direct \
		conv=notrunc,fsync status=none
	same "inflight" "$(status r inflight)" 0
	at_least "dirty_regions" "$(status r dirty_regions)" 16
	same "consistent_now" "$(status r consistent_now)" 0
	unhang_dev "$replica"
	wait_for 30 "the given-up request to return" status_is r detached 0
	synced r
	idle r
	compare_legs "$origin" "$replica"
}

# A flush hangs like a write.
flush_ends()
{
	setup
	hang
	timed 10 flush /dev/mapper/r
	same "state" "$(status r state)" Broken
	unhang_dev "$replica"
	synced r
	idle r
}

# While given-up requests are out no resync starts: they would land after it. The late
# write carries old bytes; the application has written new ones since.
late_write()
{
	setup
	hang
	run dd if=/dev/urandom of=/dev/mapper/r bs=64k seek=8 count=4 oflag=direct \
		conv=notrunc status=none
	run dd if=/dev/urandom of=/dev/mapper/r bs=64k seek=8 count=4 oflag=direct \
		conv=notrunc status=none
	at_least "detached" "$(status r detached)" 1
	message r resume
	run message r resync
	same "state" "$(status r state)" Broken
	unhang_dev "$replica"
	synced r
	idle r
	compare_legs "$origin" "$replica"
}

under_load()
{
	local i
	setup
	start_load /dev/mapper/r --size=8M --verify=crc32c --verify_backlog=64 --verify_fatal=1
	for ((i = 0; i < 2; i++)); do
		hang
		wait_for 20 "r to break" is r Broken
		unhang_dev "$replica"
		wait_for 60 "r to be in step" in_sync r
	done
	stop_load
	idle r
	same "origin_errors" "$(status r origin_errors)" 0
	compare_legs "$origin" "$replica"
}

# A window of the copy hangs: writes that wait for it go on.
in_a_job()
{
	setup
	run message r set resync_rate 1
	run message r resync force
	hang
	wait_for 20 "r to break" is r Broken
	timed 10 dd if=/dev/urandom of=/dev/mapper/r bs=1M count=8 oflag=direct conv=notrunc \
		status=none
	message r set resync_rate auto
	unhang_dev "$replica"
	synced r
	idle r
	compare_legs "$origin" "$replica"
}

# Slow is not hanging: no write is given up.
slow()
{
	local disk
	new_loop origin 8M
	new_loop disk 8M
	new_delay replica "$disk" 0 200
	new_mirror r "$origin" "$replica" sync skip replica_timeout 3000
	run dd if=/dev/urandom of=/dev/mapper/r bs=64k count=8 oflag=direct conv=notrunc status=none
	same "state" "$(status r state)" Synchronized
	same "replica_timeouts" "$(status r replica_timeouts)" 0
	compare_legs "$origin" "$replica"
}

# In a job it is the origin that takes longer than replica_timeout.
slow_origin()
{
	local disk
	new_loop disk 4M
	new_loop replica 4M
	new_delay origin "$disk" 2500 0
	new_mirror r "$origin" "$replica" region_size 128 replica_timeout 1000
	synced r
	same "replica_errors" "$(status r replica_errors)" 0
	same "replica_timeouts" "$(status r replica_timeouts)" 0
	compare_legs "$disk" "$replica"
}

overdue()
{
	(($(job_field "$1" 8) >= 6000))
}

# A job waits for an origin that hangs: the mirror can be removed all the same.
hanging_origin()
{
	local disk
	new_loop disk 4M
	new_loop replica 4M
	new_linear origin "$disk"
	new_mirror r "$origin" "$replica" sync skip region_size 128 replica_timeout 1000
	hang_dev "$origin"
	defer unhang_dev "$origin"
	run message r resync force
	wait_for 20 "the job to be overdue" overdue r
	same "state" "$(status r state)" Unsynchronized
	same "replica_timeouts" "$(status r replica_timeouts)" 0
	timed 25 dmsetup remove r
}

log_is_full()
{
	(($(status r log_waits) > 512))
}

# A flush for the log would be given up after 3 s, and the replica with it. It would be of no use:
# all regions in the log have a write under way.
fills_log()
{
	local disk mirror_meta
	new_loop origin 8M
	new_loop disk 8M
	new_loop mirror_meta 1M
	new_linear replica "$disk"
	new_mirror r "$origin" "$replica" sync skip region_size 8 activity 512 replica_timeout 0
	hang
	start_load /dev/mapper/r --rw=write --iodepth=1024 --size=8M
	wait_for 30 "the log to be full" log_is_full
	ktap_pause 5
	same "state" "$(status r state)" Synchronized
	same "replica_timeouts" "$(status r replica_timeouts)" 0
	unhang_dev "$replica"
	stop_load
	idle r
	compare_legs "$origin" "$replica"
}

ktap_header
ktap_case "writes end after replica_timeout" writes_end
ktap_case "flushes end after replica_timeout" flush_ends
ktap_case "what lands late does no harm" late_write
ktap_case "hanging and returning under load" under_load
ktap_case "hanging in a job" in_a_job
ktap_case "a slow replica is waited for" slow
ktap_case "a slow origin is not the fault of the replica" slow_origin
ktap_case "what fills the log has the time that replica_timeout says" fills_log
ktap_case "removed while a job waits for the origin" hanging_origin
ktap_finish
