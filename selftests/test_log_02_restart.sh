#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=240
#
# The log on a meta device (P3): what is copied after a restart is what may differ, and
# the association goes on where it was.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

setup()
{
	new_loop origin 16M
	new_loop replica 16M
	new_loop mirror_meta 1M
	put "$origin" 0 16
}

start()
{
	new_mirror r "$origin" "$replica" "$@"
}

restart()
{
	run dmsetup remove r
	start
}

in_order()
{
	setup
	start region_size 128
	synced r
	put /dev/mapper/r 4 4
	restart
	same "state" "$(status r state)" Synchronized
	same "dirty_regions" "$(status r dirty_regions)" 0
	same "resync_bytes" "$(status r resync_bytes)" 0
	same "region_size" "$(status r region_size)" 65536
	put /dev/mapper/r 8 2
	run dmsetup remove r
	compare_legs "$origin" "$replica"
}

# The power goes: copies of all three devices are what is found afterwards, that of the log
# first. Writes may go on meanwhile to what the log has as dirty. Nothing here has a volatile
# cache.
crash()
{
	local device copy
	for device in mirror_meta origin replica; do
		copy=$dev_dir/crash-$device
		defer rm -f "$copy"
		cp --sparse=always "$(losetup -n -O BACK-FILE "${!device}")" "$copy"
		printf -v "$device" %s "$(losetup --show -f "$copy")"
		defer loop_gone "${!device}"
	done
}

# A replica that overflow fail has stopped waits for an order, after a restart too.
stopped()
{
	setup
	new_linear weak "$replica"
	replica=$weak
	start region_size 128 overflow fail queue_bytes 4194304
	synced r
	run message r reset_to_async
	hang_dev "$weak"
	defer unhang_dev "$weak"
	put /dev/mapper/r 0 16
	wait_for 20 "the replica to be stopped" is r Broken
	unhang_dev "$weak"
	restart
	same "state" "$(status r state)" Suspended
	at_least "dirty_regions" "$(status r dirty_regions)" 1
	run message r resume
	synced r
	compare_legs "$origin" "$replica"
}

after_a_crash()
{
	local exposed
	setup
	start region_size 128
	synced r
	wait_for 20 "the log to be clean" status_is r active_regions 0
	# Otherwise they might be clean again before anybody looks.
	start_load /dev/mapper/r --offset=1M --size=320k
	wait_for 20 "five regions to be active" status_is r active_regions 5
	exposed=$(status r exposed_bytes)
	same "exposed_bytes" "$exposed" $((5 * 65536))
	crash
	same "active_regions" "$(status r active_regions)" 5
	stop_load
	run dmsetup remove r
	start
	synced r
	same "resync_bytes" "$(status r resync_bytes)" "$exposed"
	compare_legs "$origin" "$replica"
}

# What an administrator has ordered stays so.
state_stays()
{
	local operation state
	setup
	start region_size 128
	synced r
	for operation in fracture split suspend deactivate; do
		run message r "$operation"
		state=$(status r state)
		run dd if=/dev/urandom of=/dev/mapper/r bs=64k seek=32 count=3 oflag=direct \
			conv=notrunc status=none
		restart
		same "state after $operation" "$(status r state)" "$state"
		same "dirty_regions after $operation" "$(status r dirty_regions)" 3
		message r resume || message r activate || message r resync
		synced r
		compare_legs "$origin" "$replica"
	done
}

# The job goes on under its number, and what was copied is not copied again.
job_goes_on()
{
	local before
	setup
	start region_size 128 resync_rate 2
	wait_for 20 "half of the copy" copied 6000000
	run dmsetup remove r
	start
	same "the job's number" "$(job_field r 1)" 1
	before=$(job_field r 5)
	at_least "bytes done before" "$before" 4000000
	synced r
	same "the job's number" "$(job_field r 1)" 1
	same "the job's state" "$(job_field r 3)" Completed
	at_most "copied after the restart" "$(status r resync_bytes)" $((16 * 1048576 - 4000000))
	run dmsetup remove r
	compare_legs "$origin" "$replica"
}

copied()
{
	(($(status r resync_bytes) >= $1))
}

# More regions are written to than the log has room for.
bounded()
{
	new_loop origin 64M
	new_loop replica 64M
	new_loop mirror_meta 1M
	start region_size 64 activity 512 sync skip
	run fio --name=wide --filename=/dev/mapper/r --direct=1 --rw=randwrite --bs=4k --size=64M \
		--ioengine=libaio --iodepth=16 --number_ios=3000 --minimal --output=/dev/null
	at_most "active_regions" "$(status r active_regions)" 512
	at_least "log_waits" "$(status r log_waits)" 1000
	run dmsetup remove r
	compare_legs "$origin" "$replica"
}

# More writes wait at once than the log has room for, for a meta device that is slow.
burst()
{
	local disk
	new_loop origin 64M
	new_loop replica 64M
	new_loop disk 1M
	new_delay mirror_meta "$disk" 0 50
	start region_size 8 activity 512 sync skip
	run fio --name=burst --filename=/dev/mapper/r --direct=1 --rw=randwrite --bs=4k --size=64M \
		--ioengine=libaio --iodepth=2000 --number_ios=6000 --minimal --output=/dev/null
	at_most "active_regions" "$(status r active_regions)" 512
	wait_for 60 "the log to be clean" status_is r active_regions 0
	run dmsetup remove r
	compare_legs "$origin" "$replica"
}

grows()
{
	local small
	new_loop small 32M
	new_loop replica 32M
	new_loop mirror_meta 1M
	mirror_sectors=32768
	origin=$small
	put "$small" 0 32
	start region_size 128
	synced r
	put /dev/mapper/r 1 2
	mirror_sectors=65536
	run dmsetup load r --table "$(mirror_table "$origin" "$replica")"
	run dmsetup suspend r
	run dmsetup resume r
	same "size" "$(status r size)" $((32 * 1048576))
	synced r
	same "resync_bytes" "$(($(status r resync_bytes) >= 16777216))" 1
	restart
	same "state" "$(status r state)" Synchronized
	same "dirty_regions" "$(status r dirty_regions)" 0
	mirror_sectors=32768
	dmesg_mark
	refuse dmsetup load r --table "$(mirror_table "$origin" "$replica")"
	dmesg_has "log on the meta device is for a device of another size" ||
		fail "no sentence says why"
	run dmsetup remove r
	compare_legs "$origin" "$replica"
}

ktap_header
ktap_case "ended in order: nothing is copied" in_order
ktap_case "after a crash: what was written to is copied" after_a_crash
ktap_case "states that were ordered stay" state_stays
ktap_case "what overflow fail has stopped waits for an order" stopped
ktap_case "a job goes on where it was" job_goes_on
ktap_case "the working set is bounded" bounded
ktap_case "a burst that is larger than the log" burst
ktap_case "the log grows with the device" grows
ktap_finish
