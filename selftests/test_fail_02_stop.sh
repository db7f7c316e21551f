#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# on_replica_error stop: writes wait for the replica, or for the administrator to say track,
# and do not stand in the way of suspend, resume and remove.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

weak()
{
	local disk
	new_loop origin 8M
	new_loop disk 8M
	new_linear replica "$disk"
	new_mirror r "$origin" "$replica" sync skip region_size 128 on_replica_error stop
}

# held: a writer that waits, $writer; what it writes is 1 MiB at 1.
held()
{
	break_dev "$replica"
	dd if=/dev/urandom of=/dev/mapper/r bs=1M seek=1 count=1 oflag=direct conv=notrunc \
		status=none &
	writer=$!
	defer end_load "$writer"
	wait_for 20 "r to break" is r Broken
	wait_for 20 "writes to be held" some_held
	kill -0 "$writer" || fail "the writer did not wait"
}

some_held()
{
	(($(status r held_writes) > 0))
}

until_it_returns()
{
	weak
	held
	run dd if=/dev/mapper/r of=/dev/null bs=64k count=4 iflag=direct status=none
	heal_dev "$replica"
	run wait "$writer"
	synced r
	idle r
	compare_legs "$origin" "$replica"
}

until_track()
{
	weak
	held
	run message r set on_replica_error track
	run wait "$writer"
	same "state" "$(status r state)" Broken
	same "inflight" "$(status r inflight)" 0
	at_least "dirty_bytes" "$(status r dirty_bytes)" $((1 << 20))
	heal_dev "$replica"
	synced r
	compare_legs "$origin" "$replica"
}

until_cut()
{
	weak
	held
	run message r fracture
	run wait "$writer"
	heal_dev "$replica"
	run message r resync
	synced r
	compare_legs "$origin" "$replica"
}

# Without a flush, the held writes wait in the mapped device and go on with it.
suspend_noflush()
{
	weak
	held
	timed 20 dmsetup suspend --noflush --nolockfs r
	kill -0 "$writer" || fail "the writer did not wait"
	timed 20 dmsetup resume r
	wait_for 20 "writes to be held" some_held
	kill -0 "$writer" || fail "the writer did not wait"
	heal_dev "$replica"
	run wait "$writer"
	synced r
	idle r
	compare_legs "$origin" "$replica"
}

# With a flush, the administrator wants all writes to end: they go to the origin alone.
suspend_flush()
{
	weak
	held
	timed 20 dmsetup suspend r
	run wait "$writer"
	at_least "dirty_bytes" "$(status r dirty_bytes)" $((1 << 20))
	timed 20 dmsetup resume r
	heal_dev "$replica"
	synced r
	idle r
	compare_legs "$origin" "$replica"
}

# What can be reloaded can be got rid of.
reload_track()
{
	weak
	held
	run dmsetup load r --table "$(mirror_table "$origin" "$replica" sync skip region_size 128)"
	timed 20 dmsetup suspend --noflush --nolockfs r
	timed 20 dmsetup resume r
	run wait "$writer"
	same "state" "$(status r state)" Broken
	heal_dev "$replica"
	synced r
	idle r
	compare_legs "$origin" "$replica"
}

ktap_header
ktap_case "writes are held until the replica returns" until_it_returns
ktap_case "writes are held until on_replica_error is track" until_track
ktap_case "writes are held until the replica is fractured" until_cut
ktap_case "suspend without flush keeps held writes" suspend_noflush
ktap_case "suspend with flush ends held writes" suspend_flush
ktap_case "a reload to track releases held writes" reload_track
ktap_finish
