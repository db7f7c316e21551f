#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# Honest status (P8): what one status line says fits together at every moment, while the
# replica breaks and returns under load.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

declare -A number=([Initialized]=2 [Unsynchronized]=3 [Synchronized]=4 [Broken]=5 [Fractured]=6
	[Split]=7 [Inactive]=8 [Suspended]=9 [Aborted]=12)

# fits LINE: sets $s to its values.
fits()
{
	local pair
	declare -gA s=()
	for pair in $1; do
		[[ $pair != *=* ]] || s[${pair%%=*}]=${pair#*=}
	done
	same "copy_state ($1)" "${s[copy_state]}" "${number[${s[state]}]}"
	if [[ ${s[state]} == Synchronized ]]; then
		same "consistent_now, percent, dirty_regions, dirty_bytes, job ($1)" \
			"${s[consistent_now]} ${s[percent]} ${s[dirty_regions]} ${s[dirty_bytes]} ${s[job]}" \
			"1 100 0 0 -"
	elif [[ ${s[state]} != Split ]]; then
		same "consistent_now ($1)" "${s[consistent_now]}" 0
	fi
	((s[dirty_bytes] <= s[dirty_regions] * s[region_size])) || fail "dirty_bytes: $1"
	((s[dirty_bytes] > (s[dirty_regions] - 1) * s[region_size])) || fail "dirty_bytes: $1"
	[[ ${s[percent]} != 100 ]] || same "dirty_regions ($1)" "${s[dirty_regions]}" 0
	((s[percent] <= 100)) || fail "percent: $1"
	[[ ${s[state]} != @(Fractured|Inactive|Aborted|Broken) ]] || same "job ($1)" "${s[job]}" -
}

samples()
{
	local disk i n seq=0
	new_loop origin 8M
	new_loop disk 8M
	new_linear replica "$disk"
	new_mirror r "$origin" "$replica" region_size 64
	start_load /dev/mapper/r --size=8M
	for ((i = 0; i < 6; i++)); do
		case $i in
		0 | 3) break_dev "$replica" ;;
		1 | 4) heal_dev "$replica" ;;
		*) message r fracture && message r resync ;;
		esac
		for ((n = 0; n < 8; n++)); do
			fits "$(dmsetup status r)"
			((s[event_seq] >= seq)) || fail "event_seq went back"
			seq=${s[event_seq]}
		done
		say "${s[state]} $((s[dirty_regions])) dirty, $((s[percent])) percent, event $seq"
	done
	stop_load
	synced r
	idle r
	compare_legs "$origin" "$replica"
}

# The age of the last consistent point grows from the moment it is lost.
age()
{
	local disk first
	new_loop origin 8M
	new_loop disk 8M
	new_linear replica "$disk"
	new_mirror r "$origin" "$replica" resync_rate 1
	same "consistent_age_ms before the first copy" "$(status r consistent_age_ms)" -
	message r set resync_rate auto
	synced r
	same "consistent_age_ms" "$(status r consistent_age_ms)" 0
	run message r fracture
	first=$(status r consistent_age_ms)
	wait_for 10 "the age to grow" older "$((first + 300))"
	run message r resync
	synced r
	same "consistent_age_ms" "$(status r consistent_age_ms)" 0
	run message r split
	same "consistent_age_ms of a split" "$(status r consistent_age_ms)" 0
	# What is usable for so long is no younger for that.
	put /dev/mapper/r 0 1
	ktap_pause 2
	run message r deactivate
	at_least "consistent_age_ms after a split" "$(status r consistent_age_ms)" 2000
}

older()
{
	(($(status r consistent_age_ms) >= $1))
}

ktap_header
ktap_case "each status line fits together" samples
ktap_case "the age of the last consistent point" age
ktap_finish
