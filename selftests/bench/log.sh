# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # variables of guest and devices.sh
#
# Sourced by guest: what the durable log costs, and what it is worth after a crash.
#
#	metadata	requests to the disks beyond the data, for each write of data, on 1 TiB
#	recovery	time to activate after a crash, and to be in sync again
#	large		a replica of 16 TiB

TIB=1048576	# MiB
# Of the recovery table, sectors: md cannot have smaller ones for all of a leg of 9 GiB. Of
# each stride, KiB, one is dirty.
region=64
stride=800

# now: microseconds. On this clock idle time does not pass.
now()
{
	echo $((${EPOCHREALTIME/./}))
}

# requests: requests that have been written to the disks below, and bytes.
requests()
{
	local leg
	for leg in "$leg_a" "$leg_b" "$leg_meta"; do
		cat "/sys/block/${leg##*/}/stat"
	done | awk '{ n += $5; sectors += $7 } END { printf "%d %d\n", n, sectors * 512 }'
}

# touch_regions PATH COUNT KIB: one write of 4 KiB to each KIB.
touch_regions()
{
	fio --name=touch --filename="$1" --rw="write:$(($3 - 4))k" --bs=4k --iodepth=16 \
		--number_ios="$2" --ioengine=libaio --direct=1 --output=/dev/null
}

# is_logging: what has just been written to is in the log.
is_logging()
{
	local line
	line=$(dmsetup status bench)
	[[ $line == *' meta=ok '* && $line != *' active_regions=0 '* ]] || {
		echo "the log is not in use: $line" >&2
		return 1
	}
}

is_clean()
{
	[[ $(dmsetup status bench) == *' active_regions=0 '* ]]
}

# metadata_once DEVICE WORKLOAD WRITES [FIO ARGUMENT]...
metadata_once()
{
	local device=$1 workload=$2 writes=$3 path n0 bytes0 n bytes
	shift 3
	leg_latency=100000 unfilled=y legs_up "$TIB" 1
	path=$(device_up "$device")
	# What was written to once is warm; in the other workloads nothing is.
	[[ $workload != warm ]] || touch_regions "$path" 4096 256
	# A new bitmap of md is full of ones, which it takes its time to clear.
	[[ $workload == warm ]] || sleep 60
	read -r n0 bytes0 < <(requests)
	fio_run "$path" randwrite 4k 16 "$writes" "$@"
	# What was made dirty becomes clean again; a warm set stays as it is.
	if [[ $workload != warm ]]; then
		sleep 60
		[[ $device != replica-log ]] || is_clean
	fi
	read -r n bytes < <(requests)
	row kind metadata device "$device" workload "$workload" writes "$writes" \
		requests $((n - n0 - 2 * writes)) bytes $((bytes - bytes0 - 2 * writes * 4096))
	device_down "$device"
	legs_down
}

metadata()
{
	local device
	for device in ${replica:+replica-log} md-raid1-bitmap dm-mirror-log; do
		metadata_once "$device" warm 20000 --size=1g
		metadata_once "$device" zipf 20000 --random_distribution=zipf:1.1
		metadata_once "$device" uniform 20000
	done
}

# save FILE DEVICE MIB, restore FILE DEVICE: as a crash would leave it.
save()
{
	dd if="$2" of="$1" bs=1M count="$3" iflag=direct status=none
}

restore()
{
	dd if="$1" of="$2" bs=1M oflag=direct conv=notrunc status=none
	rm "$1"
}

# first_write PATH: it takes writes.
first_write()
{
	dd if=/dev/zero of="$1" bs=4k count=1 seek=$((sectors / 8 - 4096)) oflag=direct conv=notrunc \
		status=none
}

# until_event NAME PATTERN: until the status of a mapping has it.
until_event()
{
	local event state
	while true; do
		event=$(dmsetup info -c --noheadings -o events "$1")
		state=$(dmsetup status "$1")
		# shellcheck disable=SC2053 # a pattern
		[[ $state != $2 ]] || return 0
		dmsetup wait "$1" "$event" >/dev/null
	done
}

# crash_DEVICE REGIONS: so many are dirty when the power goes.
crash_replica_log()
{
	log_up bench region_size "$region" activity 16384 >/dev/null
	(($1 == 0)) || touch_regions /dev/mapper/bench "$1" "$stride"
	save /tmp/meta "$leg_meta" 8
	dmsetup remove bench
	restore /tmp/meta "$leg_meta"
}

assemble_replica_log()
{
	dm_up bench "0 $sectors replica $leg_a $leg_b $leg_meta sync 0" >/dev/null
	first_write /dev/mapper/bench
	up=$(now)
	# One process: each more that asks is counted as if the copy had taken so long.
	replicactl wait bench >/dev/null
	in_sync=$(now)
	dmsetup remove bench
}

crash_md_raid1_bitmap()
{
	mdadm --quiet --create /dev/md0 --metadata=1.2 --run --assume-clean --level=1 --raid-devices=2 \
		--bitmap=internal --bitmap-chunk="$((region / 2))K" --data-offset=4096K "$leg_a" "$leg_b" \
		</dev/null
	# A new bitmap is full of ones, which it takes its time to clear.
	sleep 60
	(($1 == 0)) || touch_regions /dev/md0 "$1" "$stride"
	save /tmp/a "$leg_a" 4
	save /tmp/b "$leg_b" 4
	mdadm --quiet --stop /dev/md0
	restore /tmp/a "$leg_a"
	restore /tmp/b "$leg_b"
}

assemble_md_raid1_bitmap()
{
	mdadm --quiet --assemble /dev/md0 "$leg_a" "$leg_b"
	first_write /dev/md0
	up=$(now)
	until [[ $(</sys/block/md0/md/resync_start) == none && $(</sys/block/md0/md/sync_action) == idle ]]; do
		read -rt 0.002 -u "$never" || true
	done
	in_sync=$(now)
	mdadm --quiet --stop /dev/md0
	mdadm --zero-superblock "$leg_a" "$leg_b"
}

# dm-mirror calls a region clean as soon as no write to it is under way, so a crash in which
# many are dirty is made by hand: a bit for each region from byte 1024, one for clean.
crash_dm_mirror_log()
{
	mirror_log_up bench "$region" >/dev/null
	dmsetup remove bench
	python3 - "$leg_meta" "$1" $((stride * 2 / region)) <<-'END'
	import sys
	dirty, step = map(int, sys.argv[2:])
	with open(sys.argv[1], 'r+b') as log:
	    data = bytearray(log.read(1 << 20))
	    for region in range(0, dirty * step, step):
	        data[1024 + region // 8] &= ~(1 << region % 8)
	    log.seek(0)
	    log.write(data)
	END
	blockdev --flushbufs "$leg_meta"
}

assemble_dm_mirror_log()
{
	dm_up bench "0 $sectors mirror disk 2 $leg_meta $region 2 $leg_a 0 $leg_b 0 1 handle_errors" >/dev/null
	first_write /dev/mapper/bench
	up=$(now)
	until_event bench "*\\ $((sectors / region))/$((sectors / region))\\ *"
	in_sync=$(now)
	dmsetup remove bench
}

recovery()
{
	local device dirty began up in_sync never
	exec {never}<> <(:)
	modprobe raid1
	sysctl -qw dev.raid.speed_limit_min=100000000 dev.raid.speed_limit_max=100000000
	for device in ${replica:+replica-log} md-raid1-bitmap dm-mirror-log; do
		for dirty in 0 100 10000; do
			unfilled=y legs_up 9216 1
			"crash_${device//-/_}" "$dirty"
			began=$(now)
			"assemble_${device//-/_}"
			row kind recovery device "$device" dirty "$dirty" \
				up $(((up - began) / 1000)) in_sync $(((in_sync - began) / 1000))
			legs_down
		done
	done
}

large_row()
{
	row kind large what "$1" dirty "$2" value "$3"
}

# large_up: activates what is on the meta device; prints the milliseconds that it took.
large_up()
{
	local began took
	began=$(now)
	dm_up bench "0 $sectors replica $leg_a $leg_b $leg_meta sync 0" >/dev/null
	took=$(($(now) - began))
	echo "$((took / 1000)).$((took % 1000 / 100))"
}

# scan_ms REGIONS: activation when so many are dirty, and nothing copies them.
scan_ms()
{
	log_up bench >/dev/null
	dmsetup message bench 0 fracture
	(($1 == 0)) || touch_regions /dev/mapper/bench "$1" 16384
	dmsetup remove bench
	large_up
	dmsetup remove bench
}

# copy_ms STRIDE_MIB: from the order to copy eight regions, so far apart, to the end.
copy_ms()
{
	local began
	log_up bench >/dev/null
	dmsetup message bench 0 fracture
	touch_regions /dev/mapper/bench 8 $(($1 * 1024))
	began=$(now)
	dmsetup message bench 0 resync
	until_event bench '*\ state=Synchronized\ *'
	echo $((($(now) - began) / 1000))
	dmsetup remove bench
}

large()
{
	local before after dirty
	legs_up $((16 * TIB)) 0
	# What a first one leaves in caches is no cost of the second.
	log_up bench >/dev/null
	dmsetup remove bench
	before=$(free_bytes 3)
	dm_up bench "0 $sectors replica $leg_a $leg_b $leg_meta sync 0" >/dev/null
	after=$(free_bytes 3)
	dmsetup remove bench
	large_row bytes 0 $((before - after))
	large_row clean 0 "$(large_up)"
	dmsetup remove bench
	for dirty in 0 1000 10000 100000; do
		large_row scan "$dirty" "$(scan_ms "$dirty")"
	done
	large_row adjacent 8 "$(copy_ms 16)"
	large_row scattered 8 "$(copy_ms $((2 * TIB - 16)))"
	legs_down
}
