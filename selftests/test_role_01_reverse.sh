#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=240 smp=2
#
# Origin and replica change places while the mapped device is in use: nothing that was
# written is lost, the legs stay equal, and no line of a table that tells the old order
# ever turns the direction of the copy around.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

# legs NAME: origin and replica as the table tells them, "major:minor" each.
legs()
{
	local words
	read -ra words <<<"$(dmsetup table "$1")"
	echo "${words[3]} ${words[4]}"
}

numbers()
{
	printf '%d:%d' "0x$(stat -Lc %t "$1")" "0x$(stat -Lc %T "$1")"
}

# order NAME ORIGIN REPLICA: the legs are in this order.
order()
{
	same "the legs of $1" "$(legs "$1")" "$(numbers "$2") $(numbers "$3")"
}

reverse()
{
	run message "$1" reverse_roles
	same "state" "$(status "$1" state)" Synchronized
}

under_load()
{
	local n out
	twins 16
	mirror_mode=$1
	new_mirror r "$origin" "$replica" sync skip
	start_load /dev/mapper/r --offset=8M --size=8M
	out=$dev_dir/spray-$BASHPID
	defer rm -f "$out"
	fio --name=spray --filename=/dev/mapper/r --direct=1 --rw=randrw --bs=4k --fsync=16 \
		--ioengine=libaio --iodepth=8 --size=8M --io_size=8M --verify=crc32c --verify_fatal=1 \
		--verify_backlog=64 --loops=2 --minimal --output="$out" &
	defer end_load $!
	for n in 1 2 3 4 5; do
		wait_for 20 "the legs to change places" message r reverse_roles
		same "state" "$(status r state)" Synchronized
	done
	order r "$replica" "$origin"
	wait %2 || fail "what was read is not what was written: $(cat "$out")"
	stop_load
	idle r
	compare_legs "$origin" "$replica"
	at_least "writes" "$(status r writes)" 1000
	same "errors" "$(status r origin_errors replica_errors tracked_writes)" $'0\n0\n0'
}

# What is written afterwards goes to both, and is read from the new origin. A loop device may refuse
# to write zeroes, so that what mkfs and ext4's lazy initialization have cleared is copied first.
mounted()
{
	local sum
	twins 24
	new_mirror r "$origin" "$replica" sync skip
	run mkfs.ext4 -q /dev/mapper/r
	mkdir -p "$dev_dir/fs"
	run mount -o noinit_itable /dev/mapper/r "$dev_dir/fs"
	defer unmounted "$dev_dir/fs"
	run dd if=/dev/urandom of="$dev_dir/fs/before" bs=1M count=4 status=none
	synced r
	reverse r
	run dd if=/dev/urandom of="$dev_dir/fs/after" bs=1M count=4 status=none
	run sync -f "$dev_dir/fs"
	sum=$(cat "$dev_dir/fs/before" "$dev_dir/fs/after" | sha256sum)
	reverse r
	run umount "$dev_dir/fs"
	order r "$origin" "$replica"
	idle r
	run dmsetup remove r
	compare_legs "$origin" "$replica"
	run e2fsck -fn "$origin"
	run mount -o ro "$replica" "$dev_dir/fs"
	same "the files" "$(cat "$dev_dir/fs/before" "$dev_dir/fs/after" | sha256sum)" "$sum"
}

# The shown line takes the association over; the one from before the swap does not.
tables()
{
	local before after
	twins 8
	new_mirror r "$origin" "$replica" sync skip
	before=$(dmsetup table r)
	# One that is loaded already follows.
	run dmsetup load r --table "$before"
	reverse r
	order r "$replica" "$origin"
	run dmsetup suspend r
	run dmsetup resume r
	order r "$replica" "$origin"
	put /dev/mapper/r 1 1
	dmesg_mark
	refuse dmsetup load r --table "$before"
	dmesg_has "origin and replica are in the other order now" || fail "no sentence"
	after=$(dmsetup table r)
	reload r "$after"
	same "the table" "$(dmsetup table r)" "$after"
	same "what was copied" "$(status r state resync_bytes)" $'Synchronized\n0'
	same "jobs" "$(message r jobs | grep -c . || true)" 0
	compare_legs "$origin" "$replica"
}

# A table from before that cannot take the association over is refused. That is the end of the
# association, as its own table is gone: a second resume follows the swap all the same, and does
# not believe that the legs are equal.
cannot_follow()
{
	local written
	twins 8
	new_mirror r "$origin" "$replica" sync skip
	run dmsetup load r --table "$(mirror_table "$origin" "$replica" sync skip region_size 64)"
	run message r failover
	put /dev/mapper/r 1 1
	written=$(dd if=/dev/mapper/r bs=1M iflag=direct status=none | sha256sum)
	run dmsetup suspend r
	dmesg_mark
	refuse dmsetup resume r
	dmesg_has "the legs have changed places since this table was loaded" || fail "no sentence"
	run dmsetup resume r
	order r "$replica" "$origin"
	synced r
	same "resync_bytes" "$(status r resync_bytes)" $((8 << 20))
	same "what is read" "$(dd if=/dev/mapper/r bs=1M iflag=direct status=none | sha256sum)" \
		"$written"
	compare_legs "$origin" "$replica"
}

# start ORIGIN REPLICA: with the meta device, as long as the smaller one.
start()
{
	new_mirror r "$1" "$2" region_size 64
}

# With a meta device the order is known afterwards. @1, @2: sizes of the legs.
remembered()
{
	local a b
	new_loop a "$1"
	new_loop b "$2"
	new_loop mirror_meta 1M
	mirror_sectors=16384
	start "$a" "$b"
	synced r
	reverse r
	put /dev/mapper/r 2 2
	run dmsetup remove r
	dmesg_mark
	refuse dmsetup create r --table "$(mirror_table "$a" "$b")"
	dmesg_has "origin and replica are swapped" || fail "no sentence"
	dmsetup remove r 2>/dev/null || true
	start "$b" "$a"
	same "state" "$(status r state resync_bytes)" $'Synchronized\n0'
	# And back again.
	reverse r
	put /dev/mapper/r 3 2
	run dmsetup remove r
	refuse dmsetup create r --table "$(mirror_table "$b" "$a")"
	dmsetup remove r 2>/dev/null || true
	start "$a" "$b"
	same "state" "$(status r state resync_bytes)" $'Synchronized\n0'
	run dmsetup remove r
	run cmp -n 8388608 "$a" "$b"
}

# An order that cannot be carried out ends soon, and has changed nothing.
hangs()
{
	local disk weak pid before
	new_loop disk 8M
	new_loop replica 8M
	new_linear weak "$disk"
	new_mirror r "$weak" "$replica" sync skip
	before=$(dmsetup table r)
	hang_dev "$weak"
	defer unhang_dev "$weak"
	dd if=/dev/urandom of=/dev/mapper/r bs=4k count=1 oflag=direct status=none &
	pid=$!
	wait_for 10 "the write to be under way" status_is r inflight 1
	dmesg_mark
	timed 20 refuse message r reverse_roles
	dmesg_has "the writes under way did not end in time" || fail "no sentence"
	same "the table" "$(dmsetup table r)" "$before"
	same "state" "$(status r state)" Synchronized
	unhang_dev "$weak"
	run wait "$pid"
	reverse r
	idle r
	compare_legs "$disk" "$replica"
}

refused_when_not_equal()
{
	local before
	twins 8
	new_mirror r "$origin" "$replica" sync skip
	run message r fracture
	put /dev/mapper/r 1 1
	before=$(dmsetup table r; status r state reason dirty_regions)
	dmesg_mark
	refuse message r reverse_roles
	refuse message r reverse_roles force
	dmesg_has "reverse_roles refused: the operation" || fail "no sentence"
	same "all of r" "$(dmsetup table r; status r state reason dirty_regions)" "$before"
}

ktap_header
ktap_case "reversed under load, mode sync" under_load sync
ktap_case "reversed under load, mode async" under_load async
ktap_case "a mounted file system stays mounted" mounted
ktap_case "tables from before and after" tables
ktap_case "a table from before that cannot follow" cannot_follow
ktap_case "remembered, both legs have room for a label" remembered 9M 10M
ktap_case "remembered, the replica alone has room" remembered 8M 9M
ktap_case "remembered, the origin alone has room" remembered 9M 8M
ktap_case "a leg that hangs" hangs
ktap_case "legs that differ" refused_when_not_equal
ktap_finish
