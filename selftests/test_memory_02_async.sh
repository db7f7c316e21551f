#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=long timeout=400 disks=128M,128M mem=512
#
# Memory pressure (P5, P7) in mode async, with a replica that is slower than the origin: what
# waits in the queue is memory that is short, and memory is had by writing through the queue.
# Nothing may hang, nothing may be killed, and what was swapped comes back as it was.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/memory.sh"
mirror_mode=async

disks()
{
	local disk
	new_disk origin 0
	new_disk disk 1
	new_linear weak "$disk"
	new_delay replica "$weak" 0 10
}

# under_pressure CASE [FEATURE VALUE]...
under_pressure()
{
	dmesg_mark
	"$@"
	say "$(status r queue_high_entries queue_high_bytes overflows memory_waits | xargs)"
	at_least "queue_high_entries" "$(status r queue_high_entries)" 16
	! dmesg_has 'Out of memory|oom-kill' || fail "a process was killed"
}

ktap_header
ktap_case "swap" under_pressure swapping
ktap_case "swap, and a queue that is given up" under_pressure swapping overflow track queue_bytes 4194304
ktap_case "writeback in a small memory group" under_pressure writeback
ktap_case "the machine out of memory, the replica failing" under_pressure whole_machine
ktap_finish
