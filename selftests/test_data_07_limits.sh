#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# Legs of 512 and 4096 byte blocks, and of both; the limits that the queue shows.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

# blocks ORIGIN REPLICA WANTED
blocks()
{
	new_loop origin 8M "$1"
	new_loop replica 8M "$2"
	put "$origin" 0 8
	new_mirror r "$origin" "$replica" region_size 64
	synced r
	same "logical_block_size" "$(queue r logical_block_size)" "$3"
	run dd if=/dev/urandom of=/dev/mapper/r bs="$3" seek=3 count=9 oflag=direct conv=notrunc \
		status=none
	[[ $3 == 512 ]] || refuse dd if=/dev/zero of=/dev/mapper/r bs=512 count=1 oflag=direct \
		status=none
	spray /dev/mapper/r --bsrange="$3-128k" --size=8M --io_size=2M
	idle r
	same "state" "$(status r state)" Synchronized
	same "replica_errors" "$(status r replica_errors)" 0
	compare_legs "$origin" "$replica"
}

# A read of bad sectors is served by the replica also when its blocks are larger.
mixed_failover()
{
	local disk
	new_loop disk 8M 512
	new_loop replica 8M 4096
	put "$disk" 0 8
	run dd if="$disk" of="$replica" bs=1M iflag=direct oflag=direct status=none
	new_linear origin "$disk"
	new_mirror r "$origin" "$replica" sync skip
	set_table "$origin" "$(holed "$disk" 4096 8)"
	same "what was read" "$(dd if=/dev/mapper/r bs=4k skip=512 count=1 iflag=direct status=none |
		sha256sum)" "$(dd if="$disk" bs=4k skip=512 count=1 iflag=direct status=none | sha256sum)"
	same "read_failovers" "$(status r read_failovers)" 1
}

limits()
{
	new_null_blk origin 8M 512 max_sectors=256
	new_null_blk replica 8M 4096 max_sectors=64
	new_mirror r "$origin" "$replica" sync skip
	same "stable_writes" "$(queue r stable_writes)" 1
	same "logical_block_size" "$(queue r logical_block_size)" 4096
	same "physical_block_size" "$(queue r physical_block_size)" 4096
	at_most "max_hw_sectors_kb" "$(queue r max_hw_sectors_kb)" 32
	same "zoned" "$(queue r zoned)" none
	spray /dev/mapper/r --bsrange=4k-1m --size=8M --io_size=4M
	idle r
	compare_legs "$origin" "$replica"
}

# A volatile cache of either leg is one of the mapping.
write_cache()
{
	new_null_blk origin 8M
	new_null_blk replica 8M 512 cache_size=1
	new_mirror r "$origin" "$replica" sync skip
	same "write_cache" "$(queue r write_cache)" "write back"
}

ktap_header
ktap_case "512 and 512 byte blocks" blocks 512 512 512
ktap_case "4096 and 4096" blocks 4096 4096 4096
ktap_case "512 and 4096" blocks 512 4096 4096
ktap_case "4096 and 512" blocks 4096 512 4096
ktap_case "failed reads with mixed blocks" mixed_failover
ktap_case "limits are those of both legs" limits
ktap_case "a volatile cache is not hidden" write_cache
ktap_finish
