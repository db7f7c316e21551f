#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=360 mem=2048
#
# Nothing differs in silence (P3). Origin, replica and meta device are disks with volatile
# caches whose every request is recorded in one order while ext4, a random writer, jobs,
# failures and suspends go on. Then the power is cut after each event of the record.
#
# Why this is as hard as a real cut: helpers/crash_disks.py serves the three disks as nbd
# devices out of one task, so the order of events is that in which the disks received and
# completed requests, and each flush is known by the disk that it was meant for: it makes
# durable what that disk alone had completed before it arrived. What else may be lost or
# kept, sector by sector, is in the head of helpers/crash_model.py.
#
# helpers/crash_check.py takes all outcomes of a cut after each event at once: a region in
# which the legs may differ has to be dirty in the log, whichever sectors were lost.
# helpers/crash_replay.py makes a sample of them into images, which the module takes in.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/crash.sh"

# Legs that are known to be equal, and writes that wait for the log from the start.
short_record()
{
	writers=()
	start_disks "$log"
	disks late 30 20
	dmsetup create r --table "0 $sectors linear /dev/nbd0 0"
	dmsetup suspend r
	writer --workers 6 --hot 0 /dev/mapper/r
	wait_for 20 "the writer to wait" stuck 4
	dmsetup load r --table "$(table sync skip)"
	dmsetup resume r
	busy 800
	stop_writers
	dm_gone r
	stop_disks
	keep short
}

# For mutations/run: a little of everything.
brief_record()
{
	local n
	writers=()
	defer keep brief
	start_disks "$log"
	disks late 30 20
	begin resync_rate 200
	writer --workers 4 --hot 20 /dev/mapper/raw
	busy 500
	wait_for 60 "the legs to be in step" in_sync r
	busy 1500
	bad_replica break heal lose
	# Again while the bits of the last time are still being cleared.
	for n in 1 2 3 4; do
		run message r fracture
		busy 400
		resync
		wait_for 60 "the legs to be in step" in_sync r
	done
	busy 300
	stop_writers
	writer --workers 1 --hot 100 --pause 20 /dev/mapper/raw
	wait_for 10 "regions to be given up" gives_up
	stop_writers
	end
	begin
	for n in 200 80; do
		cut_off "$n"
	done
	end
}

gives_up()
{
	(($(status r active_regions) < 100))
}

# stuck COUNT: so many threads of the writer wait for the mapping to be resumed.
stuck()
{
	(($(cat /proc/"${writers[0]}"/task/*/stat | grep -c ') D ') >= $1))
}

log=$dev_dir/crash-log-$$
ktap_header
defer rm -f "$log"
if [[ " ${CRASH_CASES:-long short} " == *" long "* ]]; then
	ktap_case "a busy run is recorded" long_record
	ktap_case "what may differ is dirty after any cut" every_cut
	ktap_case "a sample of the cuts is activated" sample "${CRASH_POINTS:-500}"
fi
if [[ " ${CRASH_CASES:-long short} " == *" short "* ]]; then
	ktap_case "a start with equal legs is recorded" short_record
	ktap_case "what may differ then is dirty after any cut" every_cut --sync-skip
	ktap_case "a sample of those cuts is activated" sample 100 sync skip
fi
if [[ ${CRASH_CASES:-} == brief ]]; then
	ktap_case "a bit of everything is recorded" brief_record
fi
ktap_finish
