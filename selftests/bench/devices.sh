# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034 # its variables are read by run and guest
#
# Sourced by guest: the legs, and every device under test on top of them.
#
#	legs_up MIB HOLD_DATA [PREFIX]	two null_blk disks, $leg_a and $leg_b, and a small
#					third one, $leg_meta, for logs
#	device_up NAME			builds a device on them, prints its path
#	device_down NAME		takes it away again
#
# The legs finish a request in the context of its submitter (queue_mode 2,
# irqmode 0, no scheduler), so that all that is left to measure is the cost of
# the code above them. With leg_latency set they finish it that many
# nanoseconds later. Legs that hold data are written to from end to end, unless
# unfilled is set: then they may be larger than the memory.

device_name=bench
export MDADM_NO_UDEV=1 DM_DISABLE_UDEV=1
devices_peer='null_blk dm-linear md-raid1 md-raid1-bitmap dm-mirror drbd-c'
devices_replica='replica-copy replica-shared'
devices_log='replica-log'

leg_up()
{
	local dir=/sys/kernel/config/nullb/$1 mib=$2 data=$3
	mkdir "$dir"
	echo "$mib" >"$dir/size"
	echo "$data" >"$dir/memory_backed"
	nproc >"$dir/submit_queues"
	echo 512 >"$dir/blocksize"
	echo 2 >"$dir/queue_mode"
	if ((${leg_latency:-0})); then
		echo 2 >"$dir/irqmode"
		echo "$leg_latency" >"$dir/completion_nsec"
	else
		echo 0 >"$dir/irqmode"
	fi
	echo 1 >"$dir/no_sched"
	echo 1 >"$dir/power"
	# Kernels name the disk after the directory or after its index.
	if [[ -b /dev/$1 ]]; then
		echo "/dev/$1"
	else
		echo "/dev/nullb$(<"$dir/index")"
	fi
}

# fill DEVICE: writes every byte, so that no page is allocated later.
fill()
{
	head -c "$(blockdev --getsize64 "$1")" /dev/zero |
		dd of="$1" bs=1M iflag=fullblock oflag=direct status=none
}

legs_up()
{
	legs_data=$2
	modprobe null_blk nr_devices=0
	modprobe raid1
	echo 0 >/sys/module/md_mod/parameters/start_ro
	leg_a=$(leg_up "${3-}leg0" "$1" "$2")
	leg_b=$(leg_up "${3-}leg1" "$1" "$2")
	leg_meta=$(leg_up "${3-}meta" 8 1)
	sectors=$(blockdev --getsz "$leg_a")
	((!legs_data)) || [[ -n ${unfilled-} ]] || { fill "$leg_a" && fill "$leg_b"; }
}

legs_down()
{
	local leg
	for leg in "${1-}leg0" "${1-}leg1" "${1-}meta"; do
		echo 0 >"/sys/kernel/config/nullb/$leg/power"
		rmdir "/sys/kernel/config/nullb/$leg"
	done
}

dm_up()
{
	dmsetup create "$1" --table "$2"
	echo "/dev/mapper/$1"
}

# Legs that hold no data hold no superblock either.
md_up()
{
	if ((legs_data)); then
		set -- --create /dev/md0 --metadata=1.2 --run "$@"
	else
		set -- --build /dev/md0
	fi
	mdadm --quiet "$@" --assume-clean --level=1 --raid-devices=2 "$leg_a" "$leg_b" </dev/null
	echo /dev/md0
}

# The write-mostly leg has to be the first, else 6.1 writes behind to none; and mdadm would take
# both for write-mostly then. The number is the largest that it takes.
md_behind_up()
{
	local origin=$leg_a
	local leg_a=$leg_b leg_b=$origin
	md_up --bitmap=internal --write-behind=16383
	echo writemostly >/sys/block/md0/md/rd0/state
}

md_down()
{
	mdadm --quiet --stop /dev/md0
	((!legs_data)) || mdadm --zero-superblock "$leg_a" "$leg_b"
}

drbd()
{
	/lib/drbd/drbdsetup-84 "$@"
}

# drbd_up PROTOCOL [OPTION]...: both nodes in this kernel, talking over the loopback interface.
drbd_up()
{
	local minor
	modprobe drbd minor_count=2
	for minor in 0 1; do
		local leg=$leg_a address=127.0.0.1:7788 peer=127.0.0.1:7789
		((minor == 0)) || leg=$leg_b address=127.0.0.1:7789 peer=127.0.0.1:7788
		[[ -b /dev/drbd$minor ]] || mknod "/dev/drbd$minor" b 147 "$minor"
		drbdmeta --force "$minor" v08 "$leg" internal create-md >/dev/null 2>&1
		drbd new-resource "r$minor"
		drbd new-minor "r$minor" "$minor" 0
		drbd attach "$minor" "$leg" "$leg" internal
		drbd connect "r$minor" "$address" "$peer" --protocol="$1" "${@:2}"
	done
	drbd wait-connect 0 2>/dev/null
	drbd new-current-uuid --clear-bitmap 0
	drbd primary 0
	echo /dev/drbd0
}

drbd_down()
{
	local minor
	drbd secondary 0
	for minor in 0 1; do
		drbd down "r$minor"
	done
}

replica_up()
{
	dm_up "$1" "0 $sectors replica $leg_a $leg_b - sync 4 sync skip payload $2"
}

# log_up NAME [FEATURE VALUE]...: with a new log on the meta device.
log_up()
{
	local name=$1
	shift
	fill "$leg_meta"
	dm_up "$name" "0 $sectors replica $leg_a $leg_b $leg_meta sync $(($# + 2)) sync skip $*"
}

# A log of dm-mirror, for the same default region size.
mirror_log_up()
{
	local name=$1
	fill "$leg_meta"
	dm_up "$name" "0 $sectors mirror disk 3 $leg_meta ${2:-2048} nosync 2 $leg_a 0 $leg_b 0 1 handle_errors"
}

device_up()
{
	case $1 in
	null_blk) echo "$leg_a" ;;
	dm-linear) dm_up "$device_name" "0 $sectors linear $leg_a 0" ;;
	md-raid1) md_up --bitmap=none ;;
	md-raid1-bitmap) md_up --bitmap=internal ;;
	dm-mirror) dm_up "$device_name" "0 $sectors mirror core 2 1024 nosync 2 $leg_a 0 $leg_b 0 1 handle_errors" ;;
	dm-mirror-log) mirror_log_up "$device_name" ;;
	md-write-behind) md_behind_up ;;
	drbd-c) drbd_up C ;;
	drbd-a) drbd_up A ;;
	drbd-a-large)
		drbd_up A --sndbuf-size=10M --rcvbuf-size=10M --max-buffers=131072 --max-epoch-size=20000
		;;
	replica-async) dm_up "$device_name" "0 $sectors replica $leg_a $leg_b - async 2 sync skip" ;;
	replica-log) log_up "$device_name" payload copy ;;
	replica-copy) replica_up "$device_name" copy ;;
	replica-shared) replica_up "$device_name" shared ;;
	*)
		echo "no device '$1'" >&2
		return 1
		;;
	esac
}

device_down()
{
	case $1 in
	null_blk) ;;
	md-*) md_down ;;
	drbd-*) drbd_down ;;
	*) dmsetup remove "$device_name" ;;
	esac
}
