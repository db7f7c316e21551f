# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# Memory pressure, for tests with two disks; sourced after replica.sh. The test defines disks(),
# which sets $origin and $replica, and $weak, of the replica, which can be broken.
#
#	swapping [FEATURE VALUE]...	swap on r in a small memory group
#	writeback [FEATURE VALUE]...	writeback through r in a small memory group
#	whole_machine [FEATURE VALUE]...	the machine out of memory, the replica failing
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

swapping()
{
	local before
	disks
	new_mirror r "$origin" "$replica" resync_rate 10 "$@"
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
	[[ " $*" == *" payload shared"* ]] || compare_legs "$origin" "$replica"
}

writeback()
{
	local mnt=$dev_dir/mnt-$BASHPID
	disks
	new_mirror r "$origin" "$replica" sync skip "$@"
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

# Memory is had by swapping rather than by dropping the pages of programs, which would only be
# read again: the pressure is on the replica.
swap_first()
{
	local before
	before=$(sysctl -n vm.swappiness)
	defer sysctl -qw "vm.swappiness=$before"
	run sysctl -qw vm.swappiness=200
}

# The whole machine short of memory, the replica breaking and returning under it.
whole_machine()
{
	local kib before
	swap_first
	disks
	new_mirror r "$origin" "$replica" sync skip "$@"
	run mkswap -q /dev/mapper/r
	run swapon /dev/mapper/r
	defer unswapped /dev/mapper/r
	before=$(swapped_out)
	# A quarter of the swap is needed, whatever the machine has: two workers share it. KASAN
	# takes as much again while they run. Swap must not run out: then it is programs that
	# are dropped and read again, and nothing goes on, with a replica or without.
	kib=$(($(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo) + 32768))
	# For longer than all that is waited for below.
	timeout $((300 * ktap_factor * ${KTAP_PATIENCE:-1})) stress-ng --vm 2 --vm-bytes "${kib}K" \
		--vm-method write64 --vm-keep --quiet &
	load_pid=$!
	defer end_load "$load_pid"
	wait_for 60 "something to be swapped" swapped_more "$before"
	break_dev "$weak"
	wait_for 60 "r to break" is r Broken
	heal_dev "$weak"
	synced r
	kill -0 "$load_pid" || fail "the load has ended by itself"
	say "pages swapped out: $(swapped_since "$before"); $(grep SwapFree /proc/meminfo | xargs)"
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
