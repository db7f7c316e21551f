#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# wait ends when the state is reached, when the time is over, when the state cannot be
# reached any more, and at Ctrl-C, each with its own exit status; the copy goes on.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"

reached()
{
	slow_replica r
	cli wait r --timeout 100
	same "return_value" "$(get .return_value)" 0
	same "the state" "$(get .Replica.CopyStateDescription)" Synchronized
	compare_legs "$replica" "$origin"
	cli wait r --timeout 1
	same "return_value when it is there already" "$(get .return_value)" 0
}

# A terminal gets a bar that grows.
bar()
{
	slow_replica r
	run script -qec "stty cols 90; TERM=xterm replicactl wait r" "$dev_dir/bar" >/dev/null
	defer rm -f "$dev_dir/bar"
	grep -qE 'r:  \[=+> *\] +[0-9]+ %  [0-9.]+ MiB of 64.0 MiB, [0-9.]+ MiB/s' "$dev_dir/bar" ||
		fail "no bar: $(tr '\033' '^' <"$dev_dir/bar")"
	grep -q "'r' is Synchronized" "$dev_dir/bar"
	(($(grep -oE '\] +[0-9]+ %' "$dev_dir/bar" | sort -u | wc -l) > 2)) || fail "the bar does not move"
}

timed_out()
{
	slow_replica r
	cli_returns 3 3 wait r --timeout 300ms
	same "the state" "$(get .Replica.CopyStateDescription)" Unsynchronized
	[[ $complaint == *"the replica goes on"* ]] || fail "no hint"
}

# Nothing copies any more, so it would wait for ever.
out_of_reach()
{
	slow_replica r
	run replicactl abort r
	cli_returns 4 4 wait r --timeout 60
	same "the state" "$(get .Replica.CopyStateDescription)" Aborted
}

# ended_by SIGNAL
ended_by()
{
	local pid status=0
	slow_replica r
	replicactl wait r 2>"$dev_dir/said" &
	pid=$!
	wait_for 20 "replicactl to catch signals" caught "$pid"
	run kill "-$1" "$pid"
	wait "$pid" || status=$?
	same "the exit status" "$status" 130
	grep -q "stopped waiting; the replica goes on" "$dev_dir/said" || fail "$(cat "$dev_dir/said")"
	run in_state r Unsynchronized
}

# Bit 1 of the mask is SIGINT.
caught()
{
	(($((16#$(sed -n 's/^SigCgt:\s*//p' "/proc/$1/status"))) & 2))
}

removed()
{
	local pid status=0
	slow_replica r
	run replicactl fracture r
	replicactl wait r --for split 2>"$dev_dir/said" &
	pid=$!
	wait_for 20 "replicactl to wait" caught "$pid"
	run replicactl remove r
	wait "$pid" || status=$?
	[[ $status == 8 || $status == 4 ]] || fail "the exit status is $status: $(cat "$dev_dir/said")"
}

missing()
{
	cli_returns 8 8 wait nobody
	[[ $complaint == *"there are no replicas"* ]] || fail "no hint"
}

confirmed()
{
	local source target
	new_loop source 8M
	new_loop target 8M
	new_replica r "$source" "$target"
	run dd if=/dev/urandom of=/dev/mapper/r bs=64k count=16 status=none
	cli confirm r --timeout 30
	same "return_value" "$(get .return_value)" 0
	run replicactl fracture r
	cli_returns 4 4 confirm r --timeout 5
}

ktap_header
ktap_case "it ends when the state is reached" reached
ktap_case "a terminal gets a bar" bar
ktap_case "3 when the time is over" timed_out
ktap_case "4 when the state is out of reach" out_of_reach
ktap_case "Ctrl-C ends the wait, not the copy" ended_by INT
ktap_case "so does SIGTERM" ended_by TERM
ktap_case "it ends when the replica is removed" removed
ktap_case "8 when there is no such replica" missing
ktap_case "confirm tells durable from not" confirmed
ktap_finish
