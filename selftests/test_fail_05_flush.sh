#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=240 mem=2048
#
# A flush that fails has lost what it was to save, and the disk may tell only once: whoever
# heard of it remembers, whatever is going on at that moment (P3).
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/crash.sh"

# in_step [PARAMETER...]: with nothing in the caches.
in_step()
{
	start_disks "$log"
	mirror_sectors=$sectors
	new_mirror r /dev/nbd0 /dev/nbd1 sync skip region_size "$region" "$@"
	run sync /dev/mapper/r
}

equal()
{
	wait_for 60 "the legs to be in step" in_sync r
	dm_gone r
	same "the replica" "$(data /dev/nbd1)" "$(data /dev/nbd0)"
	stop_disks
}

# The flush is out at the replica when the next copy is ordered, which waits for it. Its floor
# must neither be forgotten nor stay: then no region would ever be settled, and writes to more of
# them than the log has at a time would wait for ever.
as_a_resync_begins()
{
	local mirror_meta=/dev/nbd2 mirror_mode=async flusher resync
	in_step activity 512 replica_timeout 20000
	put /dev/mapper/r 2 1
	wait_for 20 "the queue to be empty" status_is r queue_entries 0
	disks hang 1
	flush /dev/mapper/r &
	flusher=$!
	wait_for 10 "the flush to be under way" status_is r queue_entries 1
	run message r fracture
	run message r resync &
	resync=$!
	ktap_pause 1
	disks fail_flush 1
	disks unhang 1
	wait "$flusher" || true
	run wait "$resync"
	wait_for 60 "the legs to be in step" in_sync r
	timed 60 put /dev/mapper/r 0 8
	equal
}

# lose: the origin loses what it had to write, and tells whoever flushes. The log's worker may
# have been there before, with a flush that ended well.
lose()
{
	local n copied written=$dev_dir/written-$BASHPID
	defer rm -f "$written"
	for n in 1 2 3 4 5 6 7 8; do
		run dd if=/dev/urandom of="$written" bs=1M count=1 status=none
		run dd if="$written" of=/dev/mapper/r bs=1M seek=2 oflag=direct conv=notrunc status=none
		copied=$(status r resync_bytes)
		disks fail_flush 0
		refuse flush /dev/mapper/r
		if ! origin_has "$written"; then
			wait_for 60 "what was lost to be copied" more_copied r "$copied"
			return 0
		fi
		say "it was flushed before: $n"
		wait_for 60 "the legs to be in step" in_sync r
	done
	fail "nothing was lost"
}

of_the_origin()
{
	local mirror_meta=/dev/nbd2
	in_step activity 512
	lose
	equal
}

# Without a log it is remembered as long as the association is active.
without_a_log()
{
	in_step
	lose
	equal
}

origin_has()
{
	cmp -s "$1" <(dd if=/dev/nbd0 bs=1M skip=2 count=1 iflag=direct status=none)
}

# The origin had it, and has lost it, before the replica answers: it is known at once.
as_a_write_waits()
{
	local writer flusher written=$dev_dir/written-$BASHPID
	defer rm -f "$written"
	in_step replica_timeout 20000
	run dd if=/dev/urandom of="$written" bs=1M count=1 status=none
	disks hang 1
	dd if="$written" of=/dev/mapper/r bs=1M seek=2 oflag=direct conv=notrunc status=none &
	writer=$!
	wait_for 10 "the origin to have it" origin_has "$written"
	disks fail_flush 0
	flush /dev/mapper/r &
	flusher=$!
	wait_for 10 "the loss to be noticed" status_is r state Unsynchronized
	refuse origin_has "$written"
	disks unhang 1
	run wait "$writer"
	refuse wait "$flusher"
	equal
}

# The flush that tells is one of ours: the legs stay where they are.
as_places_change()
{
	local table copied
	in_step
	put /dev/mapper/r 2 1
	table=$(dmsetup table r)
	copied=$(status r resync_bytes)
	disks fail_flush 0
	dmesg_mark
	refuse message r reverse_roles
	dmesg_has "the origin could not be flushed" || fail "ended otherwise"
	wait_for 60 "what was lost to be copied" more_copied r "$copied"
	same "the table" "$(dmsetup table r)" "$table"
	equal
}

# Only what was written since its last good flush is in doubt: the replica serves the rest.
of_one_that_dies()
{
	local n
	in_step
	put /dev/mapper/r 2 1
	run flush /dev/mapper/r
	put /dev/mapper/r 4 1
	disks break 0
	refuse flush /dev/mapper/r
	wait_for 20 "the loss to be noticed" status_is r state Unsynchronized
	same "dirty_bytes" "$(status r dirty_bytes)" 1048576
	for n in 0 2 6; do
		cmp <(dd if=/dev/mapper/r bs=1M skip="$n" count=1 iflag=direct status=none) \
			<(dd if=/dev/nbd1 bs=1M skip="$n" count=1 iflag=direct status=none) ||
			fail "MiB $n is not the replica's"
	done
	at_least "read_failovers" "$(status r read_failovers)" 3
	refuse dd if=/dev/mapper/r of=/dev/null bs=4k skip=1024 count=1 iflag=direct status=none
	disks heal 0
	equal
}

# The update that was under way is of no instant any more: it begins anew.
in_a_delta_update()
{
	local mirror_mode=async mirror_meta=/dev/nbd2
	in_step delta_ms 1000 activity 512
	lose
	run message r confirm 60000
	equal
}

log=$dev_dir/crash-log-$$
ktap_header
defer rm -f "$log"
ktap_case "of the replica, as a resync begins" as_a_resync_begins
ktap_case "of the origin" of_the_origin
ktap_case "of the origin, without a log" without_a_log
ktap_case "of the origin, as a write waits for the replica" as_a_write_waits
ktap_case "of the origin, as the legs are to change places" as_places_change
ktap_case "of an origin that dies" of_one_that_dies
ktap_case "of the origin, in delta updates" in_a_delta_update
ktap_finish
