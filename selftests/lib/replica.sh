# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# For the tests of the target itself; sourced after ktap.sh and dev.sh. A replica named
# NAME is /dev/mapper/NAME.
#
#	new_mirror NAME ORIGIN REPLICA [FEATURE VALUE]...	removed at the end
#	mirror_table ORIGIN REPLICA [FEATURE VALUE]...		its table line
#	reload NAME TABLE	suspend, load, resume
#	status NAME KEY...	values of the status line
#	is NAME STATE		for wait_for; in_sync NAME is NAME Synchronized
#	synced NAME		waits until it is in step
#	message NAME WORD...	message that has to be refused: refuse message ...
#	resumed NAME		resume, of one that is Broken or was a moment ago
#	queue NAME FILE		of its queue in sysfs
#	at_least A B, at_most A B	compare numbers
#	twins MIB [BLOCK_SIZE]	$origin and $replica, equal
#	put DEVICE FIRST_MIB COUNT_MIB	random bytes, direct, not flushed
#	flush DEVICE		what is in its caches
#	more_copied NAME BYTES	for wait_for: resync_bytes is more than that
#	spray DEVICE [FIO OPTION]...	random writes, the data read back and verified
#	start_load DEVICE [FIO OPTION]..., stop_load	the same in the background
#	timed MAX CMD...	fails when CMD takes longer than MAX seconds,
#				four times as many on a debug kernel
#	holed DEVICE FIRST COUNT	table of a linear mapping in which sectors fail

# mirror_table ORIGIN REPLICA [FEATURE VALUE]...: as long as the origin, or $mirror_sectors;
# with the meta device $mirror_meta and in the mode $mirror_mode, if these are set.
mirror_table()
{
	local origin=$1 replica=$2
	shift 2
	echo "0 ${mirror_sectors:-$(dev_sectors "$origin")} replica $origin $replica ${mirror_meta:--} ${mirror_mode:-sync} $# $*"
}

new_mirror()
{
	local name=$1
	shift
	say "+ mirror $name: $*"
	dmsetup create "$name" --table "$(mirror_table "$@")"
	defer dm_gone "$name"
}

reload()
{
	say "+ reload $1: $2"
	dmsetup suspend "$1"
	dmsetup load "$1" --table "$2"
	dmsetup resume "$1"
}

# status NAME KEY...: each on a line of its own
status()
{
	local line key value
	line="$(dmsetup status "$1") "
	for key in "${@:2}"; do
		[[ $line == *" $key="* ]] || fail "the status of $1 has no $key: $line"
		value=${line#* "$key"=}
		echo "${value%% *}"
	done
}

is()
{
	[[ $(status "$1" state) == "$2" ]]
}

in_sync()
{
	is "$1" Synchronized
}

# A probe of its own may have been faster.
resumed()
{
	say "+ message $1 resume"
	message "$1" resume || ! is "$1" Broken || fail "$1 cannot be resumed"
}

# status_is NAME KEY VALUE
status_is()
{
	[[ $(status "$1" "$2") == "$3" ]]
}

# synced NAME [SECONDS]
synced()
{
	wait_for "${2:-60}" "$1 to be in step" in_sync "$1"
	same "dirty_regions, percent, consistent_now" \
		"$(status "$1" dirty_regions percent consistent_now)" $'0\n100\n1'
}

# idle NAME: nothing is under way; for the end of a scenario.
idle()
{
	wait_for 20 "no write of $1 to be under way" status_is "$1" inflight 0
	wait_for 20 "no given-up request of $1 to be out" status_is "$1" detached 0
	wait_for 60 "the queue of $1 to be empty" status_is "$1" queue_entries 0
}

message()
{
	local name=$1
	shift
	POSIXLY_CORRECT=1 dmsetup message "$name" 0 "$@" 2>&1
}

# queue NAME FILE: what the mapping's queue says.
queue()
{
	local numbers
	numbers=$(dmsetup info -c --noheadings -o major,minor "$1")
	cat "/sys/dev/block/$numbers/queue/$2"
}

# last_job NAME: its line in the message jobs.
last_job()
{
	local text
	text=$(message "$1" jobs)
	echo "${text##*$'\n'}"
}

# job_field NAME N...: 1 id, 2 type, 3 state, 4 percent, 5 done, 6 total, 9 error
job_field()
{
	local words field
	read -ra words <<<"$(last_job "$1")"
	for field in "${@:2}"; do
		echo "${words[field - 1]:-}"
	done
}

at_least()
{
	(($2 >= $3)) || fail "$1 is $2, expected $3 or more"
}

at_most()
{
	(($2 <= $3)) || fail "$1 is $2, expected $3 or less"
}

# twins MIB [BLOCK_SIZE]: $origin and $replica, loop devices with the same random bytes.
twins()
{
	new_loop origin "$1M" "${2:-512}"
	new_loop replica "$1M" "${2:-512}"
	put "$origin" 0 "$1"
	run dd if="$origin" of="$replica" bs=1M iflag=direct oflag=direct status=none
}

# put DEVICE FIRST_MIB COUNT_MIB: random bytes, direct, not flushed.
put()
{
	run dd if=/dev/urandom of="$1" bs=1M seek="$2" count="$3" oflag=direct conv=notrunc \
		status=none
}

flush()
{
	dd if=/dev/null of="$1" conv=notrunc,fsync status=none
}

more_copied()
{
	(($(status "$1" resync_bytes) > $2))
}

spray()
{
	local device=$1
	shift
	run fio --name=spray --filename="$device" --direct=1 --rw=randwrite --bsrange=4k-64k \
		--ioengine=libaio --iodepth=8 --size=8M --verify=crc32c --verify_fatal=1 --thread \
		--minimal --output=/dev/null "$@"
}

start_load()
{
	local device=$1
	shift
	load_out=$dev_dir/load-$BASHPID
	fio --name=load --filename="$device" --direct=1 --rw=randwrite --bs=4k --ioengine=libaio \
		--iodepth=8 --size=16M --time_based --runtime=600 --output="$load_out" "$@" &
	load_pid=$!
	defer rm -f "$load_out"
	defer end_load "$load_pid"
	wait_for 30 "the load to write to ${device##*/}" wrote "$device"
}

wrote()
{
	(($(status "${1##*/}" writes) > 0))
}

end_load()
{
	kill "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

# stop_load: fails when the load saw an error.
stop_load()
{
	kill -0 "$load_pid" || fail "the load has ended by itself"
	end_load "$load_pid"
	say "$(grep -m1 'err=' "$load_out")"
	grep -q 'err= 0' "$load_out" || fail "the load saw an error: $(grep -E 'err=|fio:' "$load_out")"
}

# timed MAX CMD...
timed()
{
	local max=$(($1 * ktap_factor)) begin took
	shift
	begin=${EPOCHREALTIME/[.,]/}
	run "$@"
	took=$(((${EPOCHREALTIME/[.,]/} - begin) / 1000))
	say "took $took ms: $*"
	((took <= max * 1000)) || fail "took $took ms, more than $max s: $*"
}

# holed DEVICE FIRST COUNT
holed()
{
	local sectors behind=$(($2 + $3))
	sectors=$(dev_sectors "$1")
	(($2 == 0)) || echo "0 $2 linear $1 0"
	echo "$2 $3 error"
	((behind >= sectors)) || echo "$behind $((sectors - behind)) linear $1 $behind"
}
