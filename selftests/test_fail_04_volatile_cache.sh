#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# What a replica with a volatile cache may have lost (P3): after it broke, all that was
# written since its last flush is dirty, and only that.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

setup()
{
	new_loop origin 8M
	new_loop disk 8M
	put "$origin" 0 8
	run dd if="$origin" of="$disk" bs=1M iflag=direct oflag=direct status=none
	new_linear replica "$disk"
	new_mirror r "$origin" "$replica" region_size 128 "$@"
	synced r
}

# From now on the replica says yes to writes and forgets them, as a cache that loses power.
forget()
{
	modprobe -q dm-flakey || true
	set_table "$replica" "0 16384 flakey $disk 0 0 1000 1 drop_writes"
}

lost()
{
	setup
	put /dev/mapper/r 1 1
	run flush /dev/mapper/r
	forget
	put /dev/mapper/r 3 1
	same "state" "$(status r state)" Synchronized
	refuse cmp -s "$origin" "$disk"
	break_dev "$replica"
	put /dev/mapper/r 5 1
	wait_for 20 "r to break" is r Broken
	say "forgotten at 3 MiB, missed at 5 MiB: two MiB"
	set_table "$replica" "0 16384 linear $disk 0"
	synced r
	same "the bytes of the job" "$(job_field r 5)" $((2 << 20))
	idle r
	compare_legs "$origin" "$disk"
}

# What a job copied counts as written, too, until the flush at its end.
lost_copy()
{
	setup resync_rate 1
	run message r resync force
	wait_for 30 "some of the copy" copied 1000000
	forget
	wait_for 30 "more of the copy" copied 3000000
	run dd if=/dev/zero of="$disk" bs=1M seek=1 count=2 oflag=direct conv=notrunc status=none
	break_dev "$replica"
	wait_for 20 "r to break" is r Broken
	message r set resync_rate auto
	set_table "$replica" "0 16384 linear $disk 0"
	synced r
	compare_legs "$origin" "$disk"
}

copied()
{
	(($(job_field r 5) > $1))
}

# The cache is lost while the replica hangs.
lost_hanging()
{
	setup replica_timeout 1000
	run flush /dev/mapper/r
	forget
	put /dev/mapper/r 3 1
	hang_dev "$replica"
	defer unhang_dev "$replica"
	put /dev/mapper/r 5 1
	wait_for 20 "r to break" is r Broken
	say "it goes on as a good device, without what it forgot"
	set_table "$replica" "0 16384 linear $disk 0"
	synced r
	idle r
	compare_legs "$origin" "$disk"
}

# Cut off on purpose and back: the device was well, but perhaps not all the time.
lost_fractured()
{
	setup
	run flush /dev/mapper/r
	forget
	put /dev/mapper/r 3 1
	run message r fracture
	set_table "$replica" "0 16384 linear $disk 0"
	run message r resync
	synced r
	at_least "the bytes of the job" "$(job_field r 5)" $((1 << 20))
	compare_legs "$origin" "$disk"
}

# No cache, nothing to lose.
no_cache()
{
	new_null_blk origin 8M
	new_null_blk disk 8M
	new_linear replica "$disk"
	new_mirror r "$origin" "$replica" sync skip region_size 128
	put /dev/mapper/r 1 2
	break_dev "$replica"
	put /dev/mapper/r 5 1
	wait_for 20 "r to break" is r Broken
	heal_dev "$replica"
	synced r
	same "the bytes of the job" "$(job_field r 5)" $((1 << 20))
	compare_legs "$origin" "$disk"
}

disk=
ktap_header
ktap_case "what the cache lost is copied, and what was flushed is not" lost
ktap_case "what a job copied is lost" lost_copy
ktap_case "what the cache lost while the replica hung" lost_hanging
ktap_case "what the cache lost before a fracture" lost_fractured
ktap_case "without a cache only what was missed is copied" no_cache
ktap_finish
