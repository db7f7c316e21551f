#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=400 icount=yes
#
# The RPO (P5), as the block layer's own tracepoints see it and not our counters: a replica
# that takes a quarter of the load is never further behind than the RPO. Under overflow block
# writers are slowed down; under track and fail it is given up before. Time is counted in
# instructions, so that a busy host makes nothing late.
# shellcheck disable=SC2119 # a load, and no command beside it
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/queue.sh"
. "$(dirname "$0")/lib/rate.sh"

# What the other cases say means something.
without()
{
	throttled
	offered 4
	traced
	at_least "ms" "$(seen oldest_ms)" 4000
	same "missing" "$(seen missing)" 0
	equal
}

# slowed RPO_MS SECONDS
slowed()
{
	throttled rpo "$1"
	offered "$2"
	traced
	at_least "writes behind" "$(seen behind)" 100
	at_most "ms" "$(seen oldest_ms)" "$1"
	at_least "ms" "$(seen oldest_ms)" $(($1 / 5))
	same "given up, missing" "$(seen given_up_ms) $(seen missing)" "-1 0"
	# The writers got what the replica takes, and were held for the rest.
	at_most "writes" "$(seen writes)" $(($2 * 512 + $1 * 256 / 1000))
	same "overflows" "$(status r overflows)" 0
	equal
}

# A replica with a long way to it takes much at a time, and yet what has to be written one
# after the other only slowly: by turns many writers, one, and many.
far_away()
{
	local far jobs=() n
	new_null_blk origin 64M 512 irqmode=2 completion_nsec=100000
	new_null_blk far 64M 512
	new_delay replica "$far" 0 20
	new_mirror r "$origin" "$replica" sync skip region_size 128 rpo 500
	for n in 0 1 2 3; do
		jobs+=(--name="burst$n" --stonewall --offset="$((n * 16))M" --size=16M
			--iodepth="$((n % 2 ? 1 : 32))" --runtime=3)
	done
	load=(--filename=/dev/mapper/r --direct=1 --rw=randwrite --bs=16k --ioengine=libaio
		"${jobs[@]}" --output=/dev/null)
	traced
	at_least "writes behind" "$(seen behind)" 50
	at_most "ms" "$(seen oldest_ms)" 500
	same "given up, missing" "$(seen given_up_ms) $(seen missing)" "-1 0"
	# Those of both times with many writers: they get their concurrency there.
	at_least "writes" "$(seen writes)" 2000
	equal
}

# given_up POLICY RPO_MS
given_up()
{
	throttled overflow "$1" rpo "$2"
	offered 4
	traced
	at_least "ms until it was given up" "$(seen given_up_ms)" $(($2 / 2))
	at_most "ms" "$(seen oldest_ms)" "$2"
	at_least "overflows or stop" "$(($(status r overflows) + $(is r Broken && echo 1 || echo 0)))" 1
	# All that the load could bring.
	at_least "writes" "$(seen writes)" 3900
	[[ $1 != fail ]] || run message r resume
	equal
}

ktap_header
ktap_case "the observer sees what it should" run python3 "$helpers/queue_age.py" --selftest
ktap_case "without an RPO writes get old" without
ktap_case "overflow block keeps an RPO of 500 ms" slowed 500 8
ktap_case "overflow block keeps an RPO of 2 s" slowed 2000 12
ktap_case "and when the replica is far away" far_away
ktap_case "overflow track gives up before 500 ms" given_up track 500
ktap_case "overflow track gives up before 2 s" given_up track 2000
ktap_case "overflow fail stops before 500 ms" given_up fail 500
ktap_finish
