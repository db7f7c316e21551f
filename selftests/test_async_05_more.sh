#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=long timeout=400
#
# More of the queue, beside test_async_01_queue.sh: mode sync for comparison, large writes, a
# bound that changes under load, remove, buffers that change, and verify.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/queue.sh"

# So that "a write waits for the origin alone" of test_async_01_queue.sh means something.
acknowledged_late()
{
	local begin
	mirror_mode=sync slow 8 200
	begin=${EPOCHREALTIME/[.,]/}
	small 10
	at_least "ms for 10 writes" $(((${EPOCHREALTIME/[.,]/} - begin) / 1000)) 2000
	same "queue_high_entries" "$(status r queue_high_entries)" 0
	equal
}

# Larger than all writes that fit.
large_writes()
{
	slow 32 20 queue_bytes 4194304
	run dd if=/dev/urandom of=/dev/mapper/r bs=8M count=4 oflag=direct conv=notrunc status=none
	at_most "queue_high_bytes" "$(status r queue_high_bytes)" 4194304
	equal
}

# A live queue is made smaller than what it holds, and larger again. The writes are large: a
# replica that takes nothing has each of them wait for a second from half of the bound on.
resized()
{
	slow 16 5
	start_load /dev/mapper/r --iodepth=16 --bs=64k
	hang_dev "$weak"
	wait_for 20 "a queue of more than 4 MiB" more_than 4194304
	run message r set queue_bytes 4194304
	unhang_dev "$weak"
	wait_for 60 "the queue to fit" less_than 4194304
	stops_at 4194304
	run message r set queue_bytes 8388608
	stops_at 8388608
	stop_load
	equal
}

# stops_at BYTES: there it stays while the replica takes nothing.
stops_at()
{
	hang_dev "$weak"
	wait_for 25 "a queue of nearly $1 bytes" more_than $(($1 - 135168))
	ktap_pause 2
	at_most "queue_bytes" "$(status r queue_bytes)" "$1"
	same "pending, state" "$(status r pending state | xargs)" "1 Synchronized"
	unhang_dev "$weak"
}

more_than()
{
	(($(status r queue_bytes) > $1))
}

less_than()
{
	(($(status r queue_bytes) <= $1))
}

removed()
{
	slow 8 30
	small 40
	run dmsetup remove r
	compare_legs "$origin" "$replica"
}

# The application may use its buffer again at once.
own_bytes()
{
	new_null_blk origin 16M 512 completion_nsec=100000 irqmode=2
	new_null_blk replica 16M 512 completion_nsec=2000000 irqmode=2
	new_mirror r "$origin" "$replica" sync skip payload shared
	run python3 "$(dirname "$0")/helpers/changing_writer.py" /dev/mapper/r 4 2 65536
	equal
	same "payload_shared" "$(status r payload_shared)" 0
}

verified()
{
	slow 16 5
	start_load /dev/mapper/r --size=16M --iodepth=4 --rate_iops=40
	run message r verify
	wait_for 60 "the verify to end" verify_over
	same "the job" "$(job_field r 2) $(job_field r 3)" "verify Completed"
	stop_load
	equal
}

verify_over()
{
	[[ $(job_field r 3) == Completed || $(job_field r 3) == Terminated ]]
}

ktap_header
ktap_case "in mode sync it waits for both" acknowledged_late
ktap_case "large writes fit" large_writes
ktap_case "its size changes under load" resized
ktap_case "remove drains it" removed
ktap_case "the replica gets what was written" own_bytes
ktap_case "verify allows for the queue" verified
ktap_finish
