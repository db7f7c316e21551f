#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=300
#
# Same bytes (P6): the buffer of a direct write changes while the write is under way.
# With payload copy no sector may differ afterwards. With payload shared some may, which
# is reported, as the proof that the writer is able to make legs differ.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

changing_writer()
{
	run python3 "$(dirname "$0")/helpers/changing_writer.py" /dev/mapper/r "$1" 2 65536
}

differ()
{
	new_null_blk origin 16M 512 completion_nsec=100000 irqmode=2
	new_null_blk replica 16M 512 completion_nsec=200000 irqmode=2
	new_mirror r "$origin" "$replica" sync skip payload "$1"
	changing_writer "$2"
	idle r
	same "state" "$(status r state)" Synchronized
}

copied()
{
	differ copy 6
	at_least "payload_copied" "$(status r payload_copied)" 65536
	same "payload_shared" "$(status r payload_shared)" 0
	compare_legs "$origin" "$replica"
}

shared()
{
	differ shared 2
	same "payload_copied" "$(status r payload_copied)" 0
	at_least "payload_shared" "$(status r payload_shared)" 65536
	say "$(differing_sectors "$origin" "$replica") sectors differ with payload shared"
}

# What the initial copy reads and what a write in flight changes must not mix either.
while_copying()
{
	new_null_blk origin 32M 512 completion_nsec=100000 irqmode=2
	new_null_blk replica 32M 512 completion_nsec=200000 irqmode=2
	new_mirror r "$origin" "$replica" resync_rate 4
	changing_writer 3
	run message r set resync_rate 1000
	synced r
	idle r
	compare_legs "$origin" "$replica"
}

# Taken back and forth at run time, under load.
switched()
{
	local i
	new_null_blk origin 16M
	new_null_blk replica 16M
	new_mirror r "$origin" "$replica" sync skip
	start_load /dev/mapper/r
	for ((i = 0; i < 10; i++)); do
		message r set payload shared
		message r set payload copy
	done
	stop_load
	changing_writer 2
	idle r
	compare_legs "$origin" "$replica"
}

ktap_header
ktap_case "buffers that change in flight: 0 sectors differ" copied
ktap_case "payload shared takes no copy" shared
ktap_case "buffers that change in flight during the initial copy" while_copying
ktap_case "payload changes under load" switched
ktap_finish
