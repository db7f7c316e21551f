#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=200 mem=1536
#
# CopyPriority: how much a resync copies beside an application that keeps the source busy.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"

copied()
{
	cli status r >/dev/null
	same "status" "$status" 0 >/dev/null
	get .Replica.Counters.ResyncBytes
}

# rate PRIORITY: bytes per second that the job of r copies; the result is in $rate.
rate()
{
	local begin before after
	run replicactl set r "copy_priority=$1" >/dev/null
	run replicactl resync r --force
	ktap_pause 0.3
	before=$(copied) || fail "$before"
	begin=${EPOCHREALTIME/[.,]/}
	ktap_pause 3
	after=$(copied) || fail "$after"
	rate=$(((after - before) * 1000 / ((${EPOCHREALTIME/[.,]/} - begin) / 1000)))
	run replicactl abort r
	say "$1: $rate bytes per second"
}

has_read()
{
	(($(replicactl --json status r | jq .Replica.Counters.Reads) > $1))
}

# Beside an application that reads all the time, on a source whose reads take 25 ms.
priorities()
{
	local disk last=0 name reader
	new_loop disk 256M
	new_delay source "$disk" 25 0
	new_loop target 256M
	defer dm_gone r
	run replicactl create "$source" "$target" --name r --skip-initial-copy
	fio --name=reader --filename=/dev/mapper/r --direct=1 --rw=randread --bs=4k \
		--ioengine=libaio --iodepth=4 --time_based --runtime=600 --output=/dev/null &
	reader=$!
	defer end_reader "$reader"
	wait_for 60 "the application to read" has_read 100
	for name in low unmanaged same high urgent; do
		rate "$name"
		((rate * 10 > last * 13)) || fail "$name copies $rate bytes/s, the one before it $last"
		last=$rate
	done
}

end_reader()
{
	kill "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

ktap_header
ktap_case "five priorities copy more, one after the other" priorities
ktap_finish
