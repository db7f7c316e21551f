#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=long timeout=900 mem=2048
#
# Nothing differs in silence (P3) with delta updates: test_log_01, whose head has the argument,
# with updates that begin and end, are given up and cut off. What is frozen and what was
# written later is dirty in the log whenever the power goes, and the first update after it
# makes the legs equal.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/crash.sh"
. "$(dirname "$0")/lib/delta.sh"
modes=(async)
features=(delta_ms 1000)

# updates COUNT: so many more, while the writers go on.
updates()
{
	local n
	for ((n = 0; n < $1; n++)); do
		disks mark update
		run message r confirm 60000
		busy 100
	done
}

# cut_update EVENTS: the power goes so many after an update was asked for.
cut_update()
{
	local pid
	disks mark "cut $1"
	writer --workers 2 --hot 60 /dev/mapper/raw
	busy 100
	message r confirm 60000 >/dev/null 2>&1 &
	pid=$!
	defer end_load "$pid"
	disks off_after "$1"
	wait_for 30 "the cut" is_off
	end_load "$pid"
	stop_writers
	end
	disks on
	begin
}

record()
{
	local n
	writers=()
	start_disks "$log"
	disks late 20 12
	begin
	writer --workers 3 /dev/mapper/raw
	busy 500
	wait_for 60 "the first copy" in_sync r
	updates 5
	bad_replica break heal lose
	bad_replica hang unhang
	updates 2
	run message r fracture
	busy 300
	resync
	wait_for 60 "an update" in_sync r
	run dmsetup suspend r
	run dmsetup resume r
	updates 2
	run message r set delta_ms 0
	wait_for 60 "the legs to be in step" in_sync r
	busy 300
	run message r set delta_ms 1000
	updates 2
	stop_writers
	wait_for 60 "what was written last" status_is r dirty_regions 0
	end
	begin
	for n in 5 20 60 150 400 30; do
		cut_update "$n"
	done
	for n in 2 4 8; do
		cut_begin "$n"
	done
	begin
	wait_for 60 "an update" in_sync r
	end
	say "$(disks events) events"
	stop_disks
	keep delta
}

# Between updates the replica is of one instant, whatever it loses with its cache.
lost_cache()
{
	local told features=(delta_ms 86400000)
	writers=() replica=/dev/nbd1 before=$dev_dir/before-$BASHPID
	defer rm -f "$before"
	truncate -s "$((sectors * 512))" "$before"
	start_disks "$log"
	disks late 20 12
	begin
	wait_for 60 "the first copy" in_sync r
	point_writer
	for _ in 1 2 3 4; do
		told=$(returned)
		update
		disks break 1
		disks lose 1
		disks heal 1
		is_point "$told"
	done
	stop_point_writer
	end
	stop_disks
}

log=$dev_dir/crash-log-$$
ktap_header
defer rm -f "$log"
ktap_case "what the replica loses with its cache is no part of a point" lost_cache
ktap_case "a busy run with delta updates is recorded" record
ktap_case "what may differ is dirty after any cut" every_cut --overlaps
ktap_case "a sample of the cuts is activated" sample "${CRASH_POINTS:-300}"
ktap_finish
