# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# For the tests that let file systems and a database recover from what the replica held:
# helpers/recovery_check.py has what is tried. Sourced after order.sh; the mapping is r, its
# file system is on $mnt, $rows has what row_writer.py says.
#
#	on FS [FEATURE VALUE]...	r in mode async, with a new file system
#	create_rows, rows	a database, and a load on it
#	files			a load of files
#	settled			what has been done so far is durable; order is promised
#	over NAME		the end of the load: all of it is on the replica
#	file_record FS		all of that
#	recovers FS [OPTION]...	what helpers/recovery_check.py says of the record
#	chosen NAME		is this case one of $RECOVERY_CASES?
#	records			before the first case: files of a record, and the mount point
#	for_xfs			larger disks, and fewer points, for each recovery takes longer
#
# What is looked at: after each 50th write to the replica all three states of recovery_check.py,
# and before the end of each flush of it one of them; of xfs, whose recovery takes five times
# as long, at RECOVERY_POINTS of them, 30, and 0 is all of these too. RECOVERY_SEED draws them,
# another one each time, and it is told. CRASH_KEEP is a directory for the records, and for
# images that did not recover.
region=64 timeout_ms=30000
points=${RECOVERY_POINTS:-0}
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

# file_record FS: a record, with rows and files.
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

# recovers FS [OPTION]...: two states at a time.
recovers()
{
	local half=() n seed
	seed=${RECOVERY_SEED:-$RANDOM}
	say "RECOVERY_SEED=$seed"
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
	run python3 "$helpers/recovery_check.py" --part "$1" --points "$points" --seed "$seed" \
		--rows rows.db --acknowledged "$rows" ${CRASH_KEEP:+--keep "$CRASH_KEEP"} \
		"${@:3}" "$log" "$2" "$image:$(behind "$image")" "$place"
)

# chosen NAME
chosen()
{
	[[ " ${RECOVERY_CASES:-$1} " == *" $1 "* ]]
}

records()
{
	log=$dev_dir/recovery-log-$$ rows=$dev_dir/recovery-rows-$$
	defer rm -f "$log" "$rows"
	mkdir -p "$mnt"
	defer rmdir "$mnt"
	sectors=32768
}

for_xfs()
{
	sectors=65536 points=${RECOVERY_POINTS:-30}
}
