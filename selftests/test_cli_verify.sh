#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=400
#
# verify by replicactl: equal legs are told equal, under load too; what somebody wrote to
# the replica behind its back is told by its ranges, shown again, repaired when that is
# ordered and not before; and resync --compare writes only what differs.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/cli.sh"

legs()
{
	new_loop source "${1:-8M}"
	new_loop target "${1:-8M}"
	run dd if=/dev/urandom of="$source" bs=1M count=8 oflag=direct conv=notrunc status=none
	new_replica r "$source" "$target" --settings region_size=64K
}

# behind FIRST_KIB COUNT_KIB: random bytes on the replica leg itself.
behind()
{
	run dd if=/dev/urandom of="$target" bs=1k seek="$1" count="$2" oflag=direct conv=notrunc \
		status=none
}

# counter NAME
counter()
{
	replicactl --json status r | jq ".Replica.Counters.$1"
}

# ranges_hold: those in json are in order, lie apart, add up, and every byte that differs
# is in one of them.
ranges_hold()
{
	same "the ranges in order and apart" "$(get '[.Ranges as $r | range(1; $r | length) |
		$r[.].Offset > $r[. - 1].Offset + $r[. - 1].Length] | all')" true
	same "the sum of the ranges" "$(get '[.Ranges[].Length] | add // 0')" "$(get .Differs)"
	blockdev --flushbufs "$source" "$target"
	{ cmp -l "$source" "$target" || true; } | awk -v ranges="$(get '.Ranges[] | "\(.Offset) \(.Length)"')" '
		BEGIN { n = split(ranges, w, /[ \n]+/) }
		{ found = 0
		  for (i = 1; i < n; i += 2)
			if ($1 - 1 >= w[i] && $1 - 1 < w[i] + w[i + 1]) { found = 1; break }
		  if (!found) { print "# byte", $1 - 1, "is in no range"; exit 1 } }' ||
		fail "a byte that differs is in no range"
}

equal()
{
	legs
	cli verify r --wait --timeout 100
	same "the exit status" "$status" 0
	same "return_value" "$(get .return_value)" 0
	same "what differs" "$(get '"\(.Differs) \(.Truncated) \(.Ranges | length)"')" "0 false 0"
	same "the job" "$(get '.Job | "\(.JobTypeDescription) \(.JobStateDescription) \(.PercentComplete)"')" \
		"Verify Completed 100"
	same "the bytes compared" "$(counter ComparedBytes)" 8388608
	run in_state r Synchronized
	cli_text verify r --wait
	same "the exit status" "$status" 0
	[[ $text == *"No difference between the devices of 'r'"* ]] || fail "it does not say so"
}

differs()
{
	local copied
	legs
	behind 1024 8
	behind 5000 1
	run in_state r Synchronized
	cli verify r --wait --timeout 100
	same "the exit status" "$status" 65
	same "return_value" "$(get .return_value)" 0
	same "Truncated" "$(get .Truncated)" false
	(($(get .Differs) >= 9216 && $(get .Differs) <= 131072)) || fail "$(get .Differs) bytes differ"
	same "the number of ranges" "$(get '.Ranges | length')" 2
	same "the job's word for it" "$(get .Job.Differs)" "$(get .Differs)"
	ranges_hold
	run in_state r Skewed
	refuse cmp -s "$source" "$target"

	copied=$(get '.Ranges | tojson')
	cli verify r --show
	same "the exit status of --show" "$status" 65
	same "the ranges shown again" "$(get '.Ranges | tojson')" "$copied"
	cli_text verify r --show
	same "the exit status of --show" "$status" 65
	[[ $text == *"differ in 2 ranges"*"verify r --repair"*"FROM BYTE"*LENGTH* ]] ||
		fail "the text has no table"

	copied=$(counter ResyncBytes)
	cli verify r --repair
	same "return_value of --repair" "$(get .return_value)" 4096
	run replicactl wait r --timeout 60
	compare_legs "$source" "$target"
	at_most "the bytes copied" $(($(counter ResyncBytes) - copied)) 262144
	cli verify r --wait
	same "what differs after the repair" "$(get .Differs)" 0
}

# There is nothing that it could mean.
not_skewed()
{
	legs
	cli_returns 4 4 verify r --repair
	complains '"r" is Synchronized, not Skewed'
	[[ $complaint == *"'replicactl verify r' looks for differences"* ]] || fail "no hint"
	same "SMErrorCode" "$(get .error.SMErrorCode)" 6
	run replicactl fracture r
	cli_returns 4 4 verify r --repair
	complains '"r" is Fractured, not Skewed'
	cli_returns 4 4 verify r
	same "SMErrorCode" "$(get .error.SMErrorCode)" 6
	run in_state r Fractured
}

# A resync in the state Skewed is the same order.
by_resync()
{
	legs
	behind 2048 4
	cli verify r --wait
	same "the exit status" "$status" 65
	same "possible now" "$(replicactl --json capabilities r |
		jq '[.SupportedOperations[].Value] | index(14) != null')" true
	cli_returns 4 4 wait r
	cli resync r
	same "return_value" "$(get .return_value)" 4096
	run replicactl wait r --timeout 60
	compare_legs "$source" "$target"
}

# Writers go on in the state Skewed, and what they write is on both legs.
used_meanwhile()
{
	legs
	behind 1024 64
	cli verify r --wait
	same "the exit status" "$status" 65
	run dd if=/dev/urandom of=/dev/mapper/r bs=1k seek=1024 count=64 oflag=direct status=none
	run dd if=/dev/urandom of=/dev/mapper/r bs=1k seek=7000 count=64 oflag=direct status=none
	run in_state r Skewed
	run replicactl verify r --repair
	run replicactl wait r --timeout 60
	compare_legs "$source" "$target"
}

never()
{
	legs
	cli_returns 8 8 verify r --show
	complains '"r" was not verified'
	same "SMErrorCode" "$(get .error.SMErrorCode)" 2
	[[ $complaint == *"'replicactl verify r' makes one"* ]] || fail "no hint"
	cli_returns 8 8 verify nobody
}

completed()
{
	[[ $(replicactl --json jobs r | jq -r '[.Jobs[] | select(.JobType == 3)][-1].JobStateDescription') == Completed ]]
}

at_once()
{
	local id
	legs
	cli verify r
	same "return_value" "$(get .return_value)" 4096
	same "the exit status" "$status" 0
	id=$(get .JobID)
	wait_for 60 "the verify to end" completed
	cli verify r --show
	same "the job that is shown" "$(get .JobID)" "$id"
	same "what differs" "$(get .Differs)" 0
}

# Somebody who looks on gets the result without asking for it.
on_terminal()
{
	local status=0
	legs
	behind 1024 4
	script -qec "stty cols 100; TERM=xterm replicactl verify r" "$dev_dir/screen" >/dev/null || status=$?
	defer rm -f "$dev_dir/screen"
	same "the exit status" "$status" 65
	grep -q "The devices of 'r' differ in 1 range," "$dev_dir/screen" ||
		fail "no result: $(tr '\033' '^' <"$dev_dir/screen")"
	run script -qec "replicactl verify r --no-wait" "$dev_dir/screen" >/dev/null
	grep -q "compares the devices of 'r'" "$dev_dir/screen" || fail "it did wait"
}

# The origin is slow to read.
slow()
{
	local disk
	new_loop disk 64M
	new_delay origin "$disk" 500 0
	new_loop replica 64M
	defer dm_gone r
	run replicactl create "$origin" "$replica" --name r --skip-initial-copy
}

late()
{
	local id
	slow
	cli verify r --wait --timeout 300ms
	same "return_value" "$(get .return_value)" 3
	same "the exit status" "$status" 3
	[[ $(get .error.Hint) == *"verify goes on"* ]] || fail "no hint"
	id=$(get .JobID)
	cli verify r --show
	same "return_value while it runs" "$(get .return_value)" 4096
	cli cancel r "$id"
	same "return_value of cancel" "$(get .return_value)" 0
	cli jobs r
	same "the state of the job" "$(get ".Jobs[] | select(.JobID == $id and .ReplicaEnded == null) | .JobState")" 8
}

# Bit 1 of the mask is SIGINT.
caught()
{
	(($((16#$(sed -n 's/^SigCgt:\s*//p' "/proc/$1/status"))) & 2))
}

ended_by_cancel()
{
	local pid status=0
	slow
	replicactl verify r --wait 2>"$dev_dir/said" &
	pid=$!
	wait_for 20 "replicactl to wait" caught "$pid"
	run replicactl cancel r
	wait "$pid" || status=$?
	same "the exit status" "$status" 4
	grep -q "ended as Terminated" "$dev_dir/said" || fail "$(cat "$dev_dir/said")"
}

interrupted()
{
	local pid status=0
	slow
	replicactl verify r --wait 2>"$dev_dir/said" &
	pid=$!
	wait_for 20 "replicactl to catch signals" caught "$pid"
	run kill -INT "$pid"
	wait "$pid" || status=$?
	same "the exit status" "$status" 130
	grep -q "stopped waiting; the verify goes on" "$dev_dir/said" || fail "$(cat "$dev_dir/said")"
	same "the job that runs" "$(replicactl --json status r | jq -r .Replica.Job.JobTypeDescription)" Verify
}

under_load()
{
	legs
	start_load /dev/mapper/r --size=8M
	cli verify r --wait --timeout 200
	same "what differs" "$(get '"\(.Differs) \(.Ranges | length)"')" "0 0"
	cli verify r --wait --timeout 200
	same "what differs" "$(get '"\(.Differs) \(.Ranges | length)"')" "0 0"
	stop_load
	run in_state r Synchronized
	idle r
	compare_legs "$source" "$target"
}

# 5120 differences of a sector, 16 KiB from each other.
too_many()
{
	legs 80M
	run python3 - "$target" <<-'END'
		import os, sys
		fd = os.open(sys.argv[1], os.O_WRONLY)
		for place in range(0, 80 << 20, 16384):
		    os.pwrite(fd, b'x' * 512, place)
		os.fsync(fd)
	END
	blockdev --flushbufs "$target"
	cli verify r --wait --timeout 200
	same "the exit status" "$status" 65
	same "Truncated" "$(get .Truncated)" true
	same "the number of ranges" "$(get '.Ranges | length')" 4096
	at_least "what differs" "$(get .Differs)" $((5120 * 512))
	(($(get '[.Ranges[].Length] | add') < $(get .Differs))) || fail "nothing is left out"
	cli_text verify r --show
	[[ $text == *"These are 50 of 4096 ranges"* ]] || fail "no word about the others"
	run replicactl verify r --repair
	run replicactl wait r --timeout 100
	compare_legs "$source" "$target"
}

# Everything is read and next to nothing written.
compared()
{
	local copied
	legs
	behind 3000 4
	copied=$(counter ResyncBytes)
	cli resync r --force --compare
	same "return_value" "$(get .return_value)" 4096
	run replicactl wait r --timeout 60
	compare_legs "$source" "$target"
	at_most "the bytes copied" $(($(counter ResyncBytes) - copied)) 131072
	same "the bytes compared" "$(counter ComparedBytes)" 8388608
	cli_returns 4 4 resync r --compare
	[[ $complaint == *"use --force if that is meant"* ]] || fail "no word about --force"
}

ktap_header
ktap_case "equal devices are told equal" equal
ktap_case "differences are told, shown and repaired" differs
ktap_case "a repair is for the state Skewed" not_skewed
ktap_case "resync repairs as well" by_resync
ktap_case "writers go on in the state Skewed" used_meanwhile
ktap_case "8 when there was no verify" never
ktap_case "without --wait it returns at once" at_once
ktap_case "a terminal gets the result" on_terminal
ktap_case "3 when the time is over" late
ktap_case "4 when the job is cancelled" ended_by_cancel
ktap_case "Ctrl-C ends the wait, not the verify" interrupted
ktap_case "no false alarm under load" under_load
ktap_case "more ranges than are kept" too_many
ktap_case "resync --compare writes what differs" compared
ktap_finish
