#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=200
#
# A clone with a meta device goes on after a restart where it was, still of its instant;
# what it cannot know any more ends it. Without a meta device it ends with the mapping.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/clone.sh"

# durable_clone [FEATURE VALUE]...: with a label's room on the replica.
durable_clone()
{
	new_loop origin 16M
	new_loop replica 17M
	new_loop meta 4M
	mirror_meta=$meta
	put "$origin" 0 16
	point_in_time
	new_clone r region_size 128 resync_rate 1 "$@"
}

is_image()
{
	blockdev --flushbufs "$replica"
	cmp -n 16777216 "$image" "$replica" || fail "the clone is not what the origin was"
}

again()
{
	dm_gone r
	new_clone r resync_rate 1
}

goes_on()
{
	local n
	durable_clone
	for n in 1 2 3; do
		put /dev/mapper/r $((14 - 3 * n)) 2
		again
		same "state" "$(status r state)" Unsynchronized
		same "the job" "$(job_field r 1) $(job_field r 2) $(job_field r 3)" "1 clone Running"
	done
	at_least "percent" "$(status r percent)" 30
	at_most "what is still to be copied" "$(status r dirty_bytes)" $((11 << 20))
	run message r set resync_rate auto
	wait_for 60 "the clone to be complete" in_sync r
	is_image
	wait_for 20 "the log to be empty" status_is r active_regions 0
	put /dev/mapper/r 0 16
	again
	same "state" "$(status r state)" Synchronized
	put /dev/mapper/r 0 16
	is_image
}

stays_aborted()
{
	durable_clone
	run message r abort
	put /dev/mapper/r 0 16
	again
	same "state" "$(status r state)" Aborted
	refuse message r resync
	timed 10 put /dev/mapper/r 0 16
	same "bytes copied" "$(status r resync_bytes)" 0
}

# damaged BLOCK: that of the bitmap, or of both superblocks' flags.
damaged()
{
	durable_clone
	put /dev/mapper/r 4 1
	dm_gone r
	run dd if=/dev/urandom of="$meta" bs=4096 seek="$1" count=1 conv=notrunc,fsync status=none
	new_clone r
	same "state" "$(status r state)" Aborted
	same "bytes copied" "$(status r resync_bytes)" 0
	timed 10 put /dev/mapper/r 0 16
}

roles()
{
	local mirror
	durable_clone
	mirror="$(mirror_table "$origin" "$replica")"
	dm_gone r
	refuse dmsetup create r --table "$mirror"
	dmsg_says "the table must say role clone"
	refuse dmsetup create r --table "${mirror/ sync 0/ sync 2 stale accept}"
	run dd if=/dev/zero of="$meta" bs=4096 count=1024 conv=notrunc,fsync status=none
	run dmsetup create r --table "$mirror"
	dm_gone r
	refuse dmsetup create r --table "$(mirror_table "$origin" "$replica" role clone)"
	dmsg_says "holds the log of a mirror"
}

dmsg_says()
{
	dmesg | tail -n 5 | grep "$1" || fail "the kernel does not say: $1"
}

# A meta device that fails: the clone goes on, and after a restart it is not taken for one.
meta_fails()
{
	durable_clone on_meta_error "$1"
	dm_gone r
	new_linear weak "$meta"
	mirror_meta=$weak
	new_clone r resync_rate 1 on_meta_error "$1"
	break_dev "$weak"
	if [[ $1 == continue ]]; then
		timed 20 put /dev/mapper/r 0 16
		same "meta" "$(status r meta)" failed
		dm_gone r
		heal_dev "$weak"
		refuse dmsetup create r --table "$(mirror_table "$origin" "$replica" role clone)"
		return
	fi
	dd if=/dev/urandom of=/dev/mapper/r bs=1M count=16 oflag=direct status=none &
	defer end_load "$!"
	wait_for 20 "the meta device to be missed" status_is r meta failed
	ktap_pause 2
	kill -0 "$!" || fail "the write did not wait"
	heal_dev "$weak"
	run wait "$!"
	run message r set resync_rate auto
	wait_for 60 "the clone to be complete" in_sync r
	is_image
}

ktap_header
ktap_case "it goes on after a restart, and another" goes_on
ktap_case "what was given up stays so" stays_aborted
ktap_case "a damaged bitmap ends it" damaged 34
ktap_case "the log knows its role" roles
ktap_case "the meta device fails, writes go on" meta_fails continue
ktap_case "the meta device fails, writes wait" meta_fails stop
ktap_finish
