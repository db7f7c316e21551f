#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# No accidental overwrite (P9): legs that cannot be legs are refused, and told apart.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

# refused SENTENCE ORIGIN REPLICA [SECTORS]
refused()
{
	dmesg_mark
	refuse dmsetup create r --table "0 ${4:-8192} replica $2 $3 - sync 0" 2>/dev/null
	dmesg_has "replica: $1" || fail "not in the log: $1 -- $(dmesg_since)"
	refuse dmsetup info r 2>/dev/null
}

too_small()
{
	new_loop origin 8M
	new_loop replica 7M
	refused "replica is smaller than the table says" "$origin" "$replica" 16384
	refused "origin is smaller than the table says" "$replica" "$origin" 16384
	refused "replica is smaller than the table says" "$origin" "$replica" 14337
	mirror_sectors=14336 new_mirror r "$origin" "$replica"
	synced r
}

make_node()
{
	local numbers
	[[ ! -b /dev/$1 ]] || return 0
	numbers=$(cat "/sys/class/block/$1/dev")
	mknod "/dev/$1" b "${numbers%:*}" "${numbers#*:}"
	defer rm -f "/dev/$1"
}

overlap()
{
	local disk n
	new_loop disk 16M
	run addpart "$disk" 1 2048 8192
	defer delpart "$disk" 1
	run addpart "$disk" 2 10240 8192
	defer delpart "$disk" 2
	# Without udev nobody makes the nodes.
	for n in 1 2; do
		make_node "${disk##*/}p$n"
	done
	refused "(origin and replica overlap|replica could not be opened)" "$disk" "${disk}p1"
	refused "(origin and replica overlap|replica could not be opened)" "${disk}p2" "$disk"
	# Two partitions of one disk are two devices.
	mirror_sectors=8192 new_mirror r "${disk}p1" "${disk}p2"
	synced r
	compare_legs "${disk}p1" "${disk}p2" 8192
}

zoned()
{
	local zones leg
	modprobe -q null_blk nr_devices=0
	[[ -e /sys/block/nullb0 || -d /sys/kernel/config/nullb ]] || skip "no null_blk"
	new_null_blk zones 64M 512 zoned=1 zone_size=4 zone_nr_conv=2
	new_loop leg 64M
	refused "origin is a zoned device, which is not supported" "$zones" "$leg"
	refused "replica is a zoned device, which is not supported" "$leg" "$zones"
}

read_only_leg()
{
	new_loop origin 8M
	new_loop replica 8M
	run blockdev --setro "$replica"
	defer blockdev --setrw "$replica"
	defer dm_gone r
	refused "replica is read-only" "$origin" "$replica" 16384
	refused "origin is read-only" "$replica" "$origin" 16384
}

# A leg is held: nobody else gets it exclusively, not even another replica.
held()
{
	local other
	new_loop origin 8M
	new_loop replica 8M
	new_mirror r "$origin" "$replica"
	synced r
	refuse mkfs.ext4 -q "$replica"
	refuse mount "$origin" /mnt
	new_loop other 8M
	dmesg_mark
	refuse dmsetup create r2 --table "$(mirror_table "$origin" "$other")"
	refuse dmsetup create r2 --table "$(mirror_table "$other" "$replica")"
	refuse dmsetup create r2 --table "$(mirror_table "$replica" "$other")"
	same "sentences" 3 "$(dmesg_since |
		grep -c "origin, replica or meta device is in use by another replica already")"
	compare_legs "$origin" "$replica"
}

ktap_header
ktap_case "legs that are too small" too_small
ktap_case "a partition and its disk" overlap
ktap_case "zoned devices" zoned
ktap_case "a read-only leg" read_only_leg
ktap_case "legs in use are held" held
ktap_finish
