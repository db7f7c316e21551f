#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=300
#
# Same order (P6): writers overwrite each other's sectors at the same time. Both legs
# finish requests at different times, and must hold the same winner everywhere.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

legs()
{
	new_null_blk origin 16M 512 completion_nsec="$1" irqmode=2
	new_null_blk replica 16M 512 completion_nsec="$2" irqmode=2
}

# Four jobs of eight requests each in 256 KiB, so that most overlap.
fight()
{
	run fio --name=fight --filename=/dev/mapper/r --direct=1 --rw=randwrite \
		--bsrange=512-32k --ioengine=libaio --iodepth=8 \
		--numjobs=4 --thread --size=256k --norandommap --time_based --runtime="$1" \
		--refill_buffers --randrepeat=0 --group_reporting --output=/dev/null
}

slow_replica()
{
	legs 50000 400000
	new_mirror r "$origin" "$replica" sync skip "$@"
	fight 5
	idle r
	at_least "overlap_waits" "$(status r overlap_waits)" 10
	compare_legs "$origin" "$replica"
}

slow_origin()
{
	legs 400000 50000
	new_mirror r "$origin" "$replica" sync skip
	fight 5
	idle r
	at_least "overlap_waits" "$(status r overlap_waits)" 10
	compare_legs "$origin" "$replica"
}

# The copy walks over the same sectors again and again.
with_copy()
{
	local pid
	legs 100000 200000
	new_mirror r "$origin" "$replica" resync_rate 1000
	synced r
	fight 8 &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		message r resync force >/dev/null || true
		sleep 0.1
	done
	wait "$pid"
	synced r
	idle r
	say "jobs: $(job_field r 1)"
	at_least "jobs" "$(job_field r 1)" 3
	compare_legs "$origin" "$replica"
}

ktap_header
ktap_case "overlapping writes, the replica is the slower leg" slow_replica
ktap_case "overlapping writes, the origin is the slower leg" slow_origin
ktap_case "overlapping writes in the smallest regions" slow_replica region_size 8
ktap_case "overlapping writes and a job in the same sectors" with_copy
ktap_finish
