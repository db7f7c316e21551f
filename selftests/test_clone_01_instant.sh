#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# Role clone: the replica becomes what the origin was at the first resume, byte by byte,
# whatever is written to the origin meanwhile; and then it is left alone. Each case keeps an
# image of the origin from before and compares the replica with that.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/clone.sh"

# waited COUNT: the writes of a case were in the way of the copy, or it shows nothing.
waited()
{
	at_least "writes that waited for the copy" "$(status r resync_waits)" "$1"
}

# Random writes that overlap each other and the copy, of all sizes.
under_load()
{
	clone_legs 16
	point_in_time
	new_clone r resync_rate 1 "$@"
	put /dev/mapper/r 12 4
	run fio --name=load --filename=/dev/mapper/r --direct=1 --rw=randwrite \
		--bsrange=512-64k --ioengine=libaio --iodepth=16 --numjobs=2 --size=16M \
		--io_size=8M --norandommap=1 --randrepeat=0 --thread --minimal --output=/dev/null
	waited 1
	run message r set resync_rate auto
	synced r
	is_point_in_time
	same "the job" "$(job_field r 2) $(job_field r 3)" "clone Completed"
	! cmp -s -n 12582912 "$origin" "$replica" || fail "fio wrote nothing"
	idle r
}

# All of it, from the end to the start, against the walk.
overwritten()
{
	local mib
	clone_legs 8
	point_in_time
	new_clone r region_size 64 resync_rate 1
	for mib in 7 6 5 4 3 2 1 0; do
		put /dev/mapper/r "$mib" 1
	done
	waited 8
	say "all that was written has been copied"
	wait_for 20 "the clone to be complete" in_sync r
	is_point_in_time
}

# What has no data destroys as well.
discarded()
{
	clone_legs 16
	point_in_time
	new_clone r resync_rate 1
	run blkdiscard --offset 1M --length 3M /dev/mapper/r
	run blkdiscard --zeroout --offset 6M --length 3M /dev/mapper/r
	waited 2
	run message r set resync_rate auto
	synced r
	is_point_in_time
	run cmp -n 3145728 /dev/zero <(dd if="$origin" bs=1M skip=6 iflag=direct status=none)
}

# Flushes and reads do not wait, and what is read is the origin.
read_back()
{
	clone_legs 16
	point_in_time
	new_clone r resync_rate 1
	spray /dev/mapper/r --size=4M
	same "reads that the replica served" "$(status r read_failovers)" 0
	run message r set resync_rate auto
	synced r
	is_point_in_time
}

# When it is complete the replica is not used any more, whatever becomes of it.
left_alone()
{
	clone_legs 8
	new_linear weak "$replica"
	point_in_time
	new_mirror r "$origin" "$weak" role clone
	synced r
	same "reason" "$(status r reason)" clone_is_complete
	same "progress" "$(status r progress)" 2
	break_dev "$weak"
	put /dev/mapper/r 0 8
	run sync /dev/mapper/r
	refuse message r verify
	same "state" "$(status r state replica_errors resync_waits)" $'Synchronized\n0\n0'
	run dmsetup suspend r
	run dmsetup resume r
	put /dev/mapper/r 0 1
	same "state" "$(status r state replica_errors)" $'Synchronized\n0'
	heal_dev "$weak"
	is_point_in_time
}

suspended()
{
	slow_clone r
	start_load /dev/mapper/r
	for _ in 1 2 3; do
		run dmsetup suspend r
		run dmsetup resume r
	done
	reload r "$(mirror_table "$origin" "$replica" role clone region_size 128 resync_rate 4)"
	stop_load
	run message r set resync_rate auto
	synced r
	is_point_in_time
	same "the job" "$(job_field r 1) $(job_field r 2) $(job_field r 3)" "1 clone Completed"
}

# refused WORD...: and nothing has changed.
refused()
{
	dmesg_mark
	refuse message r "$@"
	[[ -z ${because:-} ]] || dmesg_has "$because" || fail "no sentence"
	same "state" "$(status r state)" Unsynchronized
}

operations()
{
	local word because="a clone has no such operation: abort and resume are all"
	slow_clone r
	for word in activate deactivate fracture resync suspend split reset_to_sync reset_to_async \
		reset_to_adaptive reverse_roles failover failback restore prepare; do
		refused "$word"
	done
	for word in resync failover restore prepare; do
		refused "$word" force
	done
	because=
	refused resume
	refused verify
	refused confirm 100
	run message r abort
	same "state, progress" "$(status r state progress)" $'Aborted\n22'
	same "the job" "$(job_field r 2) $(job_field r 3)" "clone Terminated"
	timed 5 put /dev/mapper/r 0 16
	compare_legs "$origin" /dev/mapper/r
	refuse message r resync
	refuse message r resume
	refuse message r abort
}

# stays TABLE: it is not loaded, and nothing has changed.
stays()
{
	local before
	before=$(dmsetup table r)
	refuse dmsetup load r --table "$1"
	same "the table" "$(dmsetup table r)" "$before"
	same "a second table" "$(dmsetup info -c --noheadings -o tables_loaded r)" Live
}

# Other tables would begin another instant, or none.
kept()
{
	local role=(region_size 128 resync_rate 4 role clone)
	slow_clone r
	put /dev/mapper/r 0 1
	stays "$(mirror_table "$origin" "$replica" role clone region_size 64)"
	stays "$(mirror_table "$origin" "$replica" region_size 128 resync_rate 4)"
	stays "$(mirror_sectors=16384 mirror_table "$origin" "$replica" "${role[@]}")"
	refuse message r set rpo 1000
	reload r "$(mirror_table "$origin" "$replica" "${role[@]}")"
	run message r set resync_rate auto
	synced r
	is_point_in_time
	stays "$(mirror_sectors=16384 mirror_table "$origin" "$replica" "${role[@]}")"
	# As a mirror it begins with a copy, whatever the table says.
	put /dev/mapper/r 2 2
	dmesg_mark
	reload r "$(mirror_table "$origin" "$replica" sync skip region_size 128)"
	dmesg_has "r: sync skip is not believed" || fail "sync skip was believed"
	synced r
	compare_legs "$origin" "$replica"
}

grammar()
{
	local table
	clone_legs 8
	for table in "async 2 role clone" "sync 4 role clone sync skip" "sync 2 role copy" \
		"sync 4 role clone rpo 1000" "sync 4 role clone role clone"; do
		refuse dmsetup create r --table "0 16384 replica $origin $replica - $table"
	done
	new_clone r
	table=$(dmsetup table r)
	[[ $table == *" role clone" ]] || fail "the role is not in the table: $table"
	synced r
	dm_gone r
	run dmsetup create r --table "$table"
	same "the same table" "$(dmsetup table r)" "$table"
}

ktap_header
ktap_case "random writes while it is copied" under_load
ktap_case "the same, with the smallest regions" under_load region_size 8
ktap_case "everything is overwritten" overwritten
ktap_case "discards and zeroes" discarded
ktap_case "reads are of the origin" read_back
ktap_case "a complete clone is left alone" left_alone
ktap_case "suspend, resume and reload while it is copied" suspended
ktap_case "the operations of the role" operations
ktap_case "tables that would lose the instant are refused" kept
ktap_case "the table line, both ways" grammar
ktap_finish
