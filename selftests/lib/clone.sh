# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# For the tests of the clone role; sourced after ktap.sh, dev.sh and replica.sh.
#
#	clone_legs MIB		$origin full of random bytes, $replica of others
#	point_in_time		$image: what the origin holds now
#	new_clone NAME [FEATURE VALUE]...	of them, with $mirror_meta if set
#	is_point_in_time	the replica is, byte by byte, what the image is
#	slow_clone NAME [FEATURE VALUE]...	a clone whose job takes long, $size bytes

clone_legs()
{
	new_loop origin "$1M"
	new_loop replica "$1M"
	put "$origin" 0 "$1"
	put "$replica" 0 "$1"
}

point_in_time()
{
	image=$dev_dir/image-$BASHPID
	defer rm -f "$image"
	run dd if="$origin" of="$image" bs=1M iflag=direct status=none
}

new_clone()
{
	local name=$1
	shift
	new_mirror "$name" "$origin" "$replica" role clone "$@"
}

is_point_in_time()
{
	blockdev --flushbufs "$replica"
	cmp "$image" <(dd if="$replica" bs=1M iflag=direct status=none) ||
		fail "the clone is not what the origin was"
	say "the clone is what the origin was"
}

# slow_clone NAME [FEATURE VALUE]...: 16 MiB, at 1 MiB/s, small regions.
slow_clone()
{
	clone_legs 16
	point_in_time
	new_clone "$1" region_size 128 resync_rate 1 "${@:2}"
}
