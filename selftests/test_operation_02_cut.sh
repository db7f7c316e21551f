#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# A replica that is cut off on purpose: split gives a consistent one, fracture, suspend and
# deactivate track what is written, and only that is copied when it comes back.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

# Split under a file system at work: what the replica holds is what a crash of the machine
# could have left.
split_file_system()
{
	local mnt=$dev_dir/mnt-$BASHPID worker
	new_loop origin 32M
	new_loop replica 32M
	new_mirror r "$origin" "$replica" sync skip
	run mkfs.ext4 -q /dev/mapper/r
	mkdir "$mnt"
	defer rmdir "$mnt"
	run mount /dev/mapper/r "$mnt"
	defer unmounted "$mnt"
	(set +eE; for ((i = 0; ; i++)); do
		mkdir "$mnt/d$i"
		cp -r /etc/default "$mnt/d$i/"
		sync "$mnt/d$i"
		rm -rf "$mnt/d$((i - 10))"
	done) 2>/dev/null &
	worker=$!
	defer end_load "$worker"
	wait_for 60 "some work to be done" test -d "$mnt/d12"
	run message r split
	same "state" "$(status r state)" Split
	same "consistent_now" "$(status r consistent_now)" 1
	run dd if="$replica" of="$dev_dir/copy-$BASHPID" bs=1M iflag=direct status=none
	defer rm -f "$dev_dir/copy-$BASHPID"
	# The journal is replayed, then nothing may be wrong.
	run e2fsck -p "$dev_dir/copy-$BASHPID" || (($? == 1)) || fail "cannot be preened"
	run e2fsck -fn "$dev_dir/copy-$BASHPID"
	end_load "$worker"
	# The command that the worker was at may live a little longer.
	wait_for 30 "the file system to be free" umount "$mnt"
	run message r resync
	synced r
	compare_legs "$origin" "$replica"
}

# The replica of a split does not change.
split_is_fixed()
{
	local before
	twins 8
	new_mirror r "$origin" "$replica" sync skip
	start_load /dev/mapper/r --size=8M
	run message r split
	before=$(sha256sum <"$replica")
	wait_for 20 "tracked writes" test_more tracked_writes 20
	same "the split replica" "$(sha256sum <"$replica")" "$before"
	stop_load
	same "consistent_now" "$(status r consistent_now)" 1
	run message r resync
	synced r
	compare_legs "$origin" "$replica"
}

test_more()
{
	(($(status r "$1") > $2))
}

# delta OPERATION BACK: written while away: 1 MiB at 2, 5 regions of 64 KiB at 4.
delta()
{
	local before dirty
	twins 8
	new_mirror r "$origin" "$replica" sync skip region_size 128
	put /dev/mapper/r 0 1
	run blockdev --flushbufs /dev/mapper/r
	run flush /dev/mapper/r
	run message r "$1"
	same "dirty_bytes" "$(status r dirty_bytes)" 0
	put /dev/mapper/r 2 1
	run dd if=/dev/urandom of=/dev/mapper/r bs=64k seek=64 count=5 oflag=direct conv=notrunc \
		status=none
	dirty=$(status r dirty_bytes)
	same "dirty_bytes" "$dirty" $(((16 + 5) * 65536))
	same "dirty_regions" "$(status r dirty_regions)" 21
	same "percent" "$(status r percent)" $(((128 - 21) * 100 / 128))
	before=$(status r resync_bytes)
	run message r "$2"
	synced r
	same "the bytes of the job" "$(job_field r 5)" "$dirty"
	same "resync_bytes" "$(status r resync_bytes)" $((before + dirty))
	compare_legs "$origin" "$replica"
}

# Fractured at any moment, under load, again and again.
fracture_under_load()
{
	local i
	twins 8
	new_mirror r "$origin" "$replica" sync skip
	start_load /dev/mapper/r --size=8M
	for ((i = 0; i < 10; i++)); do
		message r fracture
		message r resync
		((i & 1)) || wait_for 60 "r to be in step" in_sync r
	done
	stop_load
	synced r
	idle r
	compare_legs "$origin" "$replica"
}

ktap_header
ktap_case "the replica of a split holds a clean file system" split_file_system
ktap_case "a split replica does not change" split_is_fixed
ktap_case "split, resync: the delta" delta split resync
ktap_case "fracture, resync: the delta" delta fracture resync
ktap_case "suspend, resume: the delta" delta suspend resume
ktap_case "deactivate, activate: the delta" delta deactivate activate
ktap_case "fracture and resync under load" fracture_under_load
ktap_finish
