#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=240
#
# The meta device fails or hangs: the application goes on or waits, as on_meta_error says,
# and a log that could not be written is not believed afterwards.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

setup()
{
	local disk
	twins 8
	new_loop disk 1M
	new_linear mirror_meta "$disk"
	new_mirror r "$origin" "$replica" sync skip region_size 128 replica_timeout 1000 "$@"
	same "meta" "$(status r meta)" ok
}

write_some()
{
	timed 15 dd if=/dev/urandom of=/dev/mapper/r bs=64k seek="$1" count=8 oflag=direct \
		conv=notrunc status=none
}

goes_on()
{
	setup
	break_dev "$mirror_meta"
	write_some 8
	same "meta" "$(status r meta)" failed
	same "state" "$(status r state)" Synchronized
	same "exposed_bytes" "$(status r exposed_bytes)" $((8 * 1048576))
	heal_dev "$mirror_meta"
	wait_for 30 "the meta device to work again" status_is r meta ok
	write_some 16
	wait_for 30 "the log to be clean" status_is r active_regions 0
	run dmsetup remove r
	compare_legs "$origin" "$replica"
	new_mirror r "$origin" "$replica"
	same "dirty_regions" "$(status r dirty_regions)" 0
}

hangs()
{
	setup
	hang_dev "$mirror_meta"
	defer unhang_dev "$mirror_meta"
	write_some 8
	same "meta" "$(status r meta)" failed
	timed 25 dmsetup suspend r
	timed 25 dmsetup resume r
	write_some 16
	unhang_dev "$mirror_meta"
	wait_for 30 "the meta device to work again" status_is r meta ok
	run dmsetup remove r
	compare_legs "$origin" "$replica"
}

removed_while_it_hangs()
{
	setup
	hang_dev "$mirror_meta"
	defer unhang_dev "$mirror_meta"
	write_some 8
	timed 25 dmsetup remove r
	compare_legs "$origin" "$replica"
	unhang_dev "$mirror_meta"
	wait_for 20 "the module to be free" rmmod dm_replica
	run modprobe dm-replica
}

stops()
{
	local writer
	setup on_meta_error stop
	break_dev "$mirror_meta"
	dd if=/dev/urandom of=/dev/mapper/r bs=64k seek=8 count=8 oflag=direct conv=notrunc \
		status=none &
	writer=$!
	defer wait "$writer"
	wait_for 20 "the meta device to fail" status_is r meta failed
	sleep 1
	kill -0 "$writer" || fail "the write has ended"
	heal_dev "$mirror_meta"
	wait_for 30 "the write to end" gone "$writer"
	same "meta" "$(status r meta)" ok
	break_dev "$mirror_meta"
	dd if=/dev/urandom of=/dev/mapper/r bs=64k seek=32 count=8 oflag=direct conv=notrunc \
		status=none &
	writer=$!
	wait_for 20 "the meta device to fail" status_is r meta failed
	run message r set on_meta_error continue
	wait_for 30 "the write to end" gone "$writer"
	heal_dev "$mirror_meta"
	run dmsetup remove r
	compare_legs "$origin" "$replica"
}

gone()
{
	! kill -0 "$1" 2>/dev/null
}

# It comes back after the end, as it was when it failed.
not_believed()
{
	local disk
	new_loop origin 8M
	new_loop replica 9M
	new_loop disk 1M
	new_linear mirror_meta "$disk"
	put "$origin" 0 8
	new_mirror r "$origin" "$replica" region_size 128
	synced r
	break_dev "$mirror_meta"
	message r fracture
	write_some 8
	same "meta" "$(status r meta)" failed
	run dmsetup remove r
	heal_dev "$mirror_meta"
	dmesg_mark
	refuse dmsetup create r --table "$(mirror_table "$origin" "$replica")"
	dm_gone r
	dmesg_has "meta device is an old copy" || fail "no sentence says why"
	new_mirror r "$origin" "$replica" stale accept
	synced r
	same "resync_bytes" "$(status r resync_bytes)" $((8 * 1048576))
	run dmsetup remove r
	compare_legs "$origin" "$replica" 16384
}

ktap_header
ktap_case "continue: writes go on, and it comes back" goes_on
ktap_case "a meta device that hangs is given up" hangs
ktap_case "removed while the meta device hangs" removed_while_it_hangs
ktap_case "stop: writes are held" stops
ktap_case "a log that ended early is not believed" not_believed
ktap_finish
