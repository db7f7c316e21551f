#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=600 mem=2048
#
# The replica is never without a write that was acknowledged before another one began, when
# it has that other one (P4); and after a power cut never without one that was flushed before.
# Threads write stamped data and note what was acknowledged before what was submitted; the
# disks are slow, so that they could take things in another order, and note what they take.
#
# Why this sees what a cut could show: helpers/order_check.py looks, after each event of the
# record, at all states that the replica may be in, not only at those that happened; its head
# has the argument. Its first case shows that it finds what is planted.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/crash.sh"
. "$(dirname "$0")/lib/order.sh"
region=64 timeout_ms=30000

# open MODE [FEATURE VALUE]...: equal legs, with $pause ms between the writes of a thread.
open()
{
	modes=("$1")
	shift
	writers=()
	start_disks "$log"
	slower
	dmsetup create r --table "$(table sync skip "$@")"
	defer dm_gone r
	same "state" "$(status r state)" Synchronized
	promised
	say "+ order_writer.py"
	python3 "$helpers/order_writer.py" --workers 8 --pause "${pause:-0}" /dev/mapper/r "$writes" &
	writers+=("$!")
	defer end_load "$!"
}

# close NAME: all of it is on the replica.
close()
{
	stop_writers
	idle r
	still_promised
	say "queue_high_entries $(status r queue_high_entries), $(disks events) events"
	compare_legs /dev/nbd0 /dev/nbd1 "$sectors"
	dm_gone r
	stop_disks
	keep_both "$1"
}

# keep_both NAME
keep_both()
{
	keep "$1"
	[[ -z ${CRASH_KEEP:-} ]] || cp "$writes" "$CRASH_KEEP/$1.writes"
}

# The last third of it with an RPO that slows writers down: acknowledgments are late then, or
# wait for the replica.
slow_record()
{
	open async queue_bytes 4194304
	busy 1500
	busy 1500
	run message r set rpo 200
	busy 1500
	at_least "writes that were delayed" "$(($(status r delays | tr , +)))" 50
	close slow
}

switched_record()
{
	local mode
	open sync
	busy 300
	for mode in async sync async adaptive async adaptive sync async; do
		to "$mode"
	done
	close switched
}

flapping_record()
{
	open async
	busy 300
	flapping
	to async
	close flapping
}

lossy_record()
{
	local n pause=15
	open async
	busy 300
	for n in 1 2; do
		unordered lose_cache
		unordered take_aside
	done
	close lossy
}

# For mutations/run: a little of everything, and the record even if the legs differ in the end.
brief_record()
{
	defer keep_both brief
	open async
	busy 2000
	to sync
	to async
	busy 600
	close brief
}

ordered()
{
	run python3 "$helpers/order_check.py" --strict "$log" "$writes"
}

log=$dev_dir/order-log-$$ writes=$dev_dir/order-writes-$$
ktap_header
defer rm -f "$log" "$writes"
if [[ ${ORDER_CASES:-} == brief ]]; then
	ktap_case "a bit of everything is recorded" brief_record
	ktap_finish
fi
if [[ ${ORDER_CASES:-} != lossy ]]; then
	ktap_case "the check finds what is planted" run python3 "$helpers/order_check.py" --selftest
	ktap_case "writes to a slow replica are recorded" slow_record
	ktap_case "they are in order" ordered
	ktap_case "modes change under load" switched_record
	ktap_case "writes are in order all the time" ordered
	ktap_case "mode adaptive switches by itself" flapping_record
	ktap_case "writes are in order all along" ordered
fi
ktap_case "the replica loses its cache" lossy_record
ktap_case "writes are in order before and after" ordered
ktap_finish
