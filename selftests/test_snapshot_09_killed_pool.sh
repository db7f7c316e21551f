#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=long timeout=900
#
# The tool is killed at its calls to device-mapper, and while it waits for LVM, as it makes
# and removes a snapshot with a store from a pool: the source works all the time, and what
# is left is found: the mappings by 'remove', the store by 'return-to-pool --left', which
# does no harm before. The calls are spread over all that there are, other ones in each run.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/lvm.sh"
. "$(dirname "$0")/lib/snapshot.sh"

# What is there works; what is left is found, and the rest of it goes.
all_found()
{
	works "$1"
	[[ -z $(volumes vgt) ]] || run replicactl return-to-pool --left vgt
	works "$1"
	mapping_gone snap || run replicactl remove snap
	[[ -z $(volumes vgt) ]] || run replicactl return-to-pool --left vgt
	same "the volumes" "$(volumes vgt)" ""
	mapping_gone snap || fail "the snapshot is left"
	all_as_before
}

create_snap()
{
	run replicactl create --sync-type snapshot --name snap "$source" --pool vgt
}

to_be_killed()
{
	need strace -V
	need pgrep -V
	new_vg vgt 16M
	new_source 2M
	defer snapshot_gone snap
}

# create_killed CALL FIRST KILLS
create_killed()
{
	local source leg table n step calls kills=0
	to_be_killed
	first_kill "$@" create --sync-type snapshot --name snap "$source" --pool vgt
	run replicactl remove snap
	while killed_alone "$1" "$n" create --sync-type snapshot --name snap "$source" --pool vgt; do
		all_found "$kills"
		kills=$((kills + 1))
		n=$((n + step))
	done
	((kills >= $3 / 2)) || fail "it was killed $kills times"
	in_state snap Synchronized || fail "it does not end in a snapshot"
	run replicactl remove snap
	all_found "$kills"
}

remove_killed()
{
	local source leg table n step calls kills=0
	to_be_killed
	create_snap
	first_kill "$@" remove snap
	while :; do
		create_snap
		killed_alone "$1" "$n" remove snap || break
		all_found "$kills"
		kills=$((kills + 1))
		n=$((n + step))
	done
	((kills >= $3 / 2)) || fail "it was killed $kills times"
	all_found "$kills"
}

ktap_header
command -v lvcreate >/dev/null || ktap_skip_all "needs LVM"
ktap_case "killed while it makes a snapshot" create_killed ioctl 8 16
ktap_case "killed while LVM cuts the store" create_killed poll 1 8
ktap_case "killed while it removes one" remove_killed ioctl 3 8
ktap_case "killed while LVM takes the store back" remove_killed poll 1 6
ktap_finish
