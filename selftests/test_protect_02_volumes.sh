#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=1200
#
# With protect=snapshot a replica that was cut from a pool has a snapshot from before the first
# byte of a resync to the end of it: at every moment there is a consistent copy, byte by byte
# what the replica was. A volume group, a thin pool of LVM and a pool of dm-thin; killed at
# every step; without room; with a store that overflows; at the end of the replica; and when
# a failback makes the former origin the replica for a while.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/lvm.sh"
. "$(dirname "$0")/lib/thin.sh"
. "$(dirname "$0")/lib/snapshot.sh"

schema=/usr/share/dm-replica/replicactl.schema.json
[[ -e $schema ]] || schema=$(dirname "$0")/../Documentation/replicactl.schema.json

# begin KIND [SIZE]: replica data in step; $leg is what is copied to, $copy what its snapshot is
# called, $pool_of where both are.
begin()
{
	local disk
	new_loop disk 24M
	fill "$disk" 3
	new_linear origin "$disk"
	case $1 in
	thick)
		new_vg vgt "${2:-96M}"
		pool_of=vgt
		leg=/dev/mapper/vgt-data--replica copy=/dev/mapper/vgt-data--protect
		;;
	thin)
		new_vg vgt 160M
		new_thin_pool vgt tp 96M
		pool_of=vgt/tp
		leg=/dev/mapper/vgt-data--replica copy=/dev/mapper/vgt-data--protect
		;;
	dm)
		new_pool 128M
		pool_of=$pool
		leg=/dev/mapper/data-replica copy=/dev/mapper/data-protect
		;;
	esac
	defer dm_gone data	# before its volumes
	run replicactl create "$origin" --name data --pool "$pool_of" --meta pool \
		--protect snapshot --wait-for synchronized --timeout 60s
	wait_for 20 "the log to have it as whole" status_is data whole 1
}

# left_behind: the replica lacks 20 MiB; $before is what it holds.
left_behind()
{
	run message data fracture
	dd if=/dev/urandom of=/dev/mapper/data bs=1M seek=1 count=20 oflag=direct conv=notrunc,fsync \
		status=none
	before=$(mirrored "$leg")
}

# mirrored DEVICE: what is on the first 24 MiB.
mirrored()
{
	dd if="$1" bs=1M count=24 iflag=direct status=none | md5sum
}

copying()
{
	status_is data state Unsynchronized && [[ $(job_field data 3) == Running ]] &&
		(($(status data resync_bytes) > start_bytes))
}

# is_protected: status names the snapshot, and that is the replica as it was.
is_protected()
{
	cli status data
	same "what protects it" "$(get .Replica.ProtectedBy)" "$copy"
	same "lost" "$(get .Replica.ProtectionLost)" false
	run "$(dirname "$0")/lib/json-check.py" "$schema" <<<"$json"
	same "the snapshot" "$(mirrored "$copy")" "$before"
}

# followed KIND: a resync that is slow enough to be looked at.
followed()
{
	local n at
	begin "$1"
	left_behind
	run message data set resync_rate 1
	start_bytes=$(status data resync_bytes)
	cli resync data
	same "return_value" "$(get .return_value)" 4096
	for n in 1 2 3; do
		wait_for 30 "the copy to be under way" copying
		# It goes no further while somebody looks, however slow he is.
		hang_dev "$origin"
		defer unhang_dev "$origin"
		is_protected
		copying || fail "the copy is over"
		unhang_dev "$origin"
		dd if=/dev/urandom of=/dev/mapper/data bs=64k seek=$((n * 3)) count=2 oflag=direct \
			conv=notrunc status=none
		ktap_pause 1
	done
	at=$(get .Replica.ProtectedPointInTime)
	[[ $at == 20*Z ]] || fail "no point in time: $at"
	[[ $(mirrored "$leg") != "$before" ]] || fail "nothing was copied meanwhile"
	same "what udev is told of the snapshot" "$(replicactl __udev "$copy")" ""
	run message data set resync_rate auto
	run replicactl wait data --timeout 60s
	cli status data
	same "what protects it" "$(get .Replica.ProtectedBy)" null
	[[ ! -e $copy ]] || fail "the snapshot is still there"
	compare_legs "$origin" "$leg" "$(dev_sectors "$origin")"
	# And once more, as whatever is left would be in the way.
	left_behind
	run replicactl resync data
	run replicactl wait data --timeout 60s
	[[ ! -e $copy ]] || fail "the second snapshot is still there"
	run replicactl return-to-pool data
	[[ $1 != dm ]] || all_free "$pool"
}

# interrupted KIND: the copy stops in the middle, and the replica goes with its mapping and
# comes again; the snapshot stays the last consistent copy, and is not replaced.
interrupted()
{
	local meta
	begin "$1"
	left_behind
	run message data set resync_rate 1
	start_bytes=$(status data resync_bytes)
	run replicactl resync data
	wait_for 30 "the copy to be under way" copying
	meta=$(replicactl --json status data | jq -r .Replica.MetaDevice)
	run replicactl deactivate data
	same "the snapshot" "$(mirrored "$copy")" "$before"
	run replicactl activate "$meta"
	run message data set resync_rate 1
	start_bytes=0
	wait_for 60 "the copy to go on" copying_or_over
	if status_is data whole 0; then
		is_protected
		cli_returns 4 4 detach data
		complains "last consistent copy"
	fi
	run message data set resync_rate auto
	run replicactl wait data --timeout 60s
	[[ ! -e $copy ]] || fail "the snapshot is still there"
	compare_legs "$origin" "$leg" "$(dev_sectors "$origin")"
}

copying_or_over()
{
	copying || status_is data state Synchronized
}

# killed_at KIND CALL STEP: replicactl dies at every STEPth of its calls; the next one goes on, and at
# no time has the replica changed without the snapshot that is what it was.
killed_at()
{
	local n calls=many
	begin "$1"
	left_behind
	run message data set resync_rate 1
	for ((n = 1; ; n += $3)); do
		status_is data waits_protected 1 || message data resync >/dev/null
		killed_alone "$2" "$n" resync data || break
		if status_is data waits_protected 1; then
			asleep || same "the replica" "$(mirrored "$leg")" "$before"
		else
			same "the snapshot" "$(mirrored "$copy")" "$before"
			run message data set resync_rate auto
			run replicactl wait data --timeout 60s
			[[ ! -e $copy ]] || fail "the snapshot is still there"
			run message data set resync_rate 1
			left_behind
		fi
	done
	((n > 2 * $3)) || fail "it was not killed often enough"
	run message data set resync_rate auto
	run replicactl wait data --timeout 60s
	[[ ! -e $copy ]] || fail "the snapshot is still there"
	compare_legs "$origin" "$leg" "$(dev_sectors "$origin")"
}

# A leg of dm-thin is suspended while its snapshot is made. Who is killed then, and goes on
# without a snapshot, gets his replica back all the same.
killed_asleep()
{
	local calls at n
	begin dm
	left_behind
	message data resync >/dev/null
	calls_of ioctl resync data
	run replicactl wait data --timeout 60s
	at=$(grep -n 'DM_DEV_SUSPEND.*"data-replica"' "$dev_dir/calls" | head -n1 | cut -d: -f1)
	at_least "the call that suspends the leg" "${at:-0}" 1
	for n in 1 2 0 3 4; do
		left_behind
		message data resync >/dev/null
		killed_alone ioctl $((at + n)) resync data || true
		! asleep || break
		run replicactl wait data --timeout 60s
	done
	asleep || fail "it was not killed while the leg was suspended"
	same "waits" "$(status data waits_protected)" 1
	run message data set replica_timeout 2000
	run message data resync force
	wait_for 60 "the replica to be missed" status_is data state Broken
	run replicactl wait data --timeout 120s
	! asleep || fail "the leg is still suspended"
	wait_for 60 "the log to have it as whole" status_is data whole 1
	run replicactl wait data --timeout 60s
	[[ ! -e $copy ]] || fail "the snapshot is still there"
	compare_legs "$origin" "$leg" "$(dev_sectors "$origin")"
}

# Whoever was killed while the pool took the snapshot leaves it so; the next one wakes it.
asleep()
{
	[[ $(dmsetup info -c --noheadings -o suspended "$leg") == Suspended ]]
}

# No room for the snapshot: the resync waits on, and everybody is told how to go on.
no_room()
{
	begin thick 64M
	run lvcreate -qy -l 100%FREE -n rest vgt
	left_behind
	cli resync data
	same "return_value" "$(get .return_value)" 4096
	[[ $(get '.warnings | join(" ")') == *"are needed"* ]] || fail "no warning: $json"
	cli status data
	same "waits" "$(get .Replica.WaitsForProtection)" true
	same "progress" "$(get .Replica.ProgressStatus)" 20
	[[ $(get .Replica.Reason) == *"no snapshot of the replica"*"resync with force goes on without" ]] ||
		fail "the reason: $(get .Replica.Reason)"
	cli jobs data
	[[ $json == *"are needed"* ]] || fail "the job does not tell: $json"
	same "the replica" "$(mirrored "$leg")" "$before"
	# The origin goes on.
	timed 5 dd if=/dev/urandom of=/dev/mapper/data bs=64k count=2 oflag=direct conv=notrunc,fsync \
		status=none
	run lvremove -qy vgt/rest
	run replicactl resync data
	run replicactl wait data --timeout 60s
	compare_legs "$origin" "$leg" "$(dev_sectors "$origin")"
	run lvcreate -qy -l 100%FREE -n rest vgt
	left_behind
	run replicactl resync data
	run replicactl resync --force data
	run replicactl wait data --timeout 60s
	compare_legs "$origin" "$leg" "$(dev_sectors "$origin")"
}

# A store that is too small for what comes meanwhile is said to be lost, and nothing else fails.
overflows()
{
	local watcher
	begin thick
	left_behind
	run message data set resync_rate 1
	start_bytes=$(status data resync_bytes)
	message data resync >/dev/null
	wait_for 20 "the resync to wait" status_is data waits_protected 1
	replicactl __protect --store-size 1M data >/dev/null 2>&1 &
	watcher=$!
	defer end_load "$watcher"
	wait_for 60 "the copy to be under way" copying
	wait_for 60 "the store to be full" is_lost
	same "what protects it" "$(get .Replica.ProtectedBy)" null
	status_is data state Unsynchronized || fail "the copy is over"
	cli_text status data
	[[ $text == *"the store of $copy was full"* ]] || fail "status does not tell"
	run message data set resync_rate auto
	wait_for 60 "the legs to be in step" status_is data state Synchronized
	wait_for 60 "the snapshot to be removed" test ! -e "$copy"
	end_load "$watcher"
	compare_legs "$origin" "$leg" "$(dev_sectors "$origin")"
}

is_lost()
{
	cli status data
	[[ $(get .Replica.ProtectionLost) == true ]]
}

# At the end of a replica its snapshot goes, but not that of one that is torn.
ends()
{
	begin "$1"
	left_behind
	run message data set resync_rate 1
	start_bytes=$(status data resync_bytes)
	run replicactl resync data
	wait_for 30 "the copy to be under way" copying
	cli_returns 4 4 return-to-pool data
	complains "last consistent copy"
	is_protected
	run replicactl return-to-pool --force data
	[[ ! -e $copy ]] || fail "the snapshot is still there"
	[[ ! -e $leg ]] || fail "the target is still there"
	[[ $1 != dm ]] || all_free "$pool"
}

# What a replica has left behind is nobody's, and no later one of its name takes it away.
kept()
{
	begin "$1" 160M
	left_behind
	run message data set resync_rate 1
	start_bytes=$(status data resync_bytes)
	run replicactl resync data
	wait_for 30 "the copy to be under way" copying
	run replicactl remove data
	same "the snapshot" "$(mirrored "$copy")" "$before"
	run replicactl create "$origin" --name data --pool "$pool_of" --meta pool \
		--protect snapshot --wait-for synchronized --timeout 60s
	protects_nothing
	run replicactl wait data --timeout 60s
	wait_for 20 "the log to have it as whole" status_is data whole 1
	run replicactl wait data --timeout 60s
	same "the snapshot" "$(mirrored "$copy")" "$before"
	run message data fracture
	put /dev/mapper/data 4 2
	cli resync data
	[[ $(get '.warnings | join(" ")') == *data-protect* ]] || fail "no warning: $json"
	same "waits" "$(status data waits_protected)" 1
	same "the snapshot" "$(mirrored "$copy")" "$before"
	protects_nothing
	run replicactl resync --force data
	run replicactl wait data --timeout 60s
	same "the snapshot" "$(mirrored "$copy")" "$before"
}

# protects_nothing: whatever has the name of the snapshot is none of this replica.
protects_nothing()
{
	cli status data
	same "what protects it" "$(get .Replica.ProtectedBy)" null
	same "incomplete" "$(get .Replica.ProtectionIncomplete)" false
}

# A snapshot of which nobody has seen that the resync waited for it is no consistent copy, and
# is not said to be one. Whoever was to see it is played by the tag.
incomplete()
{
	begin thick
	left_behind
	run message data set resync_rate 1
	start_bytes=$(status data resync_bytes)
	run replicactl resync data
	wait_for 30 "the copy to be under way" copying
	is_protected
	run lvchange -qq --deltag dm-replica-whole vgt/data-protect
	cli status data
	same "what protects it" "$(get .Replica.ProtectedBy)" null
	same "point in time" "$(get .Replica.ProtectedPointInTime)" null
	same "incomplete" "$(get .Replica.ProtectionIncomplete)" true
	same "lost" "$(get .Replica.ProtectionLost)" false
	run "$(dirname "$0")/lib/json-check.py" "$schema" <<<"$json"
	cli_text status data
	[[ $text == *"$copy is not complete, and may be torn"* ]] || fail "status does not tell"
	run message data set resync_rate auto
	run replicactl wait data --timeout 60s
	[[ ! -e $copy ]] || fail "the snapshot is still there"
	compare_legs "$origin" "$leg" "$(dev_sectors "$origin")"
}

# Both legs are volumes of one pool of dm-thin. When a failover by force has put the leg that has
# the snapshot in the place of the origin, return-to-pool gives back the other one alone.
same_pool()
{
	local disk first=/dev/mapper/first-replica
	new_loop disk 24M
	fill "$disk" 3
	new_linear origin "$disk"
	new_pool 192M
	copy=/dev/mapper/data-protect
	defer dm_gone first
	run replicactl create "$origin" --name first --pool "$pool" --meta pool \
		--wait-for synchronized --timeout 60s
	run replicactl detach first
	defer dm_gone data
	run replicactl create "$first" --name data --pool "$pool" --meta pool \
		--protect snapshot --wait-for synchronized --timeout 60s
	wait_for 20 "the log to have it as whole" status_is data whole 1
	run replicactl reverse data
	leg=$first
	left_behind
	run message data set resync_rate 1
	start_bytes=$(status data resync_bytes)
	cli resync data
	same "return_value" "$(get .return_value)" 4096
	wait_for 30 "the copy to be under way" copying
	is_protected
	run replicactl failover --force data
	same "what protects it" "$(mirrored "$copy")" "$before"
	run replicactl return-to-pool --force data
	[[ ! -e /dev/mapper/data-replica ]] || fail "the target is still there"
	[[ -e $first ]] || fail "the origin is gone"
	same "the snapshot of the origin" "$(mirrored "$copy")" "$before"
}

# A command that is refused takes nothing away: the resync may be about to get its answer. Who
# was to give it is killed when the snapshot is there.
refused_end()
{
	local calls n
	begin "$1"
	left_behind
	message data resync >/dev/null
	calls_of sendmsg,sendto resync data
	run replicactl wait data --timeout 60s
	for ((n = calls; n > 0; n--)); do
		left_behind
		message data resync >/dev/null
		killed_alone sendmsg,sendto "$n" resync data || true
		! unanswered || break
		run replicactl wait data --timeout 60s
	done
	unanswered || fail "it was not killed before its answer"
	cli_returns 4 4 detach data
	cli_returns 4 4 return-to-pool data
	unanswered || fail "the snapshot is gone, or the resync goes on"
	same "the snapshot" "$(mirrored "$copy")" "$before"
	run replicactl wait data --timeout 60s
	[[ ! -e $copy ]] || fail "the snapshot is still there"
	compare_legs "$origin" "$leg" "$(dev_sectors "$origin")"
}

# It is refused for another snapshot: then the one that protects the replica stays.
refused_return()
{
	begin thick
	run replicactl test-failover data
	left_behind
	run message data set resync_rate 1
	start_bytes=$(status data resync_bytes)
	cli resync data
	wait_for 30 "the copy to be under way" copying
	cli_returns 4 4 return-to-pool data --force
	complains "has snapshots"
	is_protected
	run message data set resync_rate auto
	run replicactl wait data --timeout 60s
	run replicactl test-failover --end data
	compare_legs "$origin" "$leg" "$(dev_sectors "$origin")"
}

unanswered()
{
	status_is data waits_protected 1 && [[ -e $copy ]]
}

# first_leg: the origin, as the table names it.
first_leg()
{
	dmsetup table data | cut -d " " -f 4
}

# changed: what has taken the place of the origin has 20 MiB that the former one lacks.
changed()
{
	dd if=/dev/urandom of=/dev/mapper/data bs=1M seek=1 count=20 oflag=direct conv=notrunc,fsync \
		status=none
}

# A failback copies to the former origin: it is that which has a snapshot meanwhile. When the
# legs have their places back nothing is left of it, though it is one of the origin then.
way_back()
{
	local first=/dev/mapper/vgt-first copy=/dev/mapper/vgt-data--protect places
	new_vg vgt 128M
	run lvcreate -qq -y -Wn -Zn -n first -L 24M vgt
	fill "$first" 3
	defer dm_gone data
	run replicactl create "$first" --name data --pool vgt --meta pool --protect snapshot \
		--wait-for synchronized --timeout 60s
	places=$(first_leg)
	before=$(mirrored "$first")
	run replicactl failover data
	changed
	run message data set resync_rate 1
	start_bytes=$(status data resync_bytes)
	cli failback data
	same "return_value" "$(get .return_value)" 4096
	wait_for 30 "the copy to be under way" copying
	is_protected
	run message data set resync_rate auto
	run replicactl wait data --timeout 60s
	same "the origin" "$(first_leg)" "$places"
	[[ ! -e $copy ]] || fail "the snapshot is still there"
	cli status data
	same "what protects it" "$(get .Replica.ProtectedBy)" null
	compare_legs "$first" /dev/mapper/vgt-data--replica "$(dev_sectors "$first")"
	run replicactl return-to-pool data
}

# A former origin that can have none: the failback waits, says why, and goes on by force.
no_volume()
{
	local places
	begin thick
	places=$(first_leg)
	run replicactl failover data
	before=$(mirrored "$origin")
	changed
	cli failback data
	same "return_value" "$(get .return_value)" 4096
	same "waits_protected" "$(status data waits_protected)" 1
	[[ $(status data reason) == no_snapshot_of_the_replica:* ]] ||
		fail "reason: $(status data reason)"
	same "the former origin" "$(mirrored "$origin")" "$before"
	run replicactl resync --force data
	run replicactl wait data --timeout 60s
	same "the origin" "$(first_leg)" "$places"
	compare_legs "$origin" "$leg" "$(dev_sectors "$origin")"
}

# What cannot have a snapshot is refused before anything is made.
refusals()
{
	local disk meta
	new_loop origin 8M
	new_loop disk 9M
	new_loop meta 1M
	cli_returns 1 1 create "$origin" "$disk" --name data --meta "$meta" --protect snapshot
	complains "no logical volume"
	cli_returns 5 5 create "$origin" "$disk" --name data --protect snapshot
	complains "meta device"
	cli_returns 5 64 create "$origin" "$disk" --name data --meta "$meta" --protect copy
	complains "none or snapshot"
	[[ ! -e /dev/mapper/data ]] || fail "something was made"
	new_replica data "$origin" "$disk" --meta "$meta"
	cli_returns 1 1 set data protect=snapshot
	complains "no logical volume"
	same "protect" "$(replicactl --json status data | jq -r .Replica.ReplicationSettings.ProtectDescription)" none
}

ktap_header
for kind in thick thin dm; do
	ktap_case "a $kind volume is protected while it is resynced" followed "$kind"
	ktap_case "and when that is interrupted ($kind)" interrupted "$kind"
	ktap_case "at the end of the replica ($kind)" ends "$kind"
done
ktap_case "killed at calls of device-mapper (thick)" killed_at thick ioctl 11
ktap_case "killed at calls of device-mapper (dm)" killed_at dm ioctl 11
ktap_case "killed at messages (thin)" killed_at thin sendmsg,sendto 2
ktap_case "killed while the leg is suspended (dm)" killed_asleep
ktap_case "a command that is refused takes nothing away" refused_end dm
ktap_case "nor does a return that is refused" refused_return
ktap_case "what a replica has left (thick)" kept thick
ktap_case "what a replica has left (dm)" kept dm
ktap_case "a snapshot that was not completed is not taken for a copy" incomplete
ktap_case "both legs in one pool: that of the origin stays" same_pool
ktap_case "no room for the snapshot" no_room
ktap_case "a store that overflows" overflows
ktap_case "a failback: nothing is left of the snapshot of the former origin" way_back
ktap_case "a failback to what can have no snapshot" no_volume
ktap_case "refusals" refusals
ktap_finish
