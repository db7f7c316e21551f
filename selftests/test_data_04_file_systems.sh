#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=300
#
# File systems on a replica: fio writes and verifies, then both legs are compared.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

legs()
{
	new_loop origin 64M
	new_loop replica 64M
	mkdir -p "$dev_dir/mnt-$BASHPID"
	mnt=$dev_dir/mnt-$BASHPID
	defer rmdir "$mnt"
}

# xfs refuses such small devices but for its own tests.
make_fs()
{
	case $1 in
	xfs) TEST_DIR=x TEST_DEV=x QA_CHECK_FS=x run mkfs.xfs -q -f "$2" ;;
	*) run mkfs."$1" -q "$2" ;;
	esac
}

check_fs()
{
	case $1 in
	xfs) run xfs_repair -n "$2" >/dev/null 2>&1 ;;
	*) run e2fsck -fn "$2" >/dev/null ;;
	esac
}

exercise()
{
	run fio --name=v --directory="$mnt" --rw=randrw --bsrange=1k-64k --bs_unaligned \
		--size=6M --numjobs=2 --fsync=32 --verify=crc32c --verify_fatal=1 --do_verify=1 \
		--output=/dev/null
	run fio --name=d --directory="$mnt" --rw=randwrite --direct=1 --bs=4k --ioengine=libaio \
		--iodepth=8 --size=6M --verify=crc32c --verify_fatal=1 --output=/dev/null
}

# On a device in step, and from the first moment of the initial copy on.
on()
{
	local fs=$1
	shift
	legs
	new_mirror r "$origin" "$replica" "$@"
	make_fs "$fs" /dev/mapper/r
	run mount /dev/mapper/r "$mnt"
	defer unmounted "$mnt"
	exercise
	run umount "$mnt"
	synced r
	idle r
	same "replica_errors" "$(status r replica_errors)" 0
	compare_legs "$origin" "$replica"
	check_fs "$fs" "$replica"
}

ktap_header
ktap_case "ext4" on ext4 sync skip
ktap_case "xfs" on xfs sync skip
ktap_case "ext4, during the initial copy" on ext4 resync_rate 8 region_size 64
ktap_case "xfs, payload shared" on xfs sync skip payload shared
ktap_finish
