#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=300
#
# Tables exchanged under load: the same legs keep state, log and jobs; more length copies
# only what is new; other legs are copied in full.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

settings()
{
	local i
	twins 8
	new_mirror r "$origin" "$replica" sync skip
	start_load /dev/mapper/r --size=8M --verify=crc32c --verify_backlog=64 --verify_fatal=1
	for ((i = 1; i <= 5; i++)); do
		reload r "$(mirror_table "$origin" "$replica" resync_rate "$i" payload shared)"
		reload r "$(mirror_table "$origin" "$replica" resync_rate "$((i + 10))")"
		same "state" "$(status r state)" Synchronized
	done
	stop_load
	same "resync_bytes" "$(status r resync_bytes)" 0
	same "jobs" "$(message r jobs | wc -l)" 0
	[[ $(dmsetup table r) == *" resync_rate 15 "* ]] || fail "the table is not the last one"
	idle r
	compare_legs "$origin" "$replica"
}

# What was tracked before is known after, whatever the feature sync says.
keeps_log()
{
	twins 8
	new_mirror r "$origin" "$replica" sync skip region_size 128
	run message r fracture
	put /dev/mapper/r 2 1
	reload r "$(mirror_table "$origin" "$replica" sync skip region_size 128)"
	same "state" "$(status r state)" Fractured
	same "dirty_bytes" "$(status r dirty_bytes)" $((1 << 20))
	reload r "$(mirror_table "$origin" "$replica" region_size 128)"
	same "state" "$(status r state)" Fractured
	same "dirty_bytes" "$(status r dirty_bytes)" $((1 << 20))
	run message r resync
	synced r
	same "the bytes of the job" "$(job_field r 5)" $((1 << 20))
	compare_legs "$origin" "$replica"
}

# A job goes on with its number, and with a rate of the new table.
keeps_job()
{
	new_loop origin 24M
	new_loop replica 24M
	put "$origin" 0 24
	new_mirror r "$origin" "$replica" resync_rate 1
	reload r "$(mirror_table "$origin" "$replica" resync_rate 2)"
	same "the job" "$(job_field r 1) $(job_field r 3)" "1 Running"
	reload r "$(mirror_table "$origin" "$replica")"
	synced r
	same "jobs" "$(message r jobs | wc -l)" 1
	say "the region that was half copied when the table changed begins anew"
	at_most "resync_bytes" "$(status r resync_bytes)" $(((24 + 2) << 20))
	compare_legs "$origin" "$replica"
}

grown()
{
	twins 16
	put "$origin" 8 8
	mirror_sectors=16384 new_mirror r "$origin" "$replica" sync skip region_size 128
	start_load /dev/mapper/r --size=8M
	reload r "$(mirror_table "$origin" "$replica" sync skip region_size 128)"
	same "size" "$(status r size)" $((16 << 20))
	stop_load
	synced r
	same "resync_bytes" "$(status r resync_bytes)" $((8 << 20))
	put /dev/mapper/r 15 1
	idle r
	compare_legs "$origin" "$replica"
}

# The old end was in the middle of a region; both lengths are odd.
grown_oddly()
{
	twins 8
	put "$origin" 3 5
	mirror_sectors=$((6144 + 9)) new_mirror r "$origin" "$replica" region_size 128
	synced r
	reload r "$(mirror_sectors=8195 mirror_table "$origin" "$replica" region_size 128)"
	synced r
	same "size" "$(status r size)" $((8195 * 512))
	at_most "resync_bytes" "$(status r resync_bytes)" $(((6153 + 8195 - 6144) * 512))
	compare_legs "$origin" "$replica" 8195
}

# Shorter again: nothing is copied, nothing behind the new end is touched.
shrunk()
{
	twins 16
	new_mirror r "$origin" "$replica" sync skip region_size 128
	run message r fracture
	put /dev/mapper/r 15 1
	put /dev/mapper/r 1 1
	reload r "$(mirror_sectors=16384 mirror_table "$origin" "$replica" region_size 128)"
	same "dirty_bytes" "$(status r dirty_bytes)" $((1 << 20))
	run message r resync
	synced r
	compare_legs "$origin" "$replica" 16384
	refuse cmp -s "$origin" "$replica"
}

other_legs()
{
	local third
	twins 8
	new_loop third 8M
	new_mirror r "$origin" "$replica" sync skip
	start_load /dev/mapper/r --size=8M
	reload r "$(mirror_table "$origin" "$third")"
	stop_load
	synced r
	at_least "resync_bytes" "$(status r resync_bytes)" $((8 << 20))
	idle r
	compare_legs "$origin" "$third"
}

# Another region size cannot use the old log.
other_regions()
{
	twins 8
	new_mirror r "$origin" "$replica" sync skip region_size 128
	run message r fracture
	put /dev/mapper/r 2 1
	reload r "$(mirror_table "$origin" "$replica" region_size 64)"
	synced r
	compare_legs "$origin" "$replica"
}

# To another target and back, as when an administrator detaches.
to_linear()
{
	twins 8
	new_mirror r "$origin" "$replica" sync skip
	start_load /dev/mapper/r --size=8M
	reload r "0 16384 linear $origin 0"
	stop_load
	refuse dmsetup message r 0 jobs
	reload r "$(mirror_table "$origin" "$replica")"
	synced r
	compare_legs "$origin" "$replica"
}

renamed()
{
	local i
	twins 8
	new_mirror r "$origin" "$replica" sync skip
	defer dm_gone other
	start_load /dev/mapper/r --size=8M
	for ((i = 0; i < 5; i++)); do
		run dmsetup rename r other
		run dmsetup rename other r
	done
	stop_load
	idle r
	compare_legs "$origin" "$replica"
}

# Loaded and cleared, loaded twice, never resumed: nothing is left.
never_resumed()
{
	local refs
	twins 8
	new_mirror r "$origin" "$replica" sync skip
	refs=$(cat /sys/module/dm_replica/refcnt)
	run dmsetup load r --table "$(mirror_table "$origin" "$replica")"
	run dmsetup load r --table "$(mirror_table "$origin" "$replica")"
	run dmsetup clear r
	same "references of the module" "$(cat /sys/module/dm_replica/refcnt)" "$refs"
	run dmsetup load r --table "$(mirror_table "$origin" "$replica")"
	run dmsetup remove r
	same "references of the module" "$(cat /sys/module/dm_replica/refcnt)" 0
	compare_legs "$origin" "$replica"
}

ktap_header
ktap_case "other settings keep the state, under load" settings
ktap_case "the dirty log is kept" keeps_log
ktap_case "a job is kept" keeps_job
ktap_case "a longer table copies what is new" grown
ktap_case "a longer table, odd lengths" grown_oddly
ktap_case "a shorter table copies nothing" shrunk
ktap_case "other legs are copied in full" other_legs
ktap_case "another region size copies in full" other_regions
ktap_case "to linear and back" to_linear
ktap_case "rename under load" renamed
ktap_case "tables that are never resumed leave nothing" never_resumed
ktap_finish
