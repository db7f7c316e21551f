#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=300
#
# The initial copy, and writes that reach both legs: of every size, at every offset,
# at the odd end of a device that is no multiple of a region.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

legs()
{
	new_loop origin "$1"
	new_loop replica "$1"
	put "$origin" 0 "${1%M}"
	put "$replica" 0 2
}

initial_copy()
{
	legs 8M
	new_mirror r "$origin" "$replica"
	synced r
	same "the job" "$(job_field r 2) $(job_field r 3) $(job_field r 4)" "initial_copy Completed 100"
	same "resync_bytes" "$(status r resync_bytes)" $((8 << 20))
	compare_legs "$origin" "$replica"
}

# 7 MiB and seven sectors, so the last region, zone and window are short.
odd_end()
{
	legs 8M
	mirror_sectors=$((16384 - 2048 + 7)) new_mirror r "$origin" "$replica" region_size 64
	synced r
	same "size" "$(status r size)" $(((16384 - 2048 + 7) * 512))
	run dd if=/dev/urandom of=/dev/mapper/r bs=512 seek=$((16384 - 2048 - 9)) count=16 \
		oflag=direct status=none
	idle r
	compare_legs "$origin" "$replica" $((16384 - 2048 + 7))
	refuse cmp -s "$origin" "$replica"	# behind the end nothing was copied
}

sizes()
{
	local sectors
	twins 8
	new_mirror r "$origin" "$replica" sync skip region_size "$1"
	for sectors in 1 2 7 8 63 255 2047 2048 2049 6001; do
		dd if=/dev/urandom of=/dev/mapper/r bs=$((sectors * 512)) seek=1 count=1 \
			oflag=direct conv=notrunc status=none
	done
	spray /dev/mapper/r --bsrange=512-300k --io_size=4M
	run dd if=/dev/urandom of=/dev/mapper/r bs=64k count=32 conv=notrunc status=none
	sync
	idle r
	same "state" "$(status r state)" Synchronized
	compare_legs "$origin" "$replica"
}

counted()
{
	legs 8M
	new_mirror r "$origin" "$replica"
	synced r
	run dd if=/dev/urandom of=/dev/mapper/r bs=4k count=10 oflag=direct status=none
	run dd if=/dev/mapper/r of=/dev/null bs=4k count=5 iflag=direct status=none
	same "writes" "$(status r writes)" 10
	same "write_bytes" "$(status r write_bytes)" 40960
	same "payload_copied" "$(status r payload_copied)" 40960
	at_least "reads" "$(status r reads)" 5
	same "tracked_writes" "$(status r tracked_writes)" 0
	same "replica_errors" "$(status r replica_errors)" 0
	idle r
}

# The device below has to be as it was when the target is gone.
gone()
{
	local before
	legs 8M
	before=$(sha256sum <"$origin")
	new_mirror r "$origin" "$replica"
	synced r
	run dmsetup remove r
	same "the origin" "$(sha256sum <"$origin")" "$before"
	compare_legs "$origin" "$replica"
}

# The comparison that all tests end with has to see a single byte.
one_byte()
{
	twins 8
	same "differing sectors" "$(differing_sectors "$origin" "$replica")" 0
	flip_bit "$replica" 5000001
	same "differing sectors" "$(differing_sectors "$origin" "$replica")" 1
}

ktap_header
ktap_case "the comparison sees one byte" one_byte
ktap_case "the initial copy makes the legs equal" initial_copy
ktap_case "the end of an odd device is mirrored, and no byte behind it" odd_end
ktap_case "writes of all sizes, large regions" sizes 2048
ktap_case "writes of all sizes, the smallest regions" sizes 8
ktap_case "the counters count" counted
ktap_case "without the mapping the origin is as it was" gone
ktap_finish
