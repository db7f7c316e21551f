#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# status --watch: a line for each change in a pipe, a document for each in JSON, one
# screen drawn again on a terminal; Ctrl-C ends it with 0.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"

legs()
{
	new_loop source 8M
	new_loop target 8M
	new_replica r "$source" "$target"
}

# watch ARG...: in the background, into the file $seen.
watch()
{
	seen=$dev_dir/seen
	: >"$seen"
	replicactl "$@" >"$seen" 2>&1 &
	watcher=$!
	defer kill_quietly "$watcher"
}

kill_quietly()
{
	kill -KILL "$1" 2>/dev/null || true
}

stop_watch()
{
	local status=0
	run kill -INT "$watcher"
	wait "$watcher" || status=$?
	same "the exit status after Ctrl-C" "$status" 0
}

sees()
{
	wait_for 20 "'$1' to be seen" grep -qE "$1" "$seen"
}

changes()
{
	legs
	watch status r --watch
	sees ' r: Synchronized, 100 %'
	run replicactl split r
	sees ' r: Split, '
	run replicactl resync r
	wait_for 20 "Synchronized again" eval '(($(grep -c " r: Synchronized" "$seen") == 2))'
	stop_watch
}

# Nothing happens, nothing is written.
quiet()
{
	legs
	watch status --watch
	sees ' r: Synchronized'
	run sleep 3
	same "the number of lines" "$(wc -l <"$seen")" 1
	stop_watch
}

documents()
{
	legs
	watch status --watch --json
	sees '"CopyState":4'
	run replicactl fracture r
	sees '"CopyState":6'
	run replicactl remove r
	sees '"Replica":null'
	stop_watch
	run jq -es 'length >= 3 and all(.schema == "replicactl" and .return_value == 0)' "$seen" >/dev/null
	same "the documents and lines" "$(jq -s length "$seen")" "$(wc -l <"$seen")"
}

gone()
{
	local status=0
	legs
	watch status r --watch
	sees ' r: Synchronized'
	run replicactl remove r
	wait "$watcher" || status=$?
	same "the exit status" "$status" 8
}

# The bar moves, and the screen is drawn over, not scrolled.
terminal()
{
	slow_replica r
	seen=$dev_dir/screen
	script -qec "stty cols 90 rows 30; TERM=xterm replicactl status r --watch" "$seen" >/dev/null </dev/null &
	watcher=$!
	defer kill_quietly "$watcher"
	sees 'Copy: +\[=+>'
	wait_for 100 "the end of the copy" grep -q 'State: .*Synchronized' "$seen"
	run pkill -INT -P "$(pgrep -P "$watcher")" || run pkill -INT -P "$watcher"
	wait "$watcher" || true
	grep -qF $'\033[?25l' "$seen" || fail "the cursor is not hidden"
	tail -c 300 "$seen" | grep -qF $'\033[?25h' || fail "the cursor is not shown again"
	grep -qE $'\033''\[[0-9]+A' "$seen" || fail "the screen is not drawn over"
}

# More replicas than lines: the screen is cut, not scrolled away.
small_terminal()
{
	legs
	seen=$dev_dir/screen
	run script -qec "stty cols 60 rows 8; TERM=xterm timeout -s INT 3 replicactl status r --watch" "$seen" >/dev/null </dev/null || true
	same "the highest move up" "$(grep -oE $'\033''\[[0-9]+A' "$seen" | grep -oE '[0-9]+' | sort -nu | tail -1)" 7
}

ktap_header
ktap_case "a pipe gets a line for each change" changes
ktap_case "and none without a change" quiet
ktap_case "JSON is a document in each line" documents
ktap_case "it ends with 8 when the replica is removed" gone
ktap_case "a terminal is drawn over, with a bar" terminal
ktap_case "a small terminal is not scrolled" small_terminal
ktap_finish
