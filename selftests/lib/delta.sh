# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# For the tests of delta updates; sourced after replica.sh. Mirrors are in mode async.
#
#	delta_legs MIB		$origin and $replica with the same random bytes, and
#				$before, a file with what they hold now
#	new_delta MS [FEATURE VALUE]...	r of them, in step, an update every MS; of $copy instead
#				of $replica, with regions of $delta_region sectors, if these are set
#	point_writer		helpers/point_writer.py writes to r in the background, until
#				stop_point_writer; returned prints how many writes have returned
#	update			one is complete that began after this call
#	is_point [AT_LEAST]	the replica is the origin after some number of these writes, byte
#				by byte, and that number is at least so high; sets $point
#	untouched CMD...	CMD leaves the replica as it is
mirror_mode=async
helpers=$(readlink -f "$(dirname "$0")/helpers")

delta_legs()
{
	twins "$1"
	before=$dev_dir/before-$BASHPID
	defer rm -f "$before"
	run dd if="$origin" of="$before" bs=1M iflag=direct status=none
}

new_delta()
{
	new_mirror r "$origin" "${copy:-$replica}" sync skip region_size "${delta_region:-128}" \
		delta_ms "$@"
	same "state" "$(status r state)" Synchronized
}

point_writer()
{
	count=$dev_dir/count-$BASHPID
	defer rm -f "$count"
	rm -f "$count"
	say "+ point_writer.py"
	python3 "$helpers/point_writer.py" /dev/mapper/r "$count" &
	writer=$!
	defer end_load "$writer"
	wait_for 30 "the first writes" more_than 20
}

stop_point_writer()
{
	end_load "$writer"
}

returned()
{
	local number
	number=$(cat "$count" 2>/dev/null) || number=0
	echo $((10#${number:-0}))
}

more_than()
{
	(($(returned) > $1))
}

update()
{
	run message r confirm 120000
	same "state" "$(status r state)" Synchronized
}

is_point()
{
	blockdev --flushbufs "$replica"
	point=$(python3 "$helpers/point_writer.py" --check "$before" "$replica" "${1:-0}") ||
		fail "the replica is not of one point in time: $point"
	say "the replica is of write $point"
}

untouched()
{
	local sum
	sum=$(dd if="$replica" bs=1M iflag=direct status=none | sha256sum)
	"$@"
	same "the replica" "$(dd if="$replica" bs=1M iflag=direct status=none | sha256sum)" "$sum"
}
