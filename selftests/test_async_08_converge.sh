#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300 icount=yes
#
# Falling behind and catching up (P5). With overflow track and a load near what the replica
# takes, other replicators go back and forth between the two for ever: the copy takes from the
# replica what the writes need, so the queue is given up again, and so on. Here a load of nine
# tenths gets in step while it lasts, and of eleven tenths is told why it does not, within the
# bounds of the queue, and without slowing writers down. Time is counted in instructions.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/queue.sh"
bytes=4194304
# Looking costs more than waiting.
ktap_poll=1

# outage TENTHS: of the 4 MiB/s that the replica takes are written, from before an outage on.
outage()
{
	local slow
	new_null_blk origin 32M 512 irqmode=2 completion_nsec=100000
	new_null_blk slow 32M 512 mbps=4
	# A request of more than 20 ms would never get through.
	echo 64 >"/sys/block/${slow##*/}/queue/max_sectors_kb"
	new_linear replica "$slow"
	new_linear weak "$replica"
	new_mirror r "$origin" "$weak" sync skip region_size 128 overflow track \
		queue_bytes "$bytes"
	start_load /dev/mapper/r --bs=16k --size=32M --norandommap --iodepth=16 \
		--rate=$(($1 * 4096 / 10))k
	break_dev "$weak"
	wait_for 20 "r to break" is r Broken
	wait_for 60 "a backlog of 8 MiB" behind_by 8388608
	heal_dev "$weak"
}

behind_by()
{
	(($(status r dirty_bytes) >= $1))
}

# rate_of SECONDS: KiB/s that reach the mirror now.
rate_of()
{
	local numbers before after
	numbers=$(dmsetup info -c --noheadings -o major,minor r)
	before=$(awk '{ print $7 }' "/sys/dev/block/$numbers/stat")
	ktap_pause "$1"
	after=$(awk '{ print $7 }' "/sys/dev/block/$numbers/stat")
	echo $(((after - before) / 2 / $1))
}

told()
{
	say "$(status r state dirty_bytes queue_bytes queue_high_bytes overflows rate_in rate_out reason | xargs)"
}

converges()
{
	outage 9
	wait_for 200 "r to be in step under the load" in_sync r
	told
	at_least "KiB/s" "$(rate_of 5)" 3500
	same "state" "$(status r state)" Synchronized
	at_most "queue_high_bytes" "$(status r queue_high_bytes)" "$bytes"
	stop_load
	equal
}

reason_is()
{
	[[ $(status r reason) == "${1// /_}"* ]]
}

cannot()
{
	outage 11
	wait_for 300 "the reason" reason_is "falling behind faster than copying: writes come at"
	told
	at_least "overflows" "$(status r overflows)" 2
	at_least "KiB/s" "$(rate_of 5)" 4200
	at_most "queue_high_bytes" "$(status r queue_high_bytes)" "$bytes"
	stop_load
	equal
}

ktap_header
ktap_case "nine tenths of what the replica takes: it gets in step" converges
ktap_case "eleven tenths: it says why not, and keeps to its bounds" cannot
ktap_finish
