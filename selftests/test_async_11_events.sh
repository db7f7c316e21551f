#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=long timeout=1200 mem=2048
#
# test_async_06, with more than a load: what recovers whenever the replica is cut off does so
# too while modes change, while mode adaptive switches by itself, and when the replica lost
# its cache or was taken aside, once it is in step again (P4). Files and rows are under load
# on ext4, then on xfs.
#
# RECOVERY_CASES chooses cases, of: ext4 xfs. lib/recovery.sh has other settings.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/crash.sh"
. "$(dirname "$0")/lib/order.sh"
. "$(dirname "$0")/lib/recovery.sh"

# eventful_record FS
eventful_record()
{
	local mode
	on "$1"
	create_rows
	settled
	files
	rows
	busy 300
	for mode in sync async sync async; do
		to "$mode"
	done
	flapping
	to async
	unordered lose_cache
	unordered take_aside
	unordered lose_cache
	over "eventful-$1"
}

ktap_header
records
if chosen ext4; then
	ktap_case "modes change, and the replica loses its cache, under ext4" eventful_record ext4
	ktap_case "ext4 recovers, and rows have no hole" recovers ext4 --files
fi
if chosen xfs; then
	for_xfs
	ktap_case "modes change, and the replica loses its cache, under xfs" eventful_record xfs
	ktap_case "xfs recovers, and rows have no hole" recovers xfs --files
fi
ktap_finish
