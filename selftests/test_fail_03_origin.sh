#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# The origin fails: its errors are the application's, except those of reads that the
# replica can serve for certain.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

disk=

# Origin on a linear mapping, so that sectors of it can fail.
setup()
{
	new_loop disk 8M
	new_loop replica 8M
	put "$disk" 0 8
	run dd if="$disk" of="$replica" bs=1M iflag=direct oflag=direct status=none
	new_linear origin "$disk"
	new_mirror r "$origin" "$replica" sync skip region_size 128 "$@"
}

# bad FIRST COUNT: these sectors of the origin fail from now on.
bad()
{
	set_table "$origin" "$(holed "$disk" "$1" "$2")"
}

good()
{
	set_table "$origin" "0 $(dev_sectors "$disk") linear $disk 0"
}

read_at()
{
	dd if=/dev/mapper/r bs=4k skip=$(($1 / 8)) count=1 iflag=direct status=none
}

sum_of()
{
	dd if="$1" bs=4k skip=$(($2 / 8)) count=1 iflag=direct status=none | sha256sum
}

failover()
{
	local want events
	setup
	want=$(sum_of "$disk" 4096)
	bad 4096 8
	events=$(status r event_seq)
	same "what was read" "$(read_at 4096 | sha256sum)" "$want"
	same "read_failovers" "$(status r read_failovers)" 1
	at_least "event_seq" "$(status r event_seq)" $((events + 1))
	same "state" "$(status r state)" Synchronized
	# A large one over good and bad sectors.
	same "1 MiB" "$(dd if=/dev/mapper/r bs=1M skip=2 count=1 iflag=direct status=none |
		sha256sum)" "$(dd if="$replica" bs=1M skip=2 count=1 iflag=direct status=none | sha256sum)"
	# Through the page cache.
	same "buffered" "$(dd if=/dev/mapper/r bs=64k skip=32 count=1 status=none | sha256sum)" \
		"$(dd if="$replica" bs=64k skip=32 count=1 status=none | sha256sum)"
	idle r
}

# A write that the origin failed: the caller knows, and the region is not trusted.
write_error()
{
	setup recovery manual
	bad 4096 8
	dmesg_mark
	refuse dd if=/dev/urandom of=/dev/mapper/r bs=4k seek=512 count=1 oflag=direct \
		conv=notrunc status=none
	same "origin_errors" "$(status r origin_errors)" 1
	wait_for 20 "the job to fail" status_is r job -
	same "state" "$(status r state)" Unsynchronized
	same "the job" "$(job_field r 3) $(job_field r 9)" "Exception 4"
	[[ $(last_job r) == *"origin read error near sector"* ]] || fail "no sentence in the job"
	same "dirty_regions" "$(status r dirty_regions)" 1
	say "a read there may not be served: the replica has what the origin never took"
	refuse read_at 4096 >/dev/null
	run read_at 4104 >/dev/null	# same region, good sector: from the origin
	same "read_failovers" "$(status r read_failovers)" 0
}

write_error_heals()
{
	setup
	bad 4096 8
	refuse dd if=/dev/urandom of=/dev/mapper/r bs=4k seek=512 count=1 oflag=direct \
		conv=notrunc status=none
	put /dev/mapper/r 5 1
	good
	synced r
	idle r
	compare_legs "$disk" "$replica"
}

# lost_by BYTES AGAIN COMMAND...: it fails, and so many bytes are in doubt: not what an earlier
# flush has made durable. AGAIN of them are copied once or twice.
lost_by()
{
	local copied bytes=$1 again=$2
	shift 2
	modprobe -q dm-flakey || true
	setup
	put /dev/mapper/r 2 1
	run flush /dev/mapper/r
	put /dev/mapper/r 4 1
	copied=$(status r resync_bytes)
	set_table "$origin" "0 $(dev_sectors "$disk") flakey $disk 0 0 600 1 error_writes"
	refuse "$@"
	wait_for 20 "a copy" more_copied r "$copied"
	synced r
	copied=$(($(status r resync_bytes) - copied))
	((copied == bytes + again)) || same "what was copied" "$copied" "$bytes"
	good
	compare_legs "$disk" "$replica"
}

flush_error()
{
	lost_by $((1 << 20)) 0 flush /dev/mapper/r
}

# Of a disk without FUA it may have been the flush behind the write. The loss is told at once, so
# that the copy may have begun with the region of the write when the write itself is marked.
fua_error()
{
	local region=$((64 << 10))
	lost_by $(((1 << 20) + region)) "$region" dd if=/dev/urandom of=/dev/mapper/r bs=4k \
		seek=1536 count=1 oflag=direct,dsync conv=notrunc status=none
	same "FUA of the disk" "$(cat "/sys/block/${disk##*/}/queue/fua")" 0
}

# What was written while the replica was away is not there.
dirty()
{
	setup recovery manual
	run message r fracture
	put /dev/mapper/r 2 1
	bad 4096 8
	refuse read_at 4096 >/dev/null
	bad 8192 8
	refuse read_at 8192 >/dev/null	# clean, but nobody may use a cut-off replica
	say "shipping again, but the region cannot be copied"
	bad 4096 8
	run message r resync
	wait_for 20 "the job to fail" status_is r job -
	same "state" "$(status r state)" Unsynchronized
	refuse read_at 4096 >/dev/null
	good
	run message r resync
	synced r
	same "read_failovers" "$(status r read_failovers)" 0
	compare_legs "$disk" "$replica"
}

# Reads go to the origin alone.
origin_only()
{
	local before
	new_null_blk origin 8M
	new_null_blk replica 8M
	new_mirror r "$origin" "$replica" sync skip
	before=$(cut -d' ' -f1-8 <<<"$(xargs <"/sys/block/${replica##*/}/stat")")
	run dd if=/dev/mapper/r of=/dev/null bs=64k iflag=direct status=none
	same "the replica's statistics" \
		"$(cut -d' ' -f1-8 <<<"$(xargs <"/sys/block/${replica##*/}/stat")")" "$before"
	at_least "reads" "$(status r reads)" 128
}

# Both legs fail: the origin's error comes through, nothing hangs.
both()
{
	local under
	new_loop disk 8M
	new_loop under 8M
	new_linear origin "$disk"
	new_linear replica "$under"
	new_mirror r "$origin" "$replica" sync skip
	break_dev "$origin"
	break_dev "$replica"
	refuse read_at 0 2>/dev/null
	refuse dd if=/dev/zero of=/dev/mapper/r bs=4k count=1 oflag=direct status=none
	wait_for 20 "r to break" is r Broken
	heal_dev "$origin"
	run dd if=/dev/urandom of=/dev/mapper/r bs=4k count=1 oflag=direct status=none
	heal_dev "$replica"
	synced r
	compare_legs "$origin" "$replica"
}

ktap_header
ktap_case "a failed read is served by the replica" failover
ktap_case "a failed write is the caller's, its region dirty" write_error
ktap_case "after a failed write the legs become equal" write_error_heals
ktap_case "a flush fails: what it was to save is copied" flush_error
ktap_case "a write with FUA fails: likewise" fua_error
ktap_case "no read is served from what may differ" dirty
ktap_case "reads go to the origin alone" origin_only
ktap_case "both legs fail" both
ktap_finish
