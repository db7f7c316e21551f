# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2034
#
# For tests of the queue; sourced after replica.sh. Mirrors are in mode async unless
# mirror_mode says otherwise.
#
#	slow MIB DELAY_MS [FEATURE VALUE]...	r, of equal legs $origin and $replica, the replica
#				behind $weak, which can be broken, and a delay, $late
#	small COUNT		writes of 4 KiB to r, one after the other
#	equal			r is in step, its queue empty, and both legs hold the same
mirror_mode=async

slow()
{
	twins "$1"
	new_linear weak "$replica"
	new_delay late "$weak" 0 "$2"
	new_mirror r "$origin" "$late" sync skip region_size 128 "${@:3}"
}

small()
{
	run dd if=/dev/urandom of=/dev/mapper/r bs=4k count="$1" oflag=direct conv=notrunc \
		status=none
}

equal()
{
	synced r 120
	idle r
	compare_legs "$origin" "$replica"
}
