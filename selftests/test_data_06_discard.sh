#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=300
#
# Requests without data: a discard becomes zeroes on both legs, or is passed down, or is
# refused; what one leg cannot do is not offered.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

# zeroes DEVICE FIRST_MIB COUNT_MIB
zeroes()
{
	cmp -n $(($3 << 20)) -i $(($2 << 20)):0 "$1" /dev/zero || fail "$1 is not zero there"
}

discard_zero()
{
	twins 8
	new_mirror r "$origin" "$replica" sync skip region_size 64
	at_least "discard_max_bytes" "$(queue r discard_max_bytes)" 1
	run blkdiscard -o 1048576 -l 2097152 /dev/mapper/r
	at_least "discards" "$(status r discards)" 1
	idle r
	compare_legs "$origin" "$replica"
	zeroes "$origin" 1 2
	zeroes "$replica" 1 2
	run blkdiscard -f /dev/mapper/r
	idle r
	compare_legs "$origin" "$replica"
	zeroes "$replica" 0 8
}

write_zeroes()
{
	twins 8
	new_mirror r "$origin" "$replica" sync skip
	at_least "write_zeroes_max_bytes" "$(queue r write_zeroes_max_bytes)" 1
	run blkdiscard -z -o 512 -l 3145728 /dev/mapper/r
	at_least "write_zeroes" "$(status r write_zeroes)" 1
	# Files that cannot be zeroed in place refuse; then zeroes are written.
	synced r
	idle r
	zeroes "$origin" 1 2
	compare_legs "$origin" "$replica"
}

discard_off()
{
	twins 8
	new_mirror r "$origin" "$replica" sync skip discard off
	same "discard_max_bytes" "$(queue r discard_max_bytes)" 0
	refuse blkdiscard -f /dev/mapper/r
	compare_legs "$origin" "$replica"
}

# Passed down, each leg does what it does; loop devices punch holes.
passdown()
{
	twins 8
	new_mirror r "$origin" "$replica" sync skip discard passdown
	at_least "discard_max_bytes" "$(queue r discard_max_bytes)" 1
	run blkdiscard -o 1048576 -l 1048576 /dev/mapper/r
	idle r
	zeroes "$replica" 1 1
	compare_legs "$origin" "$replica"
}

# A leg without write zeroes: no discards; blkdiscard -z falls back to writing.
cannot()
{
	new_null_blk "$1" 8M
	new_loop "$2" 8M
	put "$origin" 0 8
	new_mirror r "$origin" "$replica"
	synced r
	same "discard_max_bytes" "$(queue r discard_max_bytes)" 0
	same "write_zeroes_max_bytes" "$(queue r write_zeroes_max_bytes)" 0
	refuse blkdiscard -f /dev/mapper/r
	run blkdiscard -z -o 1048576 -l 1048576 /dev/mapper/r
	idle r
	same "state" "$(status r state)" Synchronized
	zeroes "$replica" 1 1
	compare_legs "$origin" "$replica"
}

# With writes to the same sectors at the same time.
among_writes()
{
	local i
	twins 8
	new_mirror r "$origin" "$replica" sync skip
	start_load /dev/mapper/r --size=4M
	for ((i = 0; i < 15; i++)); do
		blkdiscard -o $((i * 65536)) -l 3145728 /dev/mapper/r
		blkdiscard -z -o $((i * 4096)) -l 2097152 /dev/mapper/r
	done
	stop_load
	synced r
	idle r
	compare_legs "$origin" "$replica"
}

# While the replica is away they are tracked like any write.
tracked()
{
	twins 8
	new_mirror r "$origin" "$replica" sync skip region_size 128
	run message r fracture
	run blkdiscard -o 1048576 -l 2097152 /dev/mapper/r
	same "dirty_bytes" "$(status r dirty_bytes)" 2097152
	run message r resync
	synced r
	compare_legs "$origin" "$replica"
}

ktap_header
ktap_case "a discard zeroes both legs" discard_zero
ktap_case "write zeroes reach both legs" write_zeroes
ktap_case "discard off offers none" discard_off
ktap_case "discard passdown" passdown
ktap_case "an origin that cannot write zeroes" cannot origin replica
ktap_case "a replica that cannot write zeroes" cannot replica origin
ktap_case "discards among writes" among_writes
ktap_case "discards are tracked" tracked
ktap_finish
