#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=long timeout=900
#
# The tool is killed at each of its calls to device-mapper, while it makes and removes a
# snapshot: the source works all the time, and 'remove' leaves nothing behind.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/snapshot.sh"

create_killed()
{
	local source leg table store n
	need strace -V
	new_source 2M
	new_loop store 4M
	defer snapshot_gone snap
	n=8
	while killed "$n" create --sync-type snapshot --name snap "$source" "$store" --force; do
		works "$n"
		tidy
		n=$((n + 1))
	done
	((n > 20)) || fail "it was over after $n calls"
	in_state snap Synchronized || fail "it does not end in a snapshot"
	tidy
}

remove_killed()
{
	local source leg table store n
	need strace -V
	new_source 2M
	new_loop store 4M
	defer snapshot_gone snap
	n=3
	while :; do
		run replicactl create --sync-type snapshot --name snap "$source" "$store" --force
		killed "$n" remove snap || break
		works "$n"
		tidy
		n=$((n + 1))
	done
	((n > 10)) || fail "it was over after $n calls"
	tidy
}

ktap_header
ktap_case "killed while it makes a snapshot" create_killed
ktap_case "killed while it removes one" remove_killed
ktap_finish
