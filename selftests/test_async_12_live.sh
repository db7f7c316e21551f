#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=400 icount=yes
#
# More of a replica that takes a quarter of the load (P5), see test_async_07: an RPO that
# is set while it is behind, mode adaptive with an RPO, writers that are slowed down by
# degrees, MaximumSkew, and what is foretold. Time is counted in instructions.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/queue.sh"
. "$(dirname "$0")/lib/rate.sh"

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

# set_under_load RPO_MS: once the replica is further behind than that.
set_under_load()
{
	wait_for 20 "a lag of more than $1 ms" older_than "$1"
	run message r set rpo "$1"
	echo since >"$tracing/trace_marker"
}

older_than()
{
	(($(status r lag_ms) > $1))
}

# What is written after the order keeps it, whatever the queue has at that time.
set_live()
{
	throttled
	offered 8
	traced set_under_load 500
	at_least "writes behind" "$(seen behind)" 100
	at_most "ms" "$(seen oldest_ms)" 500
	at_least "ms" "$(seen oldest_ms)" 100
	same "given up, missing" "$(seen given_up_ms) $(seen missing)" "-1 0"
	at_least "queue_high_age_ms" "$(status r queue_high_age_ms)" 501
	equal
}

# Mode adaptive lets the origin acknowledge alone, and has both do it before it is too late.
adaptive()
{
	mirror_mode=adaptive throttled rpo 500
	offered 8
	traced
	at_least "writes behind" "$(seen behind)" 100
	at_most "ms" "$(seen oldest_ms)" 500
	same "given up, missing" "$(seen given_up_ms) $(seen missing)" "-1 0"
	at_least "switches" "$(status r switches)" 1
	equal
}

# Without it the lag would be 12 MiB more with each second. Between two looks of 100 ms the origin
# takes 1.6 MiB; a second one for a look that comes late, and what is under way.
skewed()
{
	local origin_mbps=16
	mirror_mode=adaptive throttled max_skew 4194304
	fio --name=load --filename=/dev/mapper/r --direct=1 --rw=randwrite --bs=16k \
		--ioengine=libaio --iodepth=32 --time_based --runtime=6 --output=/dev/null &
	load_pid=$!
	defer end_load "$load_pid"
	wait_for 20 "the origin alone to acknowledge" status_is r ack async
	wait_for 20 "both legs to acknowledge" status_is r switch_reason the_lag_exceeds_max_skew
	run wait "$load_pid"
	say "queue_high_bytes $(status r queue_high_bytes), switches $(status r switches)"
	at_least "queue_high_bytes" "$(status r queue_high_bytes)" 4194304
	at_most "queue_high_bytes" "$(status r queue_high_bytes)" $((4194304 + 2 * 1677722 + 32 * 16384))
	equal
}

# From half of the bound on writers wait the longer the fuller the queue is, so that it is
# never full, and nobody meets with more than his share of what the replica takes: 32 writes
# of 16 KiB at 4 MiB/s are 125 ms.
graded()
{
	local delays
	throttled queue_bytes 8388608
	offered 8
	load+=(--output-format=json)
	load=("${load[@]/#--output=*/--output=$dev_dir/fio-$$}")
	defer rm -f "$dev_dir/fio-$$"
	run fio "${load[@]}"
	delays=$(status r delays)
	say "delays $delays, latency in ns" \
		"$(jq -c '.jobs[0].write.lat_ns | [.mean, .max]' "$dev_dir/fio-$$")"
	at_least "queue_high_bytes" "$(status r queue_high_bytes)" 4194304
	at_most "queue_high_bytes" "$(status r queue_high_bytes)" 7340032
	at_most "ns that a write took" "$(jq '.jobs[0].write.lat_ns.max' "$dev_dir/fio-$$")" 300000000
	same "delays from 256 ms on" "$(cut -d, -f10- <<<"$delays")" 0,0,0,0,0
	at_least "times of delay" "$(tr , '\n' <<<"$delays" | grep -cv '^0$')" 4
	equal
}

ktap_header
ktap_case "rate_out and drain_ms are what the replica takes" foretold
ktap_case "an RPO that is set under load holds from then on" set_live
ktap_case "mode adaptive keeps an RPO of 500 ms" adaptive
ktap_case "mode adaptive lets the replica lack as much as max_skew" skewed
ktap_case "the fuller the queue, the longer writers wait" graded
ktap_finish
