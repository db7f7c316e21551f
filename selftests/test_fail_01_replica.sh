#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=300
#
# The replica fails (P1, P3): the application sees no error, what the replica misses is
# tracked, and only that is copied when it is back.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

# weak MIB [FEATURE VALUE]...: in step, regions of 64 KiB, nothing in a cache.
weak()
{
	local disk
	new_loop origin "$1M"
	new_loop disk "$1M"
	put "$origin" 0 8
	run dd if="$origin" of="$disk" bs=1M count=8 iflag=direct oflag=direct status=none
	new_linear replica "$disk"
	new_mirror r "$origin" "$replica" sync skip region_size 128 "${@:2}"
	run flush /dev/mapper/r
}

broken()
{
	wait_for 20 "r to break" is r Broken
}

delta()
{
	local dirty before
	weak 8
	break_dev "$replica"
	dmesg_mark
	put /dev/mapper/r 2 1
	broken
	dmesg_has "r: replica failed at sector" || fail "the kernel log says nothing"
	run dd if=/dev/urandom of=/dev/mapper/r bs=64k seek=64 count=5 oflag=direct \
		conv=notrunc,fsync status=none
	dirty=$(status r dirty_bytes)
	same "dirty_bytes" "$dirty" $(((16 + 5) * 65536))
	same "consistent_now" "$(status r consistent_now)" 0
	at_least "replica_errors" "$(status r replica_errors)" 1
	at_least "tracked_writes" "$(status r tracked_writes)" 5
	before=$(status r resync_bytes)
	heal_dev "$replica"
	synced r
	same "resync_bytes" "$(status r resync_bytes)" $((before + dirty))
	same "the job" "$(job_field r 2) $(job_field r 3) $(job_field r 5)" \
		"resync Completed $dirty"
	idle r
	compare_legs "$origin" "$replica"
}

under_load()
{
	local i
	weak 8
	start_load /dev/mapper/r --size=8M --verify=crc32c --verify_backlog=64 --verify_fatal=1
	for ((i = 0; i < 3; i++)); do
		break_dev "$replica"
		broken
		heal_dev "$replica"
		((i == 1)) || wait_for 60 "r to be in step" in_sync r
	done
	stop_load
	synced r
	idle r
	same "origin_errors" "$(status r origin_errors)" 0
	compare_legs "$origin" "$replica"
}

# It fails again in the middle of the resync.
in_resync()
{
	weak 24 resync_rate 1
	break_dev "$replica"
	put /dev/mapper/r 0 24
	broken
	same "dirty_bytes" "$(status r dirty_bytes)" $((24 << 20))
	heal_dev "$replica"
	wait_for 20 "the resync" is r Unsynchronized
	break_dev "$replica"
	broken
	same "the job" "$(job_field r 2) $(job_field r 3) $(job_field r 9)" "resync Exception 4"
	message r set resync_rate auto
	heal_dev "$replica"
	synced r
	idle r
	compare_legs "$origin" "$replica"
}

# Never synchronized before, it fails in the initial copy.
in_initial_copy()
{
	local disk
	new_loop origin 8M
	new_loop disk 8M
	put "$origin" 0 8
	new_linear replica "$disk"
	new_mirror r "$origin" "$replica" resync_rate 1
	break_dev "$replica"
	broken
	same "consistent_now" "$(status r consistent_now)" 0
	run dd if=/dev/mapper/r of=/dev/null bs=1M count=1 iflag=direct status=none
	message r set resync_rate auto
	heal_dev "$replica"
	synced r
	compare_legs "$origin" "$replica"
}

# Manual recovery: Suspended when it answers again, until somebody says resume.
manual()
{
	weak 8 recovery manual
	break_dev "$replica"
	put /dev/mapper/r 1 1
	broken
	heal_dev "$replica"
	wait_for 30 "r to be suspended" is r Suspended
	same "progress" "$(status r progress)" 25
	put /dev/mapper/r 3 1
	same "state" "$(status r state)" Suspended
	same "dirty_bytes" "$(status r dirty_bytes)" $((2 << 20))
	run message r resume
	synced r
	same "the bytes of the job" "$(job_field r 5)" $((2 << 20))
	compare_legs "$origin" "$replica"
}

# Resume does not wait for the pause between probes.
probe_now()
{
	local probes
	weak 8
	break_dev "$replica"
	put /dev/mapper/r 1 1
	broken
	wait_for 60 "a few probes" test_probes 4
	heal_dev "$replica"
	probes=$(status r probes)
	resumed r
	wait_for 3 "r to be in step" in_sync r
	at_least "probes" "$(status r probes)" "$probes"
	compare_legs "$origin" "$replica"
}

test_probes()
{
	(($(status r probes) >= $1))
}

# Of three seconds it fails writes in one, all by itself.
flakey()
{
	local disk
	twins 8
	disk=$replica
	new_flakey replica "$disk" 2 1 error_writes
	new_mirror r "$origin" "$replica" sync skip region_size 128
	start_load /dev/mapper/r --size=8M
	wait_for 60 "r to break a few times" test_errors 3
	stop_load
	set_table "$replica" "0 16384 linear $disk 0"
	synced r
	idle r
	compare_legs "$origin" "$replica"
}

test_errors()
{
	(($(message r jobs | wc -l) >= $1))
}

ktap_header
ktap_case "only what the replica missed is copied" delta
ktap_case "breaking and returning under load" under_load
ktap_case "breaking in the resync" in_resync
ktap_case "breaking in the initial copy" in_initial_copy
ktap_case "a flakey replica under load" flakey
ktap_case "manual recovery waits for resume" manual
ktap_case "resume probes at once" probe_now
ktap_finish
