#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=240
#
# Stale, strange and exchanged devices are told by their generations (P9), and damaged
# blocks cost a copy or are refused, never believed.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

# The replica has room for a label.
setup()
{
	new_loop origin 8M
	new_loop replica 9M
	new_loop mirror_meta 1M
	mirror_sectors=16384
	put "$origin" 0 8
	new_mirror r "$origin" "$replica" region_size 128
	synced r
	run dmsetup remove r
}

# turn FIRST: the association runs for a while and changes something.
turn()
{
	new_mirror r "$origin" "$replica"
	synced r
	run dd if=/dev/urandom of=/dev/mapper/r bs=64k seek="$1" count=2 oflag=direct conv=notrunc \
		status=none
	run dmsetup remove r
}

save()
{
	blockdev --flushbufs "$1"
	dd if="$1" of="$dev_dir/saved" bs=1M status=none
	defer rm -f "$dev_dir/saved"
}

put_back()
{
	dd if="$dev_dir/saved" of="$1" bs=1M conv=fsync status=none
}

# refused SENTENCE ORIGIN REPLICA
refused()
{
	local sentence=$1
	shift
	dmesg_mark
	refuse dmsetup create r --table "$(mirror_table "$@")"
	dm_gone r
	dmesg_has "$sentence" || { dmesg_since && fail "not in the log: $sentence"; }
}

accepted()
{
	new_mirror r "$origin" "$replica" stale accept
	synced r
	same "resync_bytes" "$(status r resync_bytes)" $((8 * 1048576))
	run dmsetup remove r
	compare_legs "$origin" "$replica" 16384
}

old_replica()
{
	setup
	save "$replica"
	turn 8
	turn 16
	put_back "$replica"
	dmesg_mark
	new_mirror r "$origin" "$replica"
	synced r
	dmesg_has "the replica is an old one" || fail "not said"
	same "resync_bytes" "$(status r resync_bytes)" $((8 * 1048576))
	run dmsetup remove r
	compare_legs "$origin" "$replica" 16384
}

# It may be from the middle of a resync: no snapshot of it is waited for, and none made.
old_is_torn()
{
	setup
	save "$replica"
	turn 8
	turn 16
	new_mirror r "$origin" "$replica" protect snapshot
	synced r
	wait_for 20 "the log to have it as whole" status_is r whole 1
	run dmsetup remove r
	put_back "$replica"
	dmesg_mark
	new_mirror r "$origin" "$replica" protect snapshot
	synced r
	dmesg_has "the replica is an old one" || fail "not said"
	! dmesg_has "waits for the snapshot" || fail "it was taken for a copy of one moment"
	same "resync_bytes" "$(status r resync_bytes)" $((8 * 1048576))
	run dmsetup remove r
	compare_legs "$origin" "$replica" 16384
}

old_meta()
{
	setup
	save "$mirror_meta"
	turn 8
	put_back "$mirror_meta"
	refused "meta device is an old copy" "$origin" "$replica"
	accepted
}

other_replica()
{
	setup
	turn 8
	new_loop other 9M
	refused "replica has lost its label" "$origin" "$other"
	replica=$other
	accepted
	turn 8
	compare_legs "$origin" "$replica" 16384
}

swapped()
{
	setup
	refused "origin and replica are swapped" "$replica" "$origin"
}

stranger()
{
	local first_meta
	setup
	first_meta=$mirror_meta
	new_loop origin2 8M
	new_loop replica2 9M
	new_loop mirror_meta 1M
	new_mirror r "$origin2" "$replica2" region_size 128
	synced r
	run dmsetup remove r
	mirror_meta=$first_meta
	refused "replica belongs to another association" "$origin" "$replica2"
}

# flip OFFSET...: one bit of the meta device each.
flip()
{
	local offset
	for offset in "$@"; do
		flip_bit "$mirror_meta" "$offset"
	done
}

damaged()
{
	setup
	# One superblock is enough, whichever.
	flip 100
	turn 8
	flip $((16 * 4096 + 100))
	turn 16
	# A sector of the bitmap: all that it stands for is copied.
	flip $(((32 + 2) * 4096 + 40))
	new_mirror r "$origin" "$replica"
	synced r
	same "resync_bytes" "$(status r resync_bytes)" $((8 * 1048576))
	run dmsetup remove r
	# Both superblocks.
	flip 100 $((16 * 4096 + 100))
	refused "both superblocks of the meta device are damaged" "$origin" "$replica"
	compare_legs "$origin" "$replica" 16384
}

foreign()
{
	setup
	run mkfs.ext4 -q -F "$mirror_meta"
	dd if=/dev/zero of="$mirror_meta" bs=4096 seek=16 count=1 conv=notrunc,fsync status=none
	refused "meta device holds something else" "$origin" "$replica"
}

# incompatible: the features that a version has to know.
incompatible()
{
	dd if="$mirror_meta" bs=4096 count=1 iflag=direct status=none | od -An -tu8 -j 40 -N 8 |
		tr -d ' '
}

# What an older version would not understand keeps it away: it would copy in this state.
prepared()
{
	setup
	same "features" "$(incompatible)" 0
	new_mirror r "$origin" "$replica"
	synced r
	run message r suspend
	same "features, suspended" "$(incompatible)" 0
	run message r prepare
	same "features, prepared" "$(incompatible)" 2
	run dmsetup remove r
	new_mirror r "$origin" "$replica"
	same "state" "$(status r state)" Prepared
	run message r activate
	synced r
	compare_legs "$origin" "$replica" 16384
}

ktap_header
ktap_case "an old replica is copied in full" old_replica
ktap_case "an old replica is no consistent copy" old_is_torn
ktap_case "an old meta device is refused" old_meta
ktap_case "another replica is refused" other_replica
ktap_case "swapped legs are refused" swapped
ktap_case "the replica of another association is refused" stranger
ktap_case "damaged blocks" damaged
ktap_case "a meta device with something else on it" foreign
ktap_case "a state that older versions do not know" prepared
ktap_finish
