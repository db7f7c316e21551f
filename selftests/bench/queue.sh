# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # variables of guest and devices.sh
#
# Sourced by guest: modes async and adaptive, before a replica that is slower than the origin.
#
#	queue		latency of a burst that fits in the queue, rate when it is full
#	adaptive	a replica leg that is fast and slow in turns

burst_devices='dm-linear replica-async md-write-behind drbd-a drbd-a-large'
# They take 18 MiB of the queue: more than DRBD has by default.
burst_writes=4000

# slow_up MS: from now on the replica leg takes so long for a write.
slow_up()
{
	bare_b=$leg_b
	leg_b=$(dm_up slow "$(slow_table "$1")")
	slow_stat=/sys/block/$(dmsetup info -c --noheadings -o blkdevname slow)/stat
}

slow_table()
{
	echo "0 $sectors delay $bare_b 0 0 $bare_b 0 $1"
}

slow_down()
{
	dmsetup remove slow
	leg_b=$bare_b
}

# slow_writes: writes that the replica leg has completed, and requests under way there.
slow_writes()
{
	local stat
	read -ra stat <"$slow_stat"
	echo "${stat[4]} ${stat[8]}"
}

# settle: until the replica leg owes nothing and got nothing new for a second.
settle()
{
	local before now=''
	until [[ $now == *' 0' && $now == "$before" ]]; do
		before=$now
		sleep 1
		now=$(slow_writes)
	done
}

# under_way: until writes come. This clock leaps while fio is read from the disk.
under_way()
{
	local before now
	before=$(slow_writes)
	until now=$(slow_writes) && [[ $now != "$before" ]]; do
		sleep 0.1
	done
}

# status_of KEY: of the replica under test.
status_of()
{
	dmsetup status bench | tr ' ' '\n' | sed -n "s/^$1=//p"
}

# not_delayed: no acknowledgment of the burst had to wait for the queue.
not_delayed()
{
	local high delays
	high=$(status_of queue_high_bytes)
	delays=$(status_of delays)
	if ((high > 33554432)) || [[ $delays == *[1-9]* ]]; then
		echo "the burst did not fit: $high bytes, delays $delays" >&2
		return 1
	fi
}

# latency: of the last run, as members of an object.
latency()
{
	jq -c '.jobs[0].write | { us: (.runtime * 1000 / .total_ios), mean: (.lat_ns.mean / 1000),
		p99: (.lat_ns.percentile["99.000000"] / 1000) }' "$job"
}

# burst ORIGIN_US DELAY_MS DEVICE
burst()
{
	local depth path
	path=$(device_up "$3")
	fio_run "$path" randwrite 4k 16 500
	settle
	for depth in 1 16; do
		fio_run "$path" randwrite 4k "$depth" "$burst_writes" --lat_percentiles=1
		latency | jq -c --arg device "$3" --argjson figures "[$1, $2, $depth]" \
			'{ kind: "burst", origin: $figures[0], delay: $figures[1], device: $device,
			depth: $figures[2] } + .'
		settle
		[[ $3 != replica-* ]] || not_delayed
	done
	device_down "$3"
}

# rate PATH WARM_S SECONDS: writes that the replica leg completes each second, after so long.
rate()
{
	local before after
	fio_run "$1" randwrite 4k 32 100000000 --time_based --runtime=$(($2 + $3 + 1)) &
	under_way
	sleep "$2"
	read -r before _ < <(slow_writes)
	sleep "$3"
	read -r after _ < <(slow_writes)
	wait $!
	echo $(((after - before) / $3))
}

# sustained DELAY_MS: the leg alone, and behind a queue that is soon full.
sustained()
{
	local path
	row kind sustained delay "$1" device leg iops "$(rate "$leg_b" 1 5)"
	path=$(dm_up bench "0 $sectors replica $leg_a $leg_b - async 4 sync skip queue_bytes 4194304")
	row kind sustained delay "$1" device replica-async iops "$(rate "$path" 30 30)"
	(($(status_of delays | tr , +))) || {
		echo "the queue was never full" >&2
		return 1
	}
	settle
	dmsetup remove bench
}

# queue_behind ORIGIN_US DELAYS_MS DEVICES
queue_behind()
{
	local delay device
	leg_latency=$(($1 * 1000)) legs_up 64 1
	for delay in $2; do
		slow_up "$delay"
		for device in $3; do
			[[ -z $replica && $device == replica-* ]] || burst "$1" "$delay" "$device"
		done
		[[ -z $replica ]] || (($1 != 100)) || sustained "$delay"
		slow_down
	done
	legs_down
}

# Without a latency of the origin only instructions count, whatever the replica takes.
queue()
{
	[[ -z $ours ]] || burst_devices='dm-linear replica-async'
	queue_behind 0 10 "$burst_devices"
	queue_behind 100 '1 10 50' "$burst_devices"
	queue_behind 1000 '1 10 50' "${burst_devices/drbd-a /}"
}

now_ms()
{
	echo $((${EPOCHREALTIME/./} / 1000))
}

# phase MS: the replica leg is another one from now on; the writes under way are not held up.
phase()
{
	dmsetup reload slow --table "$(slow_table "$1")"
	dmsetup suspend slow
	dmsetup resume slow
	echo "$(now_ms) $1"
}

# phases: the last one is only an end.
phases()
{
	local delay
	for delay in 0 20 0 50 0; do
		phase "$delay"
		sleep 5
	done
	echo "$(now_ms) 0"
}

# A steady load, until it is ended.
steady_load()
{
	exec fio --name=load --filename=/dev/mapper/bench --rw=randwrite --bs=4k --iodepth=64 --rate_iops=800 \
		--ioengine=libaio --direct=1 --norandommap --io_size=1t --time_based --runtime=600 \
		--write_lat_log="$work/log" --log_unix_epoch=1 --output="$work/report"
}

# course NAME MODE FEATURE...: rows of how latency and lag go.
course()
{
	local name=$1 load sampler work
	shift
	work=$(mktemp -d)
	slow_up 0
	dm_up bench "0 $sectors replica $leg_a $leg_b - $*" >/dev/null
	steady_load &
	load=$!
	"$here/timeline" sample bench >"$work/samples" &
	sampler=$!
	under_way
	sleep 2
	phases >"$work/phases"
	kill -INT "$load"
	kill "$sampler"
	wait "$load" "$sampler" || true
	"$here/timeline" rows "$name" "$work"/{phases,samples,log_lat.1.log}
	settle
	dmsetup remove bench
	slow_down
	rm -r "$work"
}

adaptive()
{
	local mode
	leg_latency=100000 legs_up 64 1
	for mode in sync async adaptive; do
		course "$mode" "$mode" 2 sync skip
	done
	course adaptive-4-MiB adaptive 4 sync skip max_skew 4194304
	legs_down
}
