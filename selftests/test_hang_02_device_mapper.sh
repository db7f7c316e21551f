#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# A hanging replica does not hold up suspend, resume, reload, rename and remove (P7), and
# the module stays while it has something of ours.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

setup()
{
	local disk
	new_loop origin 8M
	new_loop disk 8M
	new_linear replica "$disk"
	new_mirror r "$origin" "$replica" sync skip region_size 128 replica_timeout 1000
	hang_dev "$replica"
	defer unhang_dev "$replica"
}

writer()
{
	dd if=/dev/urandom of=/dev/mapper/r bs=64k count=8 oflag=direct conv=notrunc status=none &
	writer=$!
	defer end_load "$writer"
	wait_for 10 "the write to be under way" some writes
	[[ ${mirror_mode:-} != async ]] || wait_for 10 "a queue" some queue_high_entries
}

some()
{
	(($(status r "$1") > 0))
}

well_after_all()
{
	run wait "$writer"
	unhang_dev "$replica"
	synced r
	idle r
	compare_legs "$origin" "$replica"
}

suspended()
{
	setup
	writer
	timed 20 dmsetup suspend r
	timed 20 dmsetup resume r
	well_after_all
}

reloaded()
{
	setup
	writer
	timed 20 dmsetup suspend r
	run dmsetup load r --table "$(mirror_table "$origin" "$replica" region_size 128)"
	timed 20 dmsetup resume r
	well_after_all
}

renamed()
{
	setup
	writer
	timed 20 dmsetup rename r r2
	timed 20 dmsetup rename r2 r
	well_after_all
}

# Loaded with another replica while the old one hangs: the new one is copied in full.
exchanged()
{
	local hung other
	setup
	hung=$replica
	writer
	new_loop other 8M
	timed 20 dmsetup suspend r
	run dmsetup load r --table "$(mirror_table "$origin" "$other")"
	timed 20 dmsetup resume r
	run wait "$writer"
	synced r
	compare_legs "$origin" "$other"
	same "detached" "$(status r detached)" 0
	unhang_dev "$hung"
	run dmsetup remove r
	compare_legs "$origin" "$other"
}

removed()
{
	setup
	writer
	run wait "$writer"
	wait_for 10 "a request that was given up" some detached
	timed 20 dmsetup remove r
	say "the module is in use: $(cat /sys/module/dm_replica/refcnt)"
	refuse rmmod dm_replica
	refuse dmsetup create r --table "$(mirror_table "$origin" "$replica")"
	unhang_dev "$replica"
	wait_for 20 "the module to be free" unused
	timed 20 rmmod dm_replica
	run modprobe dm-replica
}

unused()
{
	[[ $(cat /sys/module/dm_replica/refcnt) == 0 ]]
}

# In the middle of a job, and of its last flush.
removed_in_a_job()
{
	local disk
	new_loop origin 8M
	new_loop disk 8M
	new_linear replica "$disk"
	new_mirror r "$origin" "$replica" replica_timeout 1000 resync_rate 1
	hang_dev "$replica"
	defer unhang_dev "$replica"
	timed 20 dmsetup remove r
}

# With no limit the admin has other ways out.
no_limit()
{
	setup
	run message r set replica_timeout 0
	writer
	run message r fracture
	timed 10 wait "$writer"
	timed 10 dmsetup suspend r
	timed 10 dmsetup resume r
	unhang_dev "$replica"
	wait_for 20 "the given-up request to return" status_is r detached 0
	run message r resync
	synced r
	compare_legs "$origin" "$replica"
}

# A probe that hangs is no reason to wait either.
probe_hangs()
{
	setup
	writer
	run wait "$writer"
	# From hanging to failing, with no moment in which it works and a resync begins.
	break_dev "$replica"
	wait_for 20 "r to know" status_is r detached 0
	hang_dev "$replica"
	message r resume
	wait_for 20 "a probe to be out" status_is r detached 1
	timed 20 dmsetup suspend r
	timed 20 dmsetup resume r
	timed 20 dmsetup remove r
	heal_dev "$replica"
}

# with_queue CASE: the origin alone acknowledges, the replica has the writes in its queue.
with_queue()
{
	local mirror_mode=async
	"$@"
}

ktap_header
ktap_case "suspend and resume" suspended
ktap_case "reload" reloaded
ktap_case "rename" renamed
ktap_case "another replica in its place" exchanged
ktap_case "remove, and the module stays until all is back" removed
ktap_case "remove in the initial copy" removed_in_a_job
ktap_case "replica_timeout 0 and fracture" no_limit
ktap_case "suspend and remove with a hanging probe" probe_hangs
ktap_case "suspend and resume with a queue" with_queue suspended
ktap_case "reload with a queue" with_queue reloaded
ktap_case "remove with a queue" with_queue removed
ktap_finish
