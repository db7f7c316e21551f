#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300 mem=2048
#
# A clone is of its instant whenever the power goes. As in test_log_01 origin, replica and
# meta device are disks with volatile caches, of which every request is recorded in one order,
# while the origin is written to, the power goes and comes again, also while the mapping is
# being made. helpers/crash_clone.py takes the power away after each event, with all that may
# be lost then; a sample of the cuts is activated by the module.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/crash.sh"
features=(role clone resync_rate 1)
replay_options=(--clone)

# start: the origin is full and flushed, and then the clone begins.
start()
{
	writers=()
	start_disks "$log"
	run dd if=/dev/urandom of=/dev/nbd0 bs=64k oflag=direct conv=fsync status=none \
		count=$((sectors / 128))
	disks late 20 12
	disks mark clone
	begin
	writer --workers 4 --hot 30 /dev/mapper/raw
	busy 300
}

finish_clone()
{
	run message r set resync_rate auto
	wait_for 60 "the clone to be complete" in_sync r
	writer --workers 2 /dev/mapper/raw
	busy 200
	stop_writers
	end
}

# Cut off, again and again, also while it comes up.
long()
{
	local n
	start
	run dmsetup suspend r
	run dmsetup resume r
	busy 200
	stop_writers
	for n in 300 30 150 7 20; do
		cut_off "$n"
	done
	for n in 2 4 8; do
		cut_begin "$n"
	done
	begin
	finish_clone
	say "$(disks events) events"
	stop_disks
	keep long
}

# For mutations/run.
brief()
{
	defer keep brief
	start
	busy 300
	stop_writers
	cut_off 100
	finish_clone
}

every_cut_of_clone()
{
	run python3 "$helpers/crash_clone.py" "$log" "$sectors" "$region"
}

log=$dev_dir/crash-log-$$
ktap_header
defer rm -f "$log"
if [[ ${CRASH_CASES:-} == brief ]]; then
	ktap_case "a clone is recorded" brief
else
	ktap_case "a clone is recorded" long
	ktap_case "it is of its instant after any cut" every_cut_of_clone
	ktap_case "a sample of the cuts is activated" sample "${CRASH_POINTS:-150}" role clone
fi
ktap_finish
