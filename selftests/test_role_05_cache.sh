#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=200 mem=2048
#
# A replica that is set aside loses its power, and with it what was in its cache. The flush
# with which an order begins that lets the legs change places ends well, but on an empty
# cache: it is no proof that the replica has what was sent to it, whether the order is
# carried out or not. And a flush of such an order that fails is the only word of what a leg
# has lost, of the replica as of the origin that is left (P3).
#
# mutations/run has this test find out a module that forgets one of these.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/crash.sh"

# set_aside: fractured, with writes that were in the replica's cache alone. With a meta device
# the log's worker marks them soon, as it cannot flush a replica that is set aside.
set_aside()
{
	start_disks "$log"
	mirror_sectors=$sectors
	new_mirror r /dev/nbd0 /dev/nbd1 sync skip region_size "$region"
	run sync /dev/mapper/r
	put /dev/mapper/r 2 1
	run message r fracture
	disks lose 1
	[[ $(data /dev/nbd0) != "$(data /dev/nbd1)" ]] || fail "nothing was lost"
	same "dirty_regions" "$(status r dirty_regions)" 0
}

equal()
{
	wait_for 60 "the legs to be in step" at_rest
	dm_gone r
	same "the replica" "$(data /dev/nbd1)" "$(data /dev/nbd0)"
	stop_disks
}

# at_rest: in step, and in their places.
at_rest()
{
	in_sync r && [[ $(dmsetup table r | cut -d ' ' -f 4) == "$places" ]]
}

failed_over()
{
	set_aside
	places=$(dmsetup table r | cut -d ' ' -f 4)
	run message r failover force
	at_least "dirty_bytes" "$(status r dirty_bytes)" 1048576
	run message r failback
	equal
}

# The order comes as far as the flush of the replica, and ends.
attempted()
{
	local pid
	set_aside
	places=$(dmsetup table r | cut -d ' ' -f 4)
	disks hang 0
	dd if=/dev/zero of=/dev/mapper/r bs=4k seek=1024 count=1 oflag=direct conv=notrunc status=none &
	pid=$!
	wait_for 10 "the write to be under way" status_is r inflight 1
	dmesg_mark
	timed 20 refuse message r failover force
	dmesg_has "the writes under way did not end in time" || fail "ended otherwise"
	disks unhang 0
	run wait "$pid"
	same "state" "$(status r state)" Fractured
	run message r resync
	equal
}

# in_step [PARAMETER...]: with writes that are in the caches alone.
in_step()
{
	start_disks "$log"
	mirror_sectors=$sectors
	new_mirror r /dev/nbd0 /dev/nbd1 sync skip region_size "$region" "$@"
	run sync /dev/mapper/r
	put /dev/mapper/r 2 1
	places=$(dmsetup table r | cut -d ' ' -f 4)
}

# The replica tells the order, and nobody else, that it has lost what it had to write. It is back
# at once, and is copied to only when it was looked at.
flush_fails()
{
	in_step recovery manual
	disks fail_flush 1
	dmesg_mark
	refuse message r reverse_roles
	dmesg_has "the replica does not answer" || fail "ended otherwise"
	wait_for 30 "r to be suspended" status_is r state Suspended
	[[ $(data /dev/nbd0) != "$(data /dev/nbd1)" ]] || fail "nothing was lost"
	run message r resume
	equal
}

# The origin does so when it is left: the replica has it all.
origin_loses()
{
	local before
	in_step
	before=$(data /dev/mapper/r)
	ktap_pause 2
	disks fail_flush 0
	run message r failover
	# Nobody knows since when: it was one when the legs got in step, and no later moment is told.
	same "whole" "$(status r whole)" 0
	at_least "consistent_age_ms" "$(status r consistent_age_ms)" 2000
	[[ $(data /dev/nbd0) != "$(data /dev/nbd1)" ]] || fail "nothing was lost"
	at_least "dirty_bytes" "$(status r dirty_bytes)" 1048576
	[[ $(data /dev/mapper/r) == "$before" ]] || fail "what is read has changed"
	run message r failback
	equal
}

# With a log, whose worker hears of it besides: that is no reason to copy from the origin, nor
# to refuse the order. Nothing is in a cache, so that nobody else flushes the origin meanwhile.
logged_origin_loses()
{
	local mirror_meta=/dev/nbd2
	in_step activity 512
	wait_for 30 "the log to be at rest" status_is r active_regions 0
	disks fail_flush 0
	run message r failover
	same "state" "$(status r state dirty_bytes)" $'Failedover\n'$((sectors * 512))
	run message r failback
	equal
}

log=$dev_dir/crash-log-$$
ktap_header
defer rm -f "$log"
ktap_case "failed over" failed_over
ktap_case "an order that is not carried out" attempted
ktap_case "a flush of the replica that fails" flush_fails
ktap_case "a flush of the origin that fails" origin_loses
ktap_case "the same, with a meta device" logged_origin_loses
ktap_finish
