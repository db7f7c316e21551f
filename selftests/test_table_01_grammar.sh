#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=300
#
# The grammar of the table line (P10): each wrong line is refused with a sentence of its
# own in the kernel log, and leaves nothing behind.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

wrong=()
sentences=()

# wrong SENTENCE LINE: a line, without start and length.
wrong()
{
	sentences+=("$1")
	wrong+=("$2")
}

lines()
{
	local o=$origin r=$replica
	wrong "expected: <origin> <replica> <meta|-> <mode> <#feature args> ..." ""
	wrong "expected: <origin> <replica> <meta|-> <mode> <#feature args> ..." "$o"
	wrong "expected: <origin> <replica> <meta|-> <mode> <#feature args> ..." "$o $r - sync"
	wrong "origin could not be opened" "/dev/nothing $r - sync 0"
	wrong "origin could not be opened" "999:999 $r - sync 0"
	wrong "replica could not be opened" "$o /dev/null - sync 0"
	wrong "replica could not be opened" "$o nonsense - sync 0"
	wrong "meta device could not be opened" "$o $r nonsense sync 0"
	wrong "the meta device is or overlaps origin or replica" "$o $r $r sync 0"
	wrong "the meta device is or overlaps origin or replica" "$o $r $o sync 0"
	wrong "mode must be sync, async or adaptive" "$o $r - sometimes 0"
	wrong "queue_bytes must be 4194304 to 2147483648 (bytes)" "$o $r - async 2 queue_bytes 4194303"
	wrong "queue_bytes must be 4194304 to 2147483648 (bytes)" "$o $r - async 2 queue_bytes 2147483649"
	wrong "rpo must be 0 (none) or 100 to 86400000 (ms)" "$o $r - async 2 rpo 99"
	wrong "rpo must be 0 (none) or 100 to 86400000 (ms)" "$o $r - async 2 rpo 86400001"
	wrong "overflow must be block, track or fail" "$o $r - async 2 overflow stop"
	wrong "max_skew must be 0 (half of queue_bytes) or up to 2147483648 (bytes)" \
		"$o $r - adaptive 2 max_skew 2147483649"
	wrong "protect must be none or snapshot" "$o $r - sync 2 protect 1"
	wrong "protect snapshot is for a replica with a meta device" "$o $r - sync 2 protect snapshot"
	wrong "copy_priority must be unmanaged, low, same, high or urgent" \
		"$o $r - sync 2 copy_priority 1"
	wrong "delta_ms must be 0 (none) or 1000 to 86400000 (ms)" "$o $r - async 2 delta_ms 999"
	wrong "delta_ms goes with mode async only: it must be 0 in the others" \
		"$o $r - sync 2 delta_ms 1000"
	wrong "rpo is shorter than delta_ms and could not be kept: it must be 0 or that at least" \
		"$o $r - async 4 rpo 999 delta_ms 1000"
	wrong "overflow fail stops the replica at 7/8 of rpo, before delta_ms is over: rpo must be 0 or longer" \
		"$o $r - async 6 rpo 8000 delta_ms 7000 overflow fail"
	wrong "role clone is of one instant: delta_ms is not for it" \
		"$o $r - sync 4 role clone delta_ms 1000"
	wrong "role clone copies everything: sync compare is not for it" \
		"$o $r - sync 4 role clone sync compare"
	wrong "read_only must be none or source" "$o $r - sync 2 read_only target"
	wrong "number of feature arguments must be 0 to 64" "$o $r - sync none"
	wrong "number of feature arguments must be 0 to 64" "$o $r - sync -2"
	wrong "number of feature arguments must be 0 to 64" "$o $r - sync 66"
	wrong "number of feature arguments must be 0 to 64" "$o $r - sync 99999999999999999999"
	wrong "the number of feature arguments must be even: each has one value" \
		"$o $r - sync 1 payload"
	wrong "more arguments than the number of feature arguments says" \
		"$o $r - sync 0 payload copy"
	wrong "unknown feature" "$o $r - sync 2 colour blue"
	wrong "region_size must be a power of two from 8 to 1048576 (sectors)" \
		"$o $r - sync 2 region_size 0"
	wrong "region_size must be a power of two from 8 to 1048576 (sectors)" \
		"$o $r - sync 2 region_size 4"
	wrong "region_size must be a power of two from 8 to 1048576 (sectors)" \
		"$o $r - sync 2 region_size 100"
	wrong "region_size must be a power of two from 8 to 1048576 (sectors)" \
		"$o $r - sync 2 region_size 2097152"
	wrong "region_size must be a power of two from 8 to 1048576 (sectors)" \
		"$o $r - sync 2 region_size 4294967304"
	wrong "region_size must be a power of two from 8 to 1048576 (sectors)" \
		"$o $r - sync 2 region_size 8x"
	wrong "sync must be full, skip or compare" "$o $r - sync 2 sync maybe"
	wrong "discard must be zero, passdown or off" "$o $r - sync 2 discard on"
	wrong "payload must be copy or shared" "$o $r - sync 2 payload both"
	wrong "on_replica_error must be track or stop" "$o $r - sync 2 on_replica_error panic"
	wrong "recovery must be automatic or manual" "$o $r - sync 2 recovery never"
	wrong "resync_rate must be auto or 1 to 1000000 (MiB/s)" "$o $r - sync 2 resync_rate 0"
	wrong "resync_rate must be auto or 1 to 1000000 (MiB/s)" "$o $r - sync 2 resync_rate 1000001"
	wrong "resync_rate must be auto or 1 to 1000000 (MiB/s)" "$o $r - sync 2 resync_rate -1"
	wrong "replica_timeout must be 0 (for ever) or 100 to 3600000 (ms)" \
		"$o $r - sync 2 replica_timeout 99"
	wrong "replica_timeout must be 0 (for ever) or 100 to 3600000 (ms)" \
		"$o $r - sync 2 replica_timeout 3600001"
	wrong "replica_timeout must be 0 (for ever) or 100 to 3600000 (ms)" \
		"$o $r - sync 2 replica_timeout soon"
	wrong "a setting is given twice" "$o $r - sync 4 payload copy payload shared"
	wrong "a feature is given twice" "$o $r - sync 4 sync skip sync skip"
	wrong "a feature is given twice" "$o $r - sync 4 region_size 8 region_size 8"
	wrong "a feature is given twice" "$o $r - sync 4 discard off discard zero"
	wrong "origin and replica are the same device" "$o $o - sync 0"
}

legs_are_free()
{
	python3 -c 'import os, sys
for path in sys.argv[1:]: os.close(os.open(path, os.O_RDWR | os.O_EXCL))' "$origin" "$replica"
}

each_refused()
{
	local i before said
	new_loop origin 8M
	new_loop replica 8M
	lines
	before=$(dmsetup ls)
	dmesg_mark
	for ((i = 0; i < ${#wrong[@]}; i++)); do
		refuse dmsetup create r --table "0 16384 replica ${wrong[i]}" 2>/dev/null
	done
	mapfile -t said < <(dmesg_since | sed -nE 's/.*table: .*: replica: (.*) \(.*\)$/\1/p')
	same "the number of sentences" "${#said[@]}" "${#wrong[@]}"
	for ((i = 0; i < ${#wrong[@]}; i++)); do
		same "the sentence for '${wrong[i]}'" "${said[i]}" "${sentences[i]}"
	done
	same "the mappings" "$(dmsetup ls)" "$before"
	legs_are_free
}

# All features at once, in another order and in capitals, are right.
right()
{
	new_loop origin 8M
	new_loop replica 8M
	new_mirror r "$origin" "$replica" replica_timeout 0 on_replica_error STOP recovery manual \
		RESYNC_RATE 1000000 payload shared discard off sync skip region_size 1048576
	synced r
	same "region_size" "$(status r region_size)" $((1048576 * 512))
}

in_a_table()
{
	local o r
	new_loop origin 8M
	new_loop replica 8M
	o=$origin r=$replica
	dmesg_mark
	refuse dmsetup create r --table "0 16384 linear $o 0
		16384 16384 replica $o $r - sync 0"
	refuse dmsetup create r --table "0 8192 replica $o $r - sync 0
		8192 8192 linear $o 8192"
	refuse dmsetup create r --readonly --table "$(mirror_table "$o" "$r")"
	dmesg_since | grep -E "replica|singleton"
	dmesg_has "a read-only table can be replicated with the feature read_only source only" ||
		fail "no sentence for read-only"
	refuse dmsetup create r --table "$(mirror_table "$o" "$r" read_only source)"
	dmesg_has "read_only source needs a read-only table" || fail "no sentence for read_only"
	refuse dmsetup info r
	legs_are_free
}

ktap_header
ktap_case "each wrong line has its sentence and leaves nothing" each_refused
ktap_case "all features, in any order and case" right
ktap_case "a part of a table, or a read-only one, is refused" in_a_table
ktap_finish
