#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=300
#
# dmsetup table says all of a mapping: what it prints can be loaded again and gives the
# same, also after settings were changed at run time. Wrong settings change nothing.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

setting()
{
	dmsetup table r | tr ' ' '\n' | grep -A1 "^$1$" | tail -n 1
}

round_trip()
{
	local table numbers
	new_loop origin 8M
	new_loop replica 8M
	new_mirror r "$origin" "$replica" sync skip region_size 64 resync_rate 77 recovery manual
	table=$(dmsetup table r)
	numbers="$(stat -c '%Hr:%Lr' "$origin") $(stat -c '%Hr:%Lr' "$replica")"
	same "the table" "$table" "0 16384 replica $numbers - sync 26 region_size 64 sync skip \
discard zero payload copy resync_rate 77 recovery manual on_replica_error track replica_timeout 30000 \
queue_bytes 67108864 rpo 0 overflow block max_skew 0 copy_priority unmanaged"
	run dmsetup remove r
	run dmsetup create r --table "$table"
	same "the table" "$(dmsetup table r)" "$table"
}

changed()
{
	local table
	new_loop origin 8M
	new_loop replica 8M
	new_mirror r "$origin" "$replica"
	synced r
	run message r set payload shared
	run message r set resync_rate 12
	run message r set recovery manual
	run message r set on_replica_error stop
	run message r set replica_timeout 0
	run message r set queue_bytes 4194304
	run message r set rpo 1500
	run message r set overflow track
	run message r set max_skew 65536
	run message r set copy_priority high
	run message r reset_to_adaptive
	same "payload" "$(setting payload)" shared
	same "resync_rate" "$(setting resync_rate)" 12
	same "recovery" "$(setting recovery)" manual
	same "on_replica_error" "$(setting on_replica_error)" stop
	same "replica_timeout" "$(setting replica_timeout)" 0
	same "queue_bytes" "$(setting queue_bytes)" 4194304
	same "rpo" "$(setting rpo)" 1500
	same "overflow" "$(setting overflow)" track
	same "max_skew" "$(setting max_skew)" 65536
	same "copy_priority" "$(setting copy_priority)" high
	[[ $(dmsetup table r) == *" - adaptive "* ]] || fail "the mode is not in the table"
	run message r set resync_rate auto
	same "resync_rate" "$(setting resync_rate)" auto
	table=$(dmsetup table r)
	reload r "$table"
	same "the table" "$(dmsetup table r)" "$table"
	same "state" "$(status r state)" Synchronized
}

wrong_settings()
{
	local table
	new_loop origin 8M
	new_loop replica 8M
	new_mirror r "$origin" "$replica"
	table=$(dmsetup table r)
	dmesg_mark
	refuse message r set payload
	refuse message r set payload both
	refuse message r set payload copy shared
	refuse message r set resync_rate 0
	refuse message r set resync_rate 1000001
	refuse message r set resync_rate 18446744073709551617
	refuse message r set replica_timeout 99
	refuse message r set replica_timeout -1
	refuse message r set region_size 8
	refuse message r set sync skip
	refuse message r set discard off
	refuse message r set "" ""
	refuse message r set queue_bytes 4194303
	refuse message r set rpo 99
	refuse message r set overflow stop
	refuse message r set max_skew 2147483649
	same "the table" "$(dmsetup table r)" "$table"
	dmesg_has "message set refused: payload must be copy or shared" || fail "no sentence"
	dmesg_has "message set refused: no setting of this name" || fail "no sentence"
	dmesg_has "message set refused: wrong number of words" || fail "no sentence"
}

# Every key that the documentation names, once and with a number where it has to be one.
status_keys()
{
	local line key
	new_loop origin 8M
	new_loop replica 8M
	new_mirror r "$origin" "$replica"
	synced r
	line=$(dmsetup status r)
	say "$line"
	same "the first words" "${line%% v=1*}" "0 16384 replica"
	for key in copy_state progress percent size region_size dirty_regions dirty_bytes \
		consistent_now lag_bytes lag_ms event_seq reads read_bytes writes write_bytes \
		flushes discards write_zeroes payload_copied payload_shared overlap_waits \
		resync_waits memory_waits tracked_writes held_writes replica_errors \
		replica_timeouts origin_errors read_failovers resync_bytes probes \
		events_dropped inflight detached queue_entries queue_bytes queue_age_ms \
		queue_high_entries queue_high_bytes queue_high_age_ms rate_in rate_out drain_ms \
		pending overflows switches sync_ms async_ms; do
		[[ $(grep -o " $key=" <<<"$line" | wc -l) == 1 ]] || fail "$key is not there once"
		[[ $(status r "$key") =~ ^[0-9]+$ ]] || fail "$key is '$(status r "$key")'"
	done
	same "copy_state" "$(status r copy_state)" 4
	same "progress" "$(status r progress)" 2
	same "mode and ack" "$(status r mode ack)" $'sync\nsync'
	same "job and switch_reason" "$(status r job switch_reason)" $'-\n-'
	same "size" "$(status r size)" $((8 << 20))
	same "region_size" "$(status r region_size)" $((1 << 20))
	[[ $(status r reason) != *[[:space:]]* ]] || fail "the reason has blanks"
}

# A result that does not fit is cut by device-mapper, not written behind its end.
long_result()
{
	local i
	new_loop origin 8M
	new_loop replica 8M
	new_mirror r "$origin" "$replica"
	synced r
	for ((i = 0; i < 20; i++)); do
		message r resync force
		synced r
	done
	same "jobs that are kept" "$(message r jobs | wc -l)" 17
	same "the first of them" "$(message r jobs | head -n 1 | cut -d' ' -f1)" 5
	same "the last of them" "$(job_field r 1)" 21
}

ktap_header
ktap_case "the table that is printed makes the same again" round_trip
ktap_case "settings changed at run time are in the table" changed
ktap_case "wrong settings change nothing" wrong_settings
ktap_case "the status has its keys" status_keys
ktap_case "seventeen jobs are remembered" long_result
ktap_finish
