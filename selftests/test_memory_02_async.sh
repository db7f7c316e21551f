#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=long timeout=500 disks=128M,128M,64M,64M mem=512
#
# Memory pressure (P5, P7) in mode async, with a replica that is slower than the origin: what
# waits in the queue is memory that is short, and memory is had by writing through the queue.
# Nothing may hang, nothing may be killed, and what was swapped comes back as it was.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/memory.sh"
mirror_mode=async

disks()
{
	local disk
	new_disk origin 0
	new_disk disk 1
	new_linear weak "$disk"
	new_delay replica "$weak" 0 10
}

# Two replicas, one under swap and the other under writeback, of one small memory group.
both()
{
	local mnt=$dev_dir/mnt-$BASHPID before load="" swap_origin swap_replica
	disks
	swap_origin=$origin swap_replica=$replica
	new_mirror r "$origin" "$replica" sync skip queue_bytes 4194304
	new_disk origin 2
	new_disk disk 3
	new_delay replica "$disk" 0 10
	new_mirror s "$origin" "$replica" sync skip queue_bytes 4194304
	run mkswap -q /dev/mapper/r
	run swapon /dev/mapper/r
	defer unswapped /dev/mapper/r
	run mkfs.ext4 -q -F /dev/mapper/s
	mkdir "$mnt"
	defer rmdir "$mnt"
	run mount /dev/mapper/s "$mnt"
	defer unmounted "$mnt"
	before=$(swapped_out)
	load="stress-ng --vm 2 --vm-bytes 20M --vm-method incdec --verify --timeout 20 --quiet &
		fio --name=v --directory=$mnt --rw=randwrite --bs=64k --size=12M --numjobs=2 --thread \
		--end_fsync=1 --loops=3 --verify=crc32c --verify_fatal=1 --output=/dev/null && wait \$!"
	in_group 20 timeout 200 bash -c "$load"
	at_least "pages swapped out" "$(swapped_since "$before")" 500
	at_least "queue_high_entries of s" "$(status s queue_high_entries)" 16
	at_most "queue_high_bytes of s" "$(status s queue_high_bytes)" 4194304
	run umount "$mnt"
	run swapoff /dev/mapper/r
	idle s
	compare_legs "$origin" "$replica"
	idle r
	compare_legs "$swap_origin" "$swap_replica"
	bound=4194304
}

# under_pressure CASE [FEATURE VALUE]...
under_pressure()
{
	local bound=67108864
	[[ ! " $* " =~ " queue_bytes "([0-9]+) ]] || bound=${BASH_REMATCH[1]}
	dmesg_mark
	"$@"
	say "$(status r queue_high_entries queue_high_bytes overflows memory_waits | xargs)"
	at_least "queue_high_entries" "$(status r queue_high_entries)" 16
	at_most "queue_high_bytes" "$(status r queue_high_bytes)" "$bound"
	! dmesg_has 'Out of memory|oom-kill' || fail "a process was killed"
}

ktap_header
ktap_case "swap" under_pressure swapping
ktap_case "swap, and a queue that is given up" under_pressure swapping overflow track \
	queue_bytes 4194304
ktap_case "swap and writeback on two replicas at once" under_pressure both
ktap_case "writeback in a small memory group" under_pressure writeback
# What the queue takes has to fit into the swap, besides what the load takes.
ktap_case "the machine out of memory, the replica failing" under_pressure whole_machine \
	queue_bytes 16777216
ktap_finish
