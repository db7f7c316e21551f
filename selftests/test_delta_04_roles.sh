#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=540
#
# Delta updates of legs that change places, and of a replica that is to be protected from then
# on: what status says of a point in time is of the leg that is the replica now, and nothing is
# sent to a replica that lacks something before its state says so. Of a device that grows. And of
# a replica that could not be looked at when it was activated: it is when it can be, though it
# gets no writes.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/delta.sh"

day=86400000

# sum DEVICE: of what is on it, not of what is cached.
sum()
{
	dd if="$1" bs=1M iflag=direct status=none | sha256sum
}

# The former origin is of the moment of the failover, whenever the last update was.
failed_over()
{
	local point
	delta_legs 8
	new_delta "$day"
	put /dev/mapper/r 0 2
	update
	point=$(sum "$replica")
	ktap_pause 4
	put /dev/mapper/r 4 2
	refuse message r failover
	run message r failover force
	same "state, whole" "$(status r state whole)" $'Failedover\n1'
	same "what is read" "$(sum /dev/mapper/r)" "$point"
	at_most "consistent_age_ms" "$(status r consistent_age_ms)" 3500
	# Without a way back the updates go on, to the former origin.
	run message r resync
	wait_for 30 "the update" in_sync r
	compare_legs "$origin" "$replica"
	at_most "point_age_ms" "$(status r point_age_ms)" 30000
	idle r
}

# Nothing was written since the last update: the legs are equal, and may change places.
reversed()
{
	local told
	delta_legs 16
	new_delta "$day"
	put /dev/mapper/r 0 2
	refuse message r reverse_roles
	update
	ktap_pause 4
	run message r reverse_roles
	same "state, consistent_now" "$(status r state consistent_now)" $'Synchronized\n1'
	at_most "point_age_ms" "$(status r point_age_ms)" 3500
	replica=$origin
	run dd if="$origin" of="$before" bs=1M iflag=direct status=none
	point_writer
	told=$(returned)
	update
	untouched wait_for 30 "more writes" more_than "$((told + 50))"
	is_point "$told"
	stop_point_writer
	idle r
}

# What is new is carried at once: until then the replica is no copy of what people use.
grown()
{
	local mirror_sectors=16384
	delta_legs 16
	put "$origin" 9 4
	new_delta "$day"
	put /dev/mapper/r 0 1
	update
	put /dev/mapper/r 3 1
	mirror_sectors=32768
	run dmsetup reload r --table \
		"$(mirror_table "$origin" "$replica" sync skip region_size 128 delta_ms "$day")"
	run dmsetup resume r
	wait_for 30 "the update" in_sync r
	compare_legs "$origin" "$replica"
	# What is not new is carried when that is due.
	put /dev/mapper/r 5 1
	run dmsetup suspend r
	run dmsetup resume r
	same "state" "$(status r state)" Synchronized
	at_least "dirty_regions" "$(status r dirty_regions)" 16
}

waits()
{
	status_is r waits_protected 1
}

# switched [FEATURE VALUE]...: the same table without delta updates, and with the protection of
# the replica.
switched()
{
	run dmsetup reload r --table \
		"$(mirror_table "$origin" "$replica" region_size 128 protect snapshot "$@")"
	run dmsetup resume r
}

# The replica lacks what was written since the last point, and is whole.
protected()
{
	local mirror_meta old
	delta_legs 8
	new_loop mirror_meta 1M
	new_delta "$day"
	put /dev/mapper/r 0 2
	update
	old=$(sum "$replica")
	put /dev/mapper/r 4 1
	switched
	wait_for 20 "the resync to wait" waits
	put /dev/mapper/r 6 1
	wait_for 20 "the log to have it as whole" status_is r whole 1
	same "state" "$(status r state)" Unsynchronized
	same "the replica" "$(sum "$replica")" "$old"
	run message r protected "$(job_field r 1)"
	synced r
	compare_legs "$origin" "$replica"
}

# point: what the replica has of the first 8 MiB.
point()
{
	dd if="$replica" bs=1M count=8 iflag=direct status=none | sha256sum
}

# By a table that is larger too: what is new waits with the rest.
grown_protected()
{
	local mirror_meta mirror_sectors=16384 old
	delta_legs 16
	new_loop mirror_meta 1M
	new_delta "$day"
	put /dev/mapper/r 0 2
	update
	old=$(point)
	put /dev/mapper/r 4 1
	mirror_sectors=24576
	switched
	wait_for 20 "the resync to wait" waits
	wait_for 20 "the log to have it as whole" status_is r whole 1
	same "the replica" "$(point)" "$old"
	run message r protected "$(job_field r 1)"
	synced r
	compare_legs "$origin" "$replica" "$mirror_sectors"
}

# In the middle of an update there is nothing that a snapshot would be of use for.
torn()
{
	local mirror_meta
	delta_legs 16
	new_loop mirror_meta 1M
	new_delta "$day" resync_rate 1
	put /dev/mapper/r 0 12
	message r confirm 120000 >/dev/null &
	defer end_load $!
	wait_for 20 "the update to begin" is r Unsynchronized
	same "whole" "$(status r whole)" 0
	switched resync_rate 1
	same "whole, waits_protected" "$(status r whole waits_protected)" $'0\n0'
	run message r set resync_rate auto
	synced r
	wait_for 20 "the log to have it as whole" status_is r whole 1
	compare_legs "$origin" "$replica"
}

# unread: r is activated with a replica that cannot be read, and nothing to be copied; $leg is
# what it lies on, $more what is in the table besides.
unread()
{
	new_loop origin 8M
	new_loop leg 9M
	new_loop mirror_meta 1M
	new_linear weak "$leg"
	new_mirror r "$origin" "$weak" region_size 128 delta_ms "$day"
	synced r
	dm_gone r
	"$@"
	break_dev "$weak"
	# shellcheck disable=SC2086 # words
	run dmsetup create r --table \
		"$(mirror_table "$origin" "$weak" region_size 128 delta_ms "$day" ${more:-})"
	is_pending || fail "the label is not pending"
	heal_dev "$weak"
}

is_pending()
{
	cli dump "$mirror_meta"
	[[ $(get .Log.LabelPending) == true ]]
}

is_labelled()
{
	! is_pending
}

late_label()
{
	local mirror_meta leg weak
	unread true
	wait_for 90 "the label to be written" is_labelled
	same "state" "$(status r state)" Synchronized
	put /dev/mapper/r 0 2
	update
	compare_legs "$origin" "$weak" "$(dev_sectors "$origin")"
}

# Its label is gone, so it is another device, or was written to by others. By itself it would be
# copied to at once, as one that is new.
another_replica()
{
	local mirror_meta leg weak more="recovery manual"
	unread no_label
	wait_for 90 "the label to be missed" is r Broken
	[[ $(status r reason) == replica_has_lost_its_label* ]] ||
		fail "reason: $(status r reason)"
}

no_label()
{
	run dd if=/dev/zero of="$leg" bs=4k seek=$((9 * 256 - 1)) count=1 oflag=direct \
		conv=notrunc status=none
}

ktap_header
ktap_case "after a failover the point in time is that of the failover" failed_over
ktap_case "legs without anything to carry change places, and updates go on" reversed
ktap_case "a device that grows is carried at once" grown
ktap_case "switched off for a protected resync: it is asked for first" protected
ktap_case "the same by a table that is larger too" grown_protected
ktap_case "the same in the middle of an update: there is nothing to protect" torn
ktap_case "a label that could not be read is, between updates too" late_label
ktap_case "a replica that has lost its label is found out between updates" another_replica
ktap_finish
