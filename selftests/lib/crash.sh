# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2119,SC2120,SC2154
#
# For the tests that record what the disks get: three nbd devices with volatile caches, of
# which helpers/crash_disks.py writes down every request in one order. Sourced after
# ktap.sh, dev.sh and replica.sh; the test sets $log, the file of the record.
#
#	start_disks LOG		/dev/nbd0 to 2: origin, replica, meta device; stop_disks
#	disks WORD...		a command to the recorder; its head lists them
#	begin [FEATURE VALUE]..., end	the mapping r, its halves fs and raw
#	writer [OPTION]... FILE	in the background until stop_writers
#	busy EVENTS		until so many more have been recorded
#	data DEVICE		the sum of its first 8 MiB, past the page cache
#	bad_replica, resync, cut_off, cut_begin	what may happen to it
#	long_record [FEATURE VALUE]...	all of that, then every_cut and sample judge it
#	keep NAME		the record goes to $CRASH_KEEP
#
# $legs are origin and replica, as their places are; the origin has $origin_room sectors more
# than are mirrored. $modes are those that next_mode goes through, the first is that of the
# tables; $features are those that every table has, $replay_options those of crash_replay.py.
helpers=$(readlink -f "$(dirname "$0")/helpers")
sectors=${CRASH_SECTORS:-16384} region=${CRASH_REGION:-8}
meta_sectors=1024 timeout_ms=2000
run_number=0
modes=(sync) mode_number=0 features=() replay_options=()
legs=(/dev/nbd0 /dev/nbd1) origin_room=0
writers=()

# disks WORD...: a command to the recorder.
disks()
{
	local answer
	echo "$*" >&"${DISKS[1]}"
	read -r -t 60 answer <&"${DISKS[0]}" || fail "the disks do not answer: $*"
	[[ $answer != unknown* ]] || fail "$answer"
	[[ $1 != is_off && $1 != events ]] || echo "$answer"
}

# start_disks LOG
start_disks()
{
	local answer
	modprobe nbd nbds_max=4 max_part=0
	defer modprobe -r nbd
	coproc DISKS { exec python3 "$helpers/crash_disks.py" "$1" $((sectors + origin_room)) \
		$((sectors + 64)) "$meta_sectors" /dev/nbd0 /dev/nbd1 /dev/nbd2; }
	defer stop_disks
	read -r -t 60 answer <&"${DISKS[0]}" && same "the recorder" "$answer" ok
	wait_for 20 "the disks" disks_ready
	same "cache of the origin" "$(cat /sys/block/nbd0/queue/write_cache)" "write back"
	same "FUA of the origin" "$(cat /sys/block/nbd0/queue/fua)" 1
}

disks_ready()
{
	local n
	for n in 0 1 2; do
		(($(cat /sys/block/nbd"$n"/size) > 0)) || return 1
	done
	dd if=/dev/nbd2 of=/dev/null bs=4096 count=1 iflag=direct status=none
}

stop_disks()
{
	local pid=${DISKS_PID:-}
	[[ -n $pid ]] || return 0
	echo quit >&"${DISKS[1]}"
	wait "$pid" || true
}

# table [FEATURE VALUE]...
table()
{
	set -- "${features[@]}" "$@"
	echo "0 $sectors replica ${legs[*]} /dev/nbd2 ${modes[0]} $((6 + $#))" \
		"region_size $region activity 512 replica_timeout $timeout_ms $*"
}

# begin [FEATURE VALUE]...: the association comes up, in two halves.
begin()
{
	disks mark activate
	mode_number=0
	dmsetup create r --table "$(table "$@")" || return
	dmsetup create fs --table "0 $((sectors / 2)) linear /dev/mapper/r 0"
	dmsetup create raw --table "0 $((sectors / 2)) linear /dev/mapper/r $((sectors / 2))"
}

end()
{
	local name
	for name in fs raw r; do
		dm_gone "$name"
	done
}

# next_mode: r goes on in the next of the modes.
next_mode()
{
	((${#modes[@]} > 1)) || return 0
	mode_number=$(((mode_number + 1) % ${#modes[@]}))
	disks mark "mode ${modes[mode_number]}"
	run message r "reset_to_${modes[mode_number]}"
}

# writer [OPTION]... FILE: in the background until stop_writers.
writer()
{
	run_number=$((run_number + 1))
	python3 "$helpers/crash_writer.py" --run "$run_number" "$@" &
	writers+=("$!")
	defer end_load "$!"
}

stop_writers()
{
	local pid
	for pid in "${writers[@]}"; do
		end_load "$pid"
	done
	writers=()
}

data()
{
	dd if="$1" bs=1M count=8 iflag=direct status=none | sha256sum
}

# busy EVENTS: until so many more have been recorded.
busy()
{
	local goal=$(($(disks events) + $1))
	wait_for 60 "$1 events" reached "$goal"
}

reached()
{
	[[ $(disks is_off) == yes ]] || (($(disks events) >= $1))
}

mount_fs()
{
	mount -t ext4 -o noatime /dev/mapper/fs /mnt/fs
	defer unmounted /mnt/fs
	writer --workers 1 --pause 50 /mnt/fs
}

# bad_replica HOW...: it fails or hangs until the state says so, and comes back.
bad_replica()
{
	disks mark "$1"
	disks "$1" 1
	wait_for 20 "the replica to be missed" is r Broken
	busy 200
	[[ ${3:-} != lose ]] || disks lose 1
	disks "$2" 1
	wait_for 60 "the legs to be in step" in_sync r
}

resync()
{
	disks mark resync
	run message r resync
}

cut_off()
{
	disks mark "$*"
	writer --workers 2 --hot 60 /dev/mapper/raw
	# Half of the cuts come in the first mode.
	(($1 < 100)) || next_mode
	disks off_after "$1"
	wait_for 30 "the cut" is_off
	stop_writers
	end
	disks on
	begin
}

# cut_begin EVENTS: the power goes while it comes up.
cut_begin()
{
	end
	disks mark "begin $1"
	disks off_after "$1"
	begin || say "not up after $1 events"
	disks off
	end
	disks on
}

is_off()
{
	[[ $(disks is_off) == yes ]]
}

first_life()
{
	local n
	writer --workers 3 /dev/mapper/raw
	mkfs.ext4 -q -F -b 1024 -J size=1 /dev/mapper/fs
	mkdir -p /mnt/fs
	mount_fs
	busy 500
	wait_for 60 "the legs to be in step" in_sync r
	for n in 500 500 500 500; do
		busy "$n"
		next_mode
	done
	bad_replica break heal lose
	bad_replica hang unhang
	say "the replica was missed twice"
	run message r fracture
	busy 400
	next_mode
	resync
	wait_for 60 "the legs to be in step" in_sync r
	next_mode
	busy 400
	run dmsetup suspend r
	run dmsetup resume r
	busy 300
	reload r "$(table resync_rate 64)"
	mode_number=0
	next_mode
	busy 300
	next_mode
	stop_writers
	run umount /mnt/fs
	wait_for 20 "the log to be empty" status_is r active_regions 0
}

# Everything that sets and clears bits, from a meta device of zeroes.
long_record()
{
	local n
	writers=()
	start_disks "$log"
	disks late 20 12
	begin
	first_life
	# Removed in order, and found so.
	end
	begin
	wait_for 60 "the legs to be in step" in_sync r
	# Cut off, again and again, also while it comes up.
	for n in 300 30 800 7 500 20; do
		cut_off "$n"
	done
	for n in 2 2 4 8; do
		cut_begin "$n"
	done
	begin
	wait_for 60 "the legs to be in step" in_sync r
	# Taken aside, it stays so whenever the power goes.
	run message r fracture
	put /dev/mapper/raw 0 1
	for n in 3 5 30; do
		cut_begin "$n"
	done
	begin
	same "state" "$(status r state)" Fractured
	resync
	wait_for 60 "the legs to be in step" in_sync r
	mount_fs
	busy 300
	stop_writers
	run umount /mnt/fs
	end
	say "$(disks events) events"
	stop_disks
	keep long
}

# keep NAME: for whoever wants to look at a record later.
keep()
{
	[[ -n ${CRASH_KEEP:-} ]] || return 0
	cp "$log" "$CRASH_KEEP/$1"
	echo "$sectors $region" >"$CRASH_KEEP/geometry"
}

# every_cut [OPTION]
every_cut()
{
	run python3 "$helpers/crash_check.py" "$@" "$log" "$sectors" "$region"
}

# sample POINTS [FEATURE VALUE]...: activated by the module itself, two at a time.
sample()
{
	local points=$1 half=() n
	shift
	for n in 0 1; do
		replay "$n/2" "$points" "$*" &
		half+=("$!")
	done
	for n in "${half[@]}"; do
		wait "$n" || fail "see above"
	done
}

# replay PART POINTS FEATURES
replay()
(
	local a b c
	deferred=()
	trap run_deferred EXIT
	new_loop a $(((sectors + origin_room) * 512))
	new_loop b $(((sectors + 64) * 512))
	new_loop c $((meta_sectors * 512))
	run python3 "$helpers/crash_replay.py" "${replay_options[@]}" --part "$1" --points "$2" \
		--features "$3" "$log" "$sectors" "$region" "$a:$(behind "$a")" "$b:$(behind "$b")" \
		"$c:$(behind "$c")"
)

behind()
{
	losetup -n -O BACK-FILE "$1"
}
