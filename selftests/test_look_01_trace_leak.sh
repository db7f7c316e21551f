#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# What is there for those who look: tracepoints, dm events, and no object left at the end.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

events="write wait submit leg complete window state"
tracing=/sys/kernel/tracing

tracepoints()
{
	local event
	need test -d "$tracing/events/dm_replica"
	new_null_blk origin 8M 512 completion_nsec=1000000 irqmode=2
	new_null_blk replica 8M 512 completion_nsec=1000000 irqmode=2
	echo >"$tracing/trace"
	echo 1 >"$tracing/events/dm_replica/enable"
	defer write_to "$tracing/events/dm_replica/enable" 0
	new_mirror r "$origin" "$replica"
	run fio --name=t --filename=/dev/mapper/r --direct=1 --rw=randwrite --bs=64k --size=256k \
		--norandommap --ioengine=libaio --iodepth=8 --io_size=4M --thread --output=/dev/null
	synced r
	echo 0 >"$tracing/events/dm_replica/enable"
	for event in $events; do
		say "$event: $(grep -c "dm_replica_$event:" "$tracing/trace")"
		grep -q "dm_replica_$event:" "$tracing/trace" || fail "$event has not fired"
	done
	grep -qE "dm_replica_state: [0-9]+:[0-9]+ 3 -> 4: legs are equal" "$tracing/trace" ||
		fail "no state in the trace"
	same "writes submitted and completed" "$(grep -c dm_replica_submit: "$tracing/trace")" \
		"$(grep -c dm_replica_complete: "$tracing/trace")"
}

write_to()
{
	echo "$2" >"$1"
}

# Every change of state is a dm event.
dm_events()
{
	local before waiter
	new_loop origin 8M
	new_loop replica 8M
	new_mirror r "$origin" "$replica"
	synced r
	before=$(dmsetup info -c --noheadings -o events r)
	dmsetup wait r "$before" &
	waiter=$!
	defer end_load "$waiter"
	run message r fracture
	wait_for 10 "dmsetup wait to end" gone "$waiter"
	(($(dmsetup info -c --noheadings -o events r) > before)) || fail "no event"
}

gone()
{
	! kill -0 "$1" 2>/dev/null
}

# Objects of a cache of our own, merged or not, are gone with the last mapping.
no_objects()
{
	local i
	new_loop origin 8M
	new_loop replica 8M
	for ((i = 0; i < 5; i++)); do
		new_mirror r "$origin" "$replica"
		run dd if=/dev/urandom of=/dev/mapper/r bs=64k count=32 oflag=direct conv=notrunc \
			status=none
		run dmsetup remove r
	done
	same "references of the module" "$(cat /sys/module/dm_replica/refcnt)" 0
	run rmmod dm_replica
	! grep -E '^(dm_)?replica' /proc/slabinfo || fail "objects are left"
	run modprobe dm-replica
}

# Fifty mappings made and removed must not cost memory.
no_leak()
{
	local before after i
	new_loop origin 64M
	new_loop replica 64M
	for ((i = 0; i < 60; i++)); do
		if ((i == 20)); then before=$(unreclaimable); fi
		dmsetup create r --table "$(mirror_table "$origin" "$replica" region_size 8 sync skip)"
		defer dm_gone r
		dmsetup remove r
	done
	after=$(unreclaimable)
	say "$before KiB after 20, $after KiB after 60"
	at_most "the memory of 40 mappings in KiB" $((after - before)) 4096
}

unreclaimable()
{
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^(SUnreclaim|VmallocUsed|Percpu|KernelStack):/ { sum += $2 } END { print sum }' /proc/meminfo
}

ktap_header
ktap_case "the tracepoints fire" tracepoints
ktap_case "changes of state are dm events" dm_events
ktap_case "no object outlives the module" no_objects
ktap_case "mappings do not leak" no_leak
ktap_finish
