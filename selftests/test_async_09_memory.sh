#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=long timeout=900 icount=yes mem=768
#
# The bound of the queue (P5), by the kernel's count of free pages and not by ours: eight
# replicas that are far too slow, under load for ten minutes, take no more memory than
# their queues may, in mode async beyond what the same load takes in mode sync. Then all of them
# together keep to queue_memory. Time is counted in instructions, so the minutes are short.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
replicas=8
kib=8192
# Of other parts of the kernel, and what slabs keep when all is given back, KiB.
noise=1024 kept=4096
# What a replica has in any mode: a reserve for its largest write, tables, counters.
own=2560
ktap_poll=1

# overloaded: r1 to r8 in mode sync under load; the disks hold no data.
overloaded()
{
	local n jobs=() legs=() leg before
	for ((n = 1; n <= replicas; n++)); do
		new_null_blk origin 64M 512 memory_backed=0 irqmode=2 completion_nsec=100000
		new_null_blk leg 64M 512 memory_backed=0
		new_delay replica "$leg" 0 200
		legs+=("$origin" "$replica")
		jobs+=("--name=r$n" "--filename=/dev/mapper/r$n")
	done
	watch_memory 5
	before=$highest
	for ((n = 1; n <= replicas; n++)); do
		mirror_mode=sync new_mirror "r$n" "${legs[@]:2 * n - 2:2}" sync skip region_size 2048 \
			queue_bytes $((kib * 1024))
	done
	watch_memory 5
	at_most "KiB of replicas without a load" $((highest - before)) $((replicas * own))
	fio --direct=1 --rw=randwrite --bsrange=4k-32k --ioengine=libaio --iodepth=8 --thread \
		--norandommap --time_based --runtime=100000 --output=/dev/null "${jobs[@]}" &
	load_pid=$!
	defer end_load "$load_pid"
	wait_for 60 "the load" wrote r8
	watch_memory 20
}

# used: KiB that are neither free nor caches. What processors keep of free pages counts as free.
used()
{
	awk '/^MemTotal:/ { used = $2 }
		/^(MemFree|Buffers|Cached|SReclaimable):/ { used -= $2 }
		$1 == "count:" { used -= $2 * 4 }
		END { print used }' /proc/meminfo /proc/zoneinfo
}

# watch_memory SECONDS: $lowest and $highest of used.
watch_memory()
{
	local n now
	lowest=$(used) highest=$lowest
	for ((n = 0; n < $1; n++)); do
		ktap_pause 1
		now=$(used)
		((now >= lowest)) || lowest=$now
		((now <= highest)) || highest=$now
	done
	say "$lowest to $highest KiB in $1 s"
}

all()
{
	local n
	for ((n = 1; n <= replicas; n++)); do
		message "r$n" "$@"
	done
}

# told: KiB that the queues say they took at most.
told()
{
	local n bytes=0
	for ((n = 1; n <= replicas; n++)); do
		bytes=$((bytes + $(status "r$n" queue_high_bytes)))
	done
	echo $((bytes / 1024))
}

# within KIB SECONDS: what the queues take is at most that, and what they say; not much less.
within()
{
	local before=$highest low
	low=$lowest
	all reset_to_async
	watch_memory "$2"
	at_most "KiB of the queues" $((highest - low)) $(($1 + noise))
	at_least "KiB of the queues" $((highest - before)) $(($1 / 2))
	at_most "KiB of the queues, by what they say" $((highest - before)) $(($(told) + noise))
}

# none: and it is given back.
none()
{
	local before=$highest
	all reset_to_sync
	wait_for 300 "the queues to be empty" all_empty
	watch_memory 20
	at_most "KiB that are left" $((lowest - before)) "$kept"
}

all_empty()
{
	local n
	for ((n = 1; n <= replicas; n++)); do
		[[ $(status "r$n" lag_bytes) == 0 ]] || return 1
	done
}

own_bounds()
{
	local before
	overloaded
	before=$highest
	within $((replicas * kib)) 600
	highest=$before
	none
	stop_them
}

stop_them()
{
	kill -0 "$load_pid" || fail "the load has ended by itself"
	end_load "$load_pid"
	for n in $(seq "$replicas"); do
		same "state of r$n" "$(status "r$n" state)" Synchronized
		at_most "queue_high_bytes of r$n" "$(status "r$n" queue_high_bytes)" $((kib * 1024))
	done
}

one_bound()
{
	local parameter=/sys/module/dm_replica/parameters/queue_memory
	echo 16 >"$parameter"
	defer eval "echo 0 >$parameter"
	overloaded
	within 16384 60
	stop_them
}

ktap_header
ktap_case "eight queues keep to their bounds" own_bounds
ktap_case "and together to queue_memory" one_bound
ktap_finish
