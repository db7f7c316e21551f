#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300 disks=128M,128M mem=512
#
# Memory pressure (P7): a replica under swap and under writeback, in a small memory group
# that does not let go. Nothing may hang, and what was swapped comes back as it was.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

group=/sys/fs/cgroup/replica-$$

# in_group MIB CMD...: with that much memory and no more.
in_group()
{
	local mib=$1
	shift
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || skip "no memory groups"
	mkdir -p "$group"
	defer rmdir "$group"
	echo $((mib << 20)) >"$group/memory.max"
	# shellcheck disable=SC2016 # expanded by the inner shell
	run bash -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$group" "$@"
}

disks()
{
	new_disk origin 0
	new_disk replica 1
}

swapping()
{
	local before
	disks
	new_mirror r "$origin" "$replica" resync_rate 10 payload "$1"
	run mkswap -q /dev/mapper/r
	run swapon /dev/mapper/r
	defer unswapped /dev/mapper/r
	before=$(swapped_out)
	in_group 16 timeout 100 stress-ng --vm 2 --vm-bytes 20M --vm-method incdec --verify \
		--timeout 12 --quiet
	say "swapped: $(grep -E 'pswp(in|out)' /proc/vmstat | xargs)"
	at_least "pages swapped out" "$(swapped_since "$before")" 500
	run swapoff /dev/mapper/r
	message r set resync_rate auto
	synced r
	idle r
	# Swap changes pages while they are written.
	[[ $1 == shared ]] || compare_legs "$origin" "$replica"
}

writeback()
{
	local mnt=$dev_dir/mnt-$BASHPID
	disks
	new_mirror r "$origin" "$replica" sync skip
	run mkfs.ext4 -q -F /dev/mapper/r
	mkdir "$mnt"
	defer rmdir "$mnt"
	run mount /dev/mapper/r "$mnt"
	defer unmounted "$mnt"
	in_group 12 timeout 100 fio --name=v --directory="$mnt" --rw=randwrite --bs=64k --size=12M \
		--numjobs=2 --thread --end_fsync=1 --verify=crc32c --verify_fatal=1 --output=/dev/null
	run umount "$mnt"
	idle r
	say "writes that waited for memory: $(status r memory_waits)"
	compare_legs "$origin" "$replica"
}

# The whole machine short of memory, the replica breaking and returning under it.
whole_machine()
{
	local disk kib before
	new_disk origin 0
	new_disk disk 1
	new_linear replica "$disk"
	new_mirror r "$origin" "$replica" sync skip
	run mkswap -q /dev/mapper/r
	run swapon /dev/mapper/r
	defer unswapped /dev/mapper/r
	before=$(swapped_out)
	# A quarter of the swap is needed, whatever the machine has: two workers share it. KASAN
	# takes as much again while they run.
	kib=$(($(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo) + 32768))
	timeout $((200 * ktap_factor)) stress-ng --vm 2 --vm-bytes "${kib}K" --vm-method write64 --vm-keep --quiet &
	load_pid=$!
	defer end_load "$load_pid"
	wait_for 60 "something to be swapped" swapped_more "$before"
	break_dev "$replica"
	wait_for 60 "r to break" is r Broken
	heal_dev "$replica"
	synced r
	kill -0 "$load_pid" || fail "the load has ended by itself"
	say "pages swapped out: $(swapped_since "$before")"
	end_load "$load_pid"
	run swapoff /dev/mapper/r
	idle r
	compare_legs "$origin" "$replica"
}

swapped_out()
{
	sed -n 's/^pswpout //p' /proc/vmstat
}

# swapped_since BEFORE: pages that went out since swapped_out said so.
swapped_since()
{
	echo $(($(swapped_out) - $1))
}

swapped_more()
{
	(($(swapped_since "$1") > 1000))
}

ktap_header
ktap_case "swap on a replica" swapping copy
ktap_case "swap on a replica with payload shared" swapping shared
ktap_case "writeback in a small memory group" writeback
ktap_case "the machine out of memory, the replica failing" whole_machine
ktap_finish
