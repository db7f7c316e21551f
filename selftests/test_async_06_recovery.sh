#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=long timeout=900 mem=2048
#
# In mode async the replica is always a state that the origin could have crashed into (P4):
# whenever it is cut off, and also when it loses its volatile cache then, file systems and a
# database recover from it, and the database has its rows without a hole. ext4 and SQLite are
# under load on a mirror with a replica that is slower and records what it gets; then
# helpers/recovery_check.py, whose head has what is tried, lets them recover. xfs is in
# test_async_13.
#
# test_async_02 looks at all states after each event, and at what any software could rely on.
# This one is the check that nothing was forgotten there that real software does rely on.
#
# RECOVERY_CASES chooses cases, of: plant rows ext4. lib/recovery.sh has other settings.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/crash.sh"
. "$(dirname "$0")/lib/order.sh"
. "$(dirname "$0")/lib/recovery.sh"

# On a disk without a mirror: nothing but the order is to be seen, and what is planted.
planted()
{
	local points=8
	writers=()
	start_disks "$log"
	mounted ext4 /dev/nbd1
	create_rows
	sync -f "$mnt"
	disks late 10 5
	clock
	disks mark ordered
	rows
	busy 1000
	all_ended
	disks mark drained "$(committed)"
	run umount "$mnt"
	stop_disks
	keep planted
	recovers ext4
	say "with a write left out"
	points=24
	recovers ext4 --plant 4
}

row_record()
{
	on ext4
	create_rows
	settled
	rows
	busy 1500
	busy 1500
	busy 1500
	over rows
}

ktap_header
records
if chosen plant; then
	ktap_case "the check finds what is planted, and nothing else" planted
fi
if chosen rows; then
	ktap_case "rows are committed" row_record
	ktap_case "they are there without a hole, whenever" recovers ext4
fi
if chosen ext4; then
	ktap_case "rows and files come and go on ext4" file_record ext4
	ktap_case "ext4 recovers, whenever" recovers ext4 --files
fi
ktap_finish
