#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=120
#
# events shows what happens, in order, numbered without a gap, and nothing else.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"

# follow ARG...: in the background, into the file $seen.
follow()
{
	seen=$dev_dir/seen
	: >"$seen"
	replicactl events "$@" >"$seen" 2>&1 &
	follower=$!
	defer kill_quietly "$follower"
}

kill_quietly()
{
	kill -KILL "$1" 2>/dev/null || true
}

sees()
{
	wait_for 20 "'$1' to be seen" grep -qE "$1" "$seen"
}

legs()
{
	new_loop source 8M
	new_loop target 8M
	new_replica r "$source" "$target"
}

in_order()
{
	legs
	follow --json
	sees '"EventType":256'
	run replicactl split r
	run replicactl resync r
	run replicactl wait r --timeout 30
	run replicactl set r resync_rate=5
	sees '"EventTypeDescription":"Settings"'
	run replicactl remove r
	sees '"EventTypeDescription":"Removed"'
	same "the states" "$(jq -r 'select(.EventType == 3) | "\(.OldCopyState)>\(.CopyState)"' "$seen" | paste -sd' ')" \
		"4>7 7>3 3>4"
	run jq -es '[.[] | select(.ElementName == "r" and .EventType != 256) | .EventSequence] |
		length > 4 and . == [range(.[0]; .[0] + length)]' "$seen" >/dev/null
	run kill -INT "$follower"
	run wait "$follower"
}

text()
{
	legs
	follow r
	sees ' *r: is Synchronized, 100 %'
	run replicactl fracture r
	sees '^[0-9-]+ [0-9:]+  r: Synchronized -> Fractured \('
}

of_one()
{
	local source target
	legs
	new_loop source 8M
	new_loop target 8M
	new_replica other "$source" "$target"
	follow r
	sees 'r: is Synchronized'
	run replicactl fracture other
	run replicactl fracture r
	sees 'r: Synchronized -> Fractured'
	grep -q other "$seen" && fail "an event of another replica"
	return 0
}

counted()
{
	legs
	same "the lines" "$(replicactl events --count 1 | wc -l)" 1
	same "the lines without an event" "$(replicactl events --no-snapshot --timeout 1 | wc -l)" 0
}

# A failure names the sector and the errno.
failure()
{
	local upper
	new_loop source 8M
	new_loop target 8M
	new_linear upper "$target"
	new_replica r "$source" "$upper"
	follow r --json
	sees '"EventType":256'
	break_dev "$upper"
	run dd if=/dev/urandom of=/dev/mapper/r bs=4k count=1 seek=5 oflag=direct status=none
	sees '"CopyState":5'
	sees '"EventTypeDescription":"Replica Error"'
	same "the sector and errno" "$(jq -c 'select(.EventType == 6) | [.Sector, .Errno]' "$seen" | head -1)" "[40,5]"
	heal_dev "$upper"
	wait_for 60 "Synchronized" in_state r Synchronized
}

ktap_header
ktap_case "events come in order and without a gap" in_order
ktap_case "text says when, who and what" text
ktap_case "a name is a filter" of_one
ktap_case "count and timeout end it" counted
ktap_case "a failure names the place" failure
ktap_finish
