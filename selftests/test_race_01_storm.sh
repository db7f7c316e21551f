#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# Everything at once (P7): suspend, resume, reload, operations, settings, a failing replica,
# under load, in all orders; then the legs are equal and the module goes.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

setup()
{
	local disk
	modprobe dm-replica
	new_loop origin 8M
	new_loop disk 8M
	new_linear replica "$disk"
	new_mirror r "$origin" "$replica" replica_timeout 500 region_size 64
}

# forever CMD...: again and again until the end of the case, whatever CMD says.
forever()
{
	(
		trap - ERR
		set +eE
		while [[ ! -e $stop ]]; do
			"$@" >/dev/null 2>&1
			echo >>"$stop.$1"
		done
	) &
	workers+=($!)
}

# end_workers: whatever happened to the case.
end_workers()
{
	touch "$stop"
	(wait_for 60 "the workers to end" no_worker) || kill -KILL "${workers[@]}" 2>/dev/null
	wait "${workers[@]}" 2>/dev/null
	rm -f "$stop" "$stop".*
}

random_operation()
{
	local words=(abort deactivate activate fracture resync "resync force" resume split suspend
		"set payload shared" "set payload copy" "set resync_rate 5" "set resync_rate auto"
		"set recovery manual" "set recovery automatic" "set on_replica_error stop"
		"set on_replica_error track" "set replica_timeout 500" "confirm 100" jobs "cancel 1" verify
		reset_to_sync reset_to_async reset_to_adaptive reset_to_async "set rpo 200" "set rpo 0"
		"set overflow block" "set overflow track" "set overflow fail" "set max_skew 65536"
		"set max_skew 0" "set copy_priority urgent" "set copy_priority low" "set queue_bytes 4194304" "set queue_bytes 8388608")
	# shellcheck disable=SC2086 # words
	dmsetup message r 0 ${words[RANDOM % ${#words[@]}]}
}

random_table()
{
	local modes=(sync async adaptive)
	mirror_mode=${modes[RANDOM % 3]}
	dmsetup load r --table "$(mirror_table "$origin" "$replica" replica_timeout 500 \
		region_size $((64 << (RANDOM % 2))))"
	if ((RANDOM % 2)); then
		dmsetup suspend r
	else
		dmsetup suspend --noflush --nolockfs r
	fi
	dmsetup resume r
}

random_break()
{
	case $((RANDOM % 3)) in
	0) break_dev "$replica" && heal_dev "$replica" ;;
	1) hang_dev "$replica" && sleep 0.7 && unhang_dev "$replica" ;;
	2) sleep 0.5 ;;
	esac
}

look()
{
	dmsetup status r
	dmsetup table r
	dmsetup message r 0 jobs
}

# storm SECONDS FUNCTION...
storm()
{
	local seconds=$1 worker
	shift
	stop=$dev_dir/stop-$BASHPID
	workers=()
	rm -f "$stop"
	start_load /dev/mapper/r --size=8M --continue_on_error=all
	defer end_workers
	for worker in "$@"; do forever "$worker"; done
	sleep $((seconds * ${STORM_FACTOR:-1}))
	touch "$stop"
	wait_for 60 "the workers to end" no_worker
	for worker in "$@"; do
		say "$worker: $(wc -l <"$stop.$worker") times"
		at_least "$worker" "$(wc -l <"$stop.$worker")" 2
	done
	dmsetup resume "$replica"
	heal_dev "$replica" 2>/dev/null || true
	wait_for 30 "r to resume" dmsetup resume r
	message r set on_replica_error track
	message r set overflow block
	message r set recovery automatic
	message r set resync_rate auto
	end_load "$load_pid"
	wait_for 60 "r to be in step" step
	idle r
	compare_legs "$origin" "$replica"
	timed 20 dmsetup remove r
	run rmmod dm_replica
	run modprobe dm-replica
}

no_worker()
{
	local pid
	for pid in "${workers[@]}"; do
		! kill -0 "$pid" 2>/dev/null || return 1
	done
}

step()
{
	in_sync r && return
	message r resume
	message r activate
	message r resync
	false
}

operations()
{
	setup
	storm 8 random_operation look
}

tables()
{
	setup
	storm 8 random_table look
}

breaks()
{
	setup
	storm 10 random_break random_operation look
}

everything()
{
	setup
	storm 15 random_break random_operation random_table look
}

# Created and removed while others look, and the module comes and goes.
creations()
{
	local i made=0
	twins 8
	stop=$dev_dir/stop-$BASHPID
	workers=()
	defer dm_gone r
	defer end_workers
	forever look
	forever rmmod dm_replica
	# The module may be gone again before it is used: only the mirrors made count.
	for ((i = 0; i < 200 && made < 15; i++)); do
		modprobe dm-replica 2>/dev/null || continue
		dmsetup create r --table "$(mirror_table "$origin" "$replica")" 2>/dev/null || continue
		made=$((made + 1))
		dd if=/dev/urandom of=/dev/mapper/r bs=64k count=4 oflag=direct conv=notrunc status=none
		dmsetup remove --retry r
	done
	touch "$stop"
	wait_for 60 "the workers to end" no_worker
	say "$made mirrors in $i attempts"
	at_least "mirrors made" "$made" 5
	modprobe dm-replica
	new_mirror r "$origin" "$replica"
	synced r
	compare_legs "$origin" "$replica"
}

ktap_header
ktap_case "operations and settings under load" operations
ktap_case "tables under load" tables
ktap_case "a failing and hanging replica and operations under load" breaks
ktap_case "all of it under load" everything
ktap_case "the module comes and goes" creations
ktap_finish
