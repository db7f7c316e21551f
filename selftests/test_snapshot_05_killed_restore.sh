#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=240
#
# The tool is killed at each of its calls to device-mapper while it restores: the source
# is never left suspended, and the same command, or 'remove' when the restore is over
# already, leaves the source as the snapshot was, and nothing behind.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/snapshot.sh"

restore_killed()
{
	local source leg table store n before
	need strace -V
	new_source 2M
	new_loop store 4M
	defer snapshot_gone snap
	n=8
	while :; do
		before=$(sum "$source")
		run replicactl create --sync-type snapshot --name snap "$source" "$store" --force
		run dd if=/dev/urandom of="$source" bs=64k count=3 seek=3 oflag=direct status=none
		killed "$n" restore snap || break
		same "the state of the source" "$(dmsetup info -c --noheadings -o suspended "$source")" Active
		replicactl restore snap || mapping_gone snap || run replicactl remove snap
		same "the source" "$(sum "$source")" "$before"
		tidy
		n=$((n + 1))
	done
	((n > 20)) || fail "it was over after $n calls"
	same "the source" "$(sum "$source")" "$before"
	tidy
}

ktap_header
ktap_case "killed while it restores from a snapshot" restore_killed
ktap_finish
