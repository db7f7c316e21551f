#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=400 icount=yes
#
# The RPO (P5), as the block layer's own tracepoints see it and not our counters: a replica
# that takes a quarter of the load is never further behind than the RPO. Under overflow block
# writers are slowed down; under track and fail it is given up before. Time is counted in
# instructions, so that a busy host makes nothing late.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/queue.sh"
helpers=$(readlink -f "$(dirname "$0")/helpers")
tracing=/sys/kernel/tracing

# throttled [FEATURE VALUE]...: r, whose replica takes 4 MiB/s, and the load brings 16.
throttled()
{
	local slow
	new_null_blk origin 64M 512 irqmode=2 completion_nsec=100000
	new_null_blk slow 64M 512 mbps=4
	# A request of more than 20 ms would never get through.
	echo 64 >"/sys/block/${slow##*/}/queue/max_sectors_kb"
	echo 2 >"/sys/block/${slow##*/}/queue/nomerges"
	new_linear replica "$slow"
	new_mirror r "$origin" "$replica" sync skip region_size 128 "$@"
}

# offered SECONDS: the load.
offered()
{
	load=(--name=load --filename=/dev/mapper/r --direct=1 --rw=randwrite --bs=16k
		--ioengine=libaio --iodepth=32 --rate=16M --runtime="$1" --output=/dev/null)
}

# traced: what fio writes to r by ${load[@]} is there to be seen.
traced()
{
	local event
	need test -d "$tracing/events/block"
	echo 32768 >"$tracing/buffer_size_kb"
	echo >"$tracing/trace"
	for event in block/block_bio_queue block/block_bio_complete dm_replica/dm_replica_state; do
		echo 1 >"$tracing/events/$event/enable"
		defer write_to "$tracing/events/$event/enable" 0
	done
	run fio "${load[@]}"
	wait_for 60 "the queue to be empty" status_is r queue_entries 0
	echo 0 >"$tracing/tracing_on"
	defer write_to "$tracing/tracing_on" 1
	run python3 "$helpers/queue_age.py" "$tracing/trace" "$(number /dev/mapper/r)" \
		"$(number "$replica")" | tee "$dev_dir/ages"
	say "$(status r rate_in rate_out queue_high_bytes queue_high_age_ms delays | xargs)"
}

# number DEVICE: MAJOR:MINOR
number()
{
	lsblk -dno MAJ:MIN "$1" | xargs
}

write_to()
{
	echo "$2" >"$1"
}

seen()
{
	sed -n "s/^$1=//p" "$dev_dir/ages"
}

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

# What is said of the replica's rate, and of the time that the queue will take.
foretold()
{
	local begin told took
	throttled queue_bytes 8388608
	offered 4
	run fio "${load[@]}"
	begin=${EPOCHREALTIME/[.,]/}
	told=$(status r drain_ms)
	at_least "rate_out" "$(status r rate_out)" 3355443
	at_most "rate_out" "$(status r rate_out)" 5033164
	wait_for 60 "the queue to be empty" status_is r queue_entries 0
	took=$(((${EPOCHREALTIME/[.,]/} - begin) / 1000))
	say "told $told ms, took $took ms"
	at_least "drain_ms" "$told" 1000
	at_least "ms until the queue was empty" "$took" $((told * 2 / 3))
	at_most "ms until the queue was empty" "$took" $((told * 3 / 2 + 300))
	same "drain_ms when it is empty" "$(status r drain_ms)" 0
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
ktap_case "rate_out and drain_ms are what the replica takes" foretold
ktap_case "overflow track gives up before 500 ms" given_up track 500
ktap_case "overflow track gives up before 2 s" given_up track 2000
ktap_case "overflow fail stops before 500 ms" given_up fail 500
ktap_finish
