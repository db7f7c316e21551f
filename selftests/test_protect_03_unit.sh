#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300 systemd=yes
#
# Whoever starts a resync, the unit that udev has systemd start for a replica with
# protect=snapshot makes the snapshot and removes it; also when the unit is killed meanwhile,
# and when the setting comes and goes while the replica is in use.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/thin.sh"

copy=/dev/mapper/data-protect leg=/dev/mapper/data-replica
unit=dm-replica-protect@data.service

begin()
{
	new_loop origin 8M
	put "$origin" 0 8
	new_pool 64M
	defer dm_gone data
	run replicactl create "$origin" --name data --pool "$pool" --meta pool "$@" \
		--wait-for synchronized --timeout 60s
	wait_for 20 "the log to have it as whole" status_is data whole 1
}

mirrored()
{
	dd if="$1" bs=1M count=8 iflag=direct status=none | md5sum
}

unit_is()
{
	[[ $(systemctl show -P ActiveState "$unit") == "$1" ]]
}

main_pid()
{
	systemctl show -P MainPID "$unit"
}

left_behind()
{
	run message data fracture
	put /dev/mapper/data 1 5
	before=$(mirrored "$leg")
}

copying()
{
	status_is data state Unsynchronized && status_is data whole 0
}

gone()
{
	[[ -z $(dmsetup info -c --noheadings -o name data-protect 2>/dev/null) ]]
}

by_itself()
{
	begin --protect snapshot
	wait_for 30 "the unit" unit_is active
	left_behind
	run message data set resync_rate 1
	run message data resync
	wait_for 30 "the copy to be under way" copying
	same "the snapshot" "$(mirrored "$copy")" "$before"
	run message data set resync_rate auto
	synced data
	wait_for 30 "the snapshot to be removed" gone
	unit_is active || fail "the unit has ended"
	run replicactl detach data
	wait_for 30 "the unit to end" unit_is inactive
	same "the result of the unit" "$(systemctl show -P Result "$unit")" success
	compare_legs "$origin" "$leg" "$(dev_sectors "$origin")"
}

killed()
{
	local n pid
	begin --protect snapshot
	wait_for 30 "the unit" unit_is active
	for n in 1 2 3; do
		left_behind
		run message data set resync_rate 1
		pid=$(main_pid)
		run message data resync
		ktap_pause "0.$((n * 2))"
		kill -KILL "$pid" 2>/dev/null || true
		wait_for 60 "the copy to be under way" copying
		same "the snapshot" "$(mirrored "$copy")" "$before"
		kill -KILL "$(main_pid)" 2>/dev/null || true
		run message data set resync_rate auto
		synced data
		wait_for 60 "the snapshot to be removed" gone
	done
	compare_legs "$origin" "$leg" "$(dev_sectors "$origin")"
}

comes_and_goes()
{
	begin
	same "the unit" "$(systemctl show -P ActiveState "$unit")" inactive
	run message data set protect snapshot
	wait_for 30 "the unit" unit_is active
	run replicactl set data protect=none
	wait_for 60 "the unit to end" unit_is inactive
	run replicactl set data protect=snapshot
	wait_for 30 "the unit" unit_is active
	left_behind
	run message data resync
	synced data
	wait_for 30 "the snapshot to be removed" gone
}

ktap_header
ktap_case "a resync that dmsetup starts is protected" by_itself
ktap_case "the unit is killed" killed
ktap_case "the setting comes and goes" comes_and_goes
ktap_finish
