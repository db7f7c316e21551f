#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=long timeout=900 mem=2048
#
# Nothing differs in silence (P3) while the origin alone acknowledges: test_log_01 with a
# queue. Whenever the power goes, what the queue had is dirty in the log, also while the mode
# changes. Its head has the argument; on the replica a copy and an entry of the queue may be
# under way to the same sectors at once, and then either may be what is found there.
#
# CRASH_CASES chooses cases, of: busy full.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/crash.sh"
modes=(async sync async adaptive)
features=(queue_bytes 4194304)

# flood: more than the queue takes, in writes that are all different.
flood()
{
	fio --name=flood --filename=/dev/mapper/raw --direct=1 --rw=randwrite --bsrange=32k-64k \
		--norandommap --refill_buffers --ioengine=libaio --iodepth=32 --time_based \
		--runtime=1000 --output=/dev/null 2>/dev/null &
	writers+=("$!")
	defer end_load "$!"
}

longer()
{
	(($(status r queue_bytes) > $1))
}

# Is there, within some seconds, no room for another write, and the replica still in step?
gets_full()
{
	local end=$((SECONDS + 5))
	until longer $((4194304 - 135168)); do
		((SECONDS < end)) || return 1
		ktap_pause "$ktap_poll"
	done
	[[ $(status r state) == Synchronized ]]
}

# fill_queue: the replica is slow, and then takes nothing, until there is no room for another
# write. It may not take nothing for longer than three seconds: now and then the log waits for
# a flush of it, and gives it up then. That is another try.
fill_queue()
{
	local try
	for try in {1..10}; do
		disks mark fill
		disks late 100 1500 1
		flood
		wait_for 60 "a long queue" longer 2097152
		disks hang 1
		! gets_full || break
		say "try $try: $(dmsetup status r)"
		disks unhang 1
		disks late 20 12
		stop_writers
		wait_for 60 "the legs to be in step" in_sync r
		((try < 10)) || fail "it was never full and in step"
	done
	disks late 20 12
}

# cut_full EVENTS: so many after the replica has begun to take what it has; 0: before.
cut_full()
{
	disks mark "cut $1"
	if (($1)); then
		disks off_after "$1"
	else
		disks off
	fi
	disks unhang 1
	wait_for 60 "the cut" is_off
	stop_writers
	end
	disks on
	begin
	wait_for 60 "the legs to be in step" in_sync r
	at_least "resync_bytes" "$(status r resync_bytes)" "$2"
}

# A queue that has no room left, and what was in it is lost or half there. Regions are
# larger here: there are slots of the log for so many that the queue cannot hold.
full_record()
{
	writers=() region=64 timeout_ms=60000
	start_disks "$log"
	disks late 20 12
	begin
	wait_for 60 "the legs to be in step" in_sync r
	fill_queue
	cut_full 0 2097152
	fill_queue
	cut_full 60 1048576
	fill_queue
	cut_full 500 1
	fill_queue
	run message r reset_to_sync
	cut_full 40 1048576
	end
	say "$(disks events) events"
	stop_disks
	keep full
}

log=$dev_dir/crash-log-$$
ktap_header
defer rm -f "$log"
if [[ ${CRASH_CASES:-busy} == *busy* ]]; then
	ktap_case "a busy run in mode async is recorded" long_record
	ktap_case "what may differ is dirty after any cut" every_cut --overlaps
	ktap_case "a sample of the cuts is activated" sample "${CRASH_POINTS:-400}"
fi
if [[ ${CRASH_CASES:-full} == *full* ]]; then
	ktap_case "cuts with a full queue are recorded" full_record
	region=64
	ktap_case "what was in it is dirty after any cut" every_cut --overlaps
	ktap_case "a sample of those cuts is activated" sample 60
fi
ktap_finish
