#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=240 smp=2
#
# The replica takes the place of the origin: failover and failback, restore. What is read
# is what it has to be, what is copied back is what changed, and nothing else.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

mib=1048576

# sum DEVICE: of what is on it, not of what is cached.
sum()
{
	dd if="$1" bs=1M iflag=direct status=none | sha256sum
}

first_leg()
{
	dmsetup table r | cut -d " " -f 4
}

# The legs have their places, and are in step.
back()
{
	in_sync r && [[ $(first_leg) == "$places" ]]
}

setup()
{
	twins 16
	new_mirror r "$origin" "$replica" sync skip region_size 128
	places=$(first_leg)
}

planned()
{
	local before
	setup
	before=$(sum "$origin")
	run message r failover
	same "state" "$(status r state)" Failedover
	same "what is read" "$(sum /dev/mapper/r)" "$before"
	put /dev/mapper/r 3 2
	same "the former origin" "$(sum "$origin")" "$before"
	same "the replica" "$(sum "$replica")" "$(sum /dev/mapper/r)"
	same "dirty_bytes" "$(status r dirty_bytes)" $((2 * mib))
	run message r failback
	wait_for 30 "the legs to have their places" back
	same "the bytes of the job" "$(job_field r 2 3 5)" $'failback\nCompleted\n'$((2 * mib))
	same "resync_bytes" "$(status r resync_bytes)" $((2 * mib))
	idle r
	compare_legs "$origin" "$replica"
}

# The origin fails: what was acknowledged is on the replica.
origin_fails()
{
	local weak
	twins 16
	new_linear weak "$origin"
	new_mirror r "$weak" "$replica" sync skip region_size 128
	places=$(first_leg)
	put /dev/mapper/r 1 1
	# What is in a cache when a leg fails is copied again.
	run sync /dev/mapper/r
	break_dev "$weak"
	refuse dd if=/dev/urandom of=/dev/mapper/r bs=64k seek=200 count=1 oflag=direct \
		conv=notrunc status=none
	wait_for 10 "the origin to be missed" status_is r state Unsynchronized
	refuse message r failover
	run message r failover force
	same "state" "$(status r state)" Failedover
	same "what is read" "$(dd if=/dev/mapper/r bs=1M count=12 iflag=direct status=none | sha256sum)" \
		"$(dd if="$replica" bs=1M count=12 iflag=direct status=none | sha256sum)"
	put /dev/mapper/r 5 1
	heal_dev "$weak"
	run message r failback
	wait_for 30 "the legs to have their places" back
	at_most "resync_bytes" "$(status r resync_bytes)" $((2 * mib))
	compare_legs "$origin" "$replica"
}

# What was split off comes back exactly, at once, and is on both legs in the end.
restored()
{
	local before weak
	twins 16
	new_linear weak "$origin"
	new_mirror r "$weak" "$replica" sync skip region_size 128
	places=$(first_leg)
	before=$(sum /dev/mapper/r)
	run message r split
	put /dev/mapper/r 2 3
	put /dev/mapper/r 9 1
	message r set resync_rate 1
	message r set replica_timeout 0
	run message r restore
	# It does not end before somebody has looked.
	hang_dev "$weak"
	defer unhang_dev "$weak"
	same "state" "$(status r state progress)" $'Unsynchronized\n8'
	same "what is read while it runs" "$(sum /dev/mapper/r)" "$before"
	refuse message r failover force
	refuse message r reverse_roles
	unhang_dev "$weak"
	message r set resync_rate auto
	wait_for 30 "the legs to have their places" back
	same "the bytes of the job" "$(job_field r 2 3 5)" $'restore\nCompleted\n'$((4 * mib))
	same "what is read" "$(sum /dev/mapper/r)" "$before"
	same "the origin" "$(sum "$origin")" "$before"
	same "the replica" "$(sum "$replica")" "$before"
}

# Writes that come while it runs are kept.
restored_under_load()
{
	setup
	start_load /dev/mapper/r --size=4M
	run message r split
	put /dev/mapper/r 4 8
	message r set resync_rate 2
	dmesg_mark
	refuse message r restore
	dmesg_has "replaces what users of the mapped device may have cached" || fail "no sentence"
	run message r restore force
	message r set resync_rate auto
	wait_for 60 "the legs to have their places" back
	stop_load
	idle r
	compare_legs "$origin" "$replica"
}

# An empty volume is not pushed over the source.
never_before_a_copy()
{
	local before
	new_loop origin 16M
	new_loop replica 16M
	put "$origin" 0 16
	before=$(sum "$origin")
	new_mirror r "$origin" "$replica" resync_rate 1
	dmesg_mark
	refuse message r failover force
	dmesg_has "before the replica was in step for the first time" || fail "no sentence"
	run message r abort
	refuse message r restore
	dmesg_mark
	refuse message r restore force
	dmesg_has "before the replica was in step for the first time" || fail "no sentence"
	same "the origin" "$(sum "$origin")" "$before"
	same "state" "$(status r state)" Aborted
}

# The meta device knows after a restart where it was.
restarts()
{
	local state
	new_loop origin 17M
	new_loop replica 17M
	new_loop mirror_meta 1M
	mirror_sectors=32768
	put "$origin" 0 16
	new_mirror r "$origin" "$replica" region_size 128
	synced r
	places=$(first_leg)
	run message r failover
	put /dev/mapper/r 3 2
	run dmsetup remove r
	refuse dmsetup create r --table "$(mirror_table "$origin" "$replica")"
	dmsetup remove r 2>/dev/null || true
	new_mirror r "$replica" "$origin" resync_rate 1
	same "state" "$(status r state dirty_bytes)" $'Failedover\n'$((2 * mib))
	run message r failback
	run dmsetup remove r
	new_mirror r "$replica" "$origin"
	wait_for 30 "the legs to have their places" back
	run dmsetup remove r
	run cmp -n $((16 * mib)) "$origin" "$replica"
	new_mirror r "$origin" "$replica"
	same "state" "$(status r state dirty_bytes)" $'Synchronized\n0'
}

# Prepared: nothing flows until it is activated, and then all of it.
prepared()
{
	setup
	refuse message r prepare
	run message r prepare force
	put /dev/mapper/r 1 1
	same "state" "$(status r state dirty_bytes)" $'Prepared\n'$((16 * mib))
	same "tracked_writes" "$(status r tracked_writes)" "$(status r writes)"
	run message r activate
	synced r
	same "the bytes of the job" "$(job_field r 5)" $((16 * mib))
	compare_legs "$origin" "$replica"
}

# The replica does not answer: whoever would rely on it is refused, and goes on.
broken_replica()
{
	local weak
	twins 8
	new_linear weak "$replica"
	new_mirror r "$origin" "$weak" sync skip
	places=$(first_leg)
	break_dev "$weak"
	put /dev/mapper/r 1 1
	wait_for 10 "r to break" is r Broken
	dmesg_mark
	timed 20 refuse message r failover force
	dmesg_has "the replica does not answer" || fail "no sentence"
	same "the first leg" "$(first_leg)" "$places"
	put /dev/mapper/r 2 1
	heal_dev "$weak"
	wait_for 30 "r to be in step" in_sync r
	compare_legs "$origin" "$replica"
}

ktap_header
ktap_case "planned failover and failback" planned
ktap_case "the origin fails" origin_fails
ktap_case "restored from a split replica" restored
ktap_case "restored under load" restored_under_load
ktap_case "never from a replica that was not in step" never_before_a_copy
ktap_case "restarts with a meta device" restarts
ktap_case "prepared" prepared
ktap_case "a replica that does not answer" broken_replica
ktap_finish
