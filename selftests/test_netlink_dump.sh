#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=240
#
# Dumps of many replicas and jobs: each once, in order, in as many steps as it takes,
# and marked as interrupted when a replica comes or goes meanwhile. A dump that nobody
# reads to its end holds nothing.
#
# shellcheck disable=SC2154,SC2317 # variables are set and functions called by their names
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/netlink/setup.sh"

count=24

# many_replicas VAR: replicas VAR0, VAR1, ... of 1 MiB on slices of two loop devices.
many_replicas()
{
	local origin copy stem slice leg
	new_loop origin "${count}M"
	new_loop copy "${count}M"
	dev_name stem many
	stem=$stem-
	for ((slice = 0; slice < count; slice++)); do
		for leg in origin copy; do
			dmsetup create "$stem$leg$slice" \
				--table "0 2048 linear ${!leg} $((slice * 2048))"
			defer dm_gone "$stem$leg$slice"
		done
		dmsetup create "$stem$slice" --table \
			"0 2048 replica /dev/mapper/${stem}origin$slice /dev/mapper/${stem}copy$slice - sync 2 sync skip"
		defer dm_gone "$stem$slice"
	done
	printf -v "$1" %s "$stem"
}

dumps()
{
	local prefix
	many_replicas prefix
	nl dump complete "$prefix" "$count"
	nl dump steps "$prefix" "$count"
	nl dump changed "$prefix" "$count"
	nl dump unread "$prefix"
}

jobs_are_kept()
{
	new_replica r 4M sync skip
	new_replica other 4M
	wait_for 60 "the initial copy" in_sync "$other"
	nl dump jobs "$r" "$other"
}

empty()
{
	nl dump complete none 0
}

ktap_header
ktap_case "no replica at all" empty
ktap_case "many replicas, changes, and a dump that is not read" dumps
ktap_case "jobs of one and of all" jobs_are_kept
ktap_finish
