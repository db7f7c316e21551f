#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=long timeout=900 mem=2048
#
# In mode async the replica is always a state that the origin could have crashed into (P4):
# whenever it is cut off, and also when it loses its volatile cache then, file systems and a
# database recover from it, and the database has its rows without a hole. ext4, xfs and SQLite
# are under load on a mirror with a replica that is slower and records what it gets; then
# helpers/recovery_check.py, whose head has what is tried, lets them recover. Modes change,
# mode adaptive switches by itself, and the replica loses its cache and is copied to.
#
# test_async_02 looks at all states after each event, and at what any software could rely on.
# This one is the check that nothing was forgotten there that real software does rely on.
#
# RECOVERY_POINTS is how many points of each record are looked at, of xfs half as many: half of
# them after each 50th write to the replica, half before the end of each flush; 0 is all of
# them, which takes an hour and more. RECOVERY_CASES chooses cases, of: plant rows events ext4
# xfs. CRASH_KEEP is a directory for the records, and for images that did not recover.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/crash.sh"
. "$(dirname "$0")/lib/order.sh"
region=64 timeout_ms=30000
points=${RECOVERY_POINTS:-24}
mnt=$dev_dir/recovery-$$

# make_fs FS DEVICE: xfs refuses such small devices but for its own tests.
make_fs()
{
	case $1 in
	xfs) TEST_DIR=x TEST_DEV=x QA_CHECK_FS=x run mkfs.xfs -q -f "$2" ;;
	ext4) run mkfs.ext4 -q -F -b 1024 -J size=1 "$2" $((sectors / 2))k ;;
	esac
}

# mounted FS DEVICE: a new one, on $mnt.
mounted()
{
	make_fs "$1" "$2"
	run mount -t "$1" "$2" "$mnt"
	defer unmounted "$mnt"
}

# load CMD...: in the background until all_ended.
load()
{
	say "+ $*"
	"$@" &
	writers+=("$!")
	defer end_load "$!"
}

# all_ended: and none of them by itself.
all_ended()
{
	local pid
	for pid in "${writers[@]}"; do
		kill -0 "$pid" || fail "a load has ended by itself"
	done
	stop_writers
}

files()
{
	load python3 "$helpers/file_stress.py" --workers 2 "$mnt"
	mkdir "$mnt/fio"
	load fio --name=fsync --directory="$mnt/fio" --rw=randwrite --bsrange=1k-32k \
		--bs_unaligned --size=1M --fsync=4 --time_based --runtime=900 --output=/dev/null
}

create_rows()
{
	rm -f "$rows"
	run python3 "$helpers/row_writer.py" --create "$mnt/rows.db"
}

rows()
{
	load python3 "$helpers/row_writer.py" "$mnt/rows.db" "$rows"
}

# committed: how many rows were.
committed()
{
	tail -n 1 "$rows" | cut -d' ' -f1
}

# clock: times of other records than the disks' are compared with it.
clock()
{
	local uptime
	read -r uptime _ </proc/uptime
	disks mark clock "$uptime"
}

# on FS [FEATURE VALUE]...: the mapping r with a file system, in mode async.
on()
{
	local fs=$1
	shift
	modes=(async) writers=()
	start_disks "$log"
	dmsetup create r --table "$(table sync skip queue_bytes 4194304 "$@")"
	defer dm_gone r
	mounted "$fs" /dev/mapper/r
}

# settled: what has been done so far is durable on both legs.
settled()
{
	sync -f "$mnt"
	idle r
	clock
	promised
	slower
}

# over NAME: all of it is on the replica.
over()
{
	all_ended
	idle r
	still_promised
	disks mark drained "$(committed)"
	say "queue_high_entries $(status r queue_high_entries), $(disks events) events"
	at_least "queue_high_entries" "$(status r queue_high_entries)" 20
	run umount "$mnt"
	idle r
	compare_legs /dev/nbd0 /dev/nbd1 "$sectors"
	dm_gone r
	stop_disks
	keep "$1"
	[[ -z ${CRASH_KEEP:-} ]] || cp "$rows" "$CRASH_KEEP/$1.rows"
}

# recovers FS [OPTION]...: two states at a time.
recovers()
{
	local half=() n
	for n in 0 1; do
		recover "$n/2" "$@" &
		half+=("$!")
	done
	for n in "${half[@]}"; do
		wait "$n" || fail "see above"
	done
}

# recover PART FS [OPTION]...
recover()
(
	local image place=$mnt-${1%/*}
	deferred=()
	trap run_deferred EXIT
	new_loop image $(((sectors + 64) * 512))
	mkdir -p "$place"
	defer rmdir "$place"
	defer unmounted "$place"
	run python3 "$helpers/recovery_check.py" --part "$1" --points "$points" \
		--rows rows.db --acknowledged "$rows" ${CRASH_KEEP:+--keep "$CRASH_KEEP"} \
		"${@:3}" "$log" "$2" "$image:$(behind "$image")" "$place"
)

# On a disk without a mirror: nothing but the order is to be seen, and what is planted.
planted()
{
	local points=16
	writers=()
	start_disks "$log"
	mounted ext4 /dev/nbd1
	create_rows
	sync -f "$mnt"
	disks late 10 5
	clock
	disks mark ordered
	rows
	busy 1000
	all_ended
	disks mark drained "$(committed)"
	run umount "$mnt"
	stop_disks
	keep planted
	recovers ext4
	say "with a write left out"
	points=24
	recovers ext4 --plant 4
}

# file_record FS
file_record()
{
	on "$1"
	create_rows
	settled
	files
	rows
	busy 1500
	busy 1500
	busy 1500
	over "$1"
}

row_record()
{
	on ext4
	create_rows
	settled
	rows
	busy 1500
	busy 1500
	busy 1500
	over rows
}

eventful_record()
{
	local mode
	on ext4
	create_rows
	settled
	rows
	busy 300
	for mode in sync async sync async; do
		to "$mode"
	done
	flapping
	to async
	unordered lose_cache
	unordered take_aside
	unordered lose_cache
	over eventful
}

# chosen NAME
chosen()
{
	[[ " ${RECOVERY_CASES:-$1} " == *" $1 "* ]]
}

log=$dev_dir/recovery-log-$$ rows=$dev_dir/recovery-rows-$$
ktap_header
defer rm -f "$log" "$rows"
mkdir -p "$mnt"
defer rmdir "$mnt"
sectors=32768
if chosen plant; then
	ktap_case "the check finds what is planted, and nothing else" planted
fi
if chosen rows; then
	ktap_case "rows are committed" row_record
	ktap_case "they are there without a hole, whenever" recovers ext4
fi
if chosen events; then
	ktap_case "modes change, and the replica loses its cache" eventful_record
	ktap_case "rows have no hole, but for what a resync may do" recovers ext4
fi
if chosen ext4; then
	ktap_case "rows and files come and go on ext4" file_record ext4
	ktap_case "ext4 recovers, whenever" recovers ext4 --files
fi
if chosen xfs; then
	# Each recovery takes several times as long.
	sectors=65536 points=$(((points + 1) / 2))
	ktap_case "rows and files come and go on xfs" file_record xfs
	ktap_case "xfs recovers, whenever" recovers xfs --files
fi
ktap_finish
