# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# For tests of what the queue does when the load is more than the replica takes, in machines
# whose time is counted in instructions. Sourced after queue.sh.
#
#	throttled [FEATURE VALUE]...	r, with a replica that takes 4 MiB/s, and an origin that
#				takes $origin_mbps, or anything
#	offered SECONDS		sets load, the arguments of fio: 16 MiB/s
#	traced [CMD...]		that load, as the block layer saw it, in $dev_dir/ages
#	seen NAME		of what helpers/queue_age.py says of it
helpers=$(readlink -f "$(dirname "$0")/helpers")
tracing=/sys/kernel/tracing

throttled()
{
	local slow disk features=(irqmode=2 completion_nsec=100000)
	[[ -z ${origin_mbps:-} ]] || features=("mbps=$origin_mbps")
	new_null_blk origin 64M 512 "${features[@]}"
	new_null_blk slow 64M 512 mbps=4
	# A request of more than 20 ms would never get through.
	for disk in "$slow" ${origin_mbps:+"$origin"}; do
		echo 64 >"/sys/block/${disk##*/}/queue/max_sectors_kb"
		echo 2 >"/sys/block/${disk##*/}/queue/nomerges"
	done
	new_linear replica "$slow"
	new_mirror r "$origin" "$replica" sync skip region_size 128 "$@"
}

offered()
{
	load=(--name=load --filename=/dev/mapper/r --direct=1 --rw=randwrite --bs=16k
		--ioengine=libaio --iodepth=32 --rate=16M --runtime="$1" --output=/dev/null)
}

# traced [CMD...]: what fio writes to r by ${load[@]} is there to be seen; CMD comes meanwhile.
traced()
{
	local event
	need test -d "$tracing/events/block"
	echo 32768 >"$tracing/buffer_size_kb"
	echo >"$tracing/trace"
	for event in block/block_bio_queue block/block_bio_complete dm_replica/dm_replica_state; do
		echo 1 >"$tracing/events/$event/enable"
		defer write_to "$tracing/events/$event/enable" 0
	done
	fio "${load[@]}" &
	load_pid=$!
	defer end_load "$load_pid"
	"$@"
	run wait "$load_pid"
	wait_for 60 "the queue to be empty" status_is r queue_entries 0
	echo 0 >"$tracing/tracing_on"
	defer write_to "$tracing/tracing_on" 1
	run python3 "$helpers/queue_age.py" "$tracing/trace" "$(number /dev/mapper/r)" \
		"$(number "$replica")" | tee "$dev_dir/ages"
	say "$(status r rate_in rate_out queue_high_bytes queue_high_age_ms delays | xargs)"
}

# number DEVICE: MAJOR:MINOR
number()
{
	lsblk -dno MAJ:MIN "$1" | xargs
}

write_to()
{
	echo "$2" >"$1"
}

seen()
{
	sed -n "s/^$1=//p" "$dev_dir/ages"
}
