# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Block devices to test with, removed at the end of the case or test. Sourced after
# ktap.sh. A function new_X sets the variable named by its first argument to the path
# of the device, since a subshell would lose the cleanup:
#
#	new_loop leg 64M 4096; new_null_blk leg 64M 512 completion_nsec=50000
#	new_disk leg 0                    the machine's virtio disk 0
#	new_nvme leg 0                    likewise, of NVMe
#	new_delay slow "$leg" 0 20; new_flakey weak "$leg" 5 5
#	break_dev "$weak"; heal_dev "$weak"; hang_dev "$weak"; unhang_dev "$weak"

dev_count=0
dev_dir=${TMPDIR:-/tmp}

# dev_sectors DEVICE
dev_sectors()
{
	blockdev --getsz "$1"
}

# dev_bytes SIZE: 64M, 1G, 512 as bytes.
dev_bytes()
{
	numfmt --from=iec "$1"
}

dev_name()
{
	dev_count=$((dev_count + 1))
	printf -v "$1" 'test-%s-%s-%s' "$2" "$BASHPID" "$dev_count"
}

# flip_bit FILE OFFSET: one bit of that byte, of a device or a file, becomes the other one.
flip_bit()
{
	local byte
	byte=$(od -An -tu1 -j"$2" -N1 "$1")
	printf '%b' "\\x$(printf %02x $((byte ^ 1)))" |
		dd of="$1" bs=1 seek="$2" conv=notrunc,fsync status=none
}

# new_loop VAR SIZE [BLOCK_SIZE]: a loop device on a sparse file.
new_loop()
{
	local loop_name loop_dev
	dev_name loop_name loop
	[[ -e /dev/loop-control ]] || modprobe loop
	truncate -s "$2" "$dev_dir/$loop_name"
	defer rm -f "$dev_dir/$loop_name"
	loop_dev=$(losetup --show -f -b "${3:-512}" "$dev_dir/$loop_name")
	defer loop_gone "$loop_dev"
	printf -v "$1" %s "$loop_dev"
}

loop_gone()
{
	losetup -d "$1" 2>/dev/null || [[ -z $(losetup -n -O BACK-FILE "$1" 2>/dev/null) ]]
}

# new_brd VAR SIZE: a RAM disk. All of one test have the size of the first.
new_brd()
{
	local kib n=0
	kib=$(($(dev_bytes "$2") / 1024))
	if [[ ! -d /sys/module/brd ]]; then
		modprobe brd rd_nr=8 "rd_size=$kib"
		defer modprobe -r brd
	fi
	while [[ " ${brd_used:-} " == *" $n "* ]]; do n=$((n + 1)); done
	brd_used="${brd_used:-} $n"
	(($(dev_sectors "/dev/ram$n") == kib * 2)) || fail "RAM disks have another size already"
	printf -v "$1" %s "/dev/ram$n"
}

# new_null_blk VAR SIZE [BLOCK_SIZE [ATTRIBUTE=VALUE...]]: a memory-backed null_blk.
new_null_blk()
{
	local var=$1 size=$2 block=${3:-512} name dir pair
	shift $(($# < 3 ? $# : 3))
	modprobe -q configfs || true
	[[ -d /sys/module/null_blk ]] || modprobe null_blk nr_devices=0
	mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
	dev_name name nullb
	dir=/sys/kernel/config/nullb/$name
	mkdir "$dir"
	defer rmdir "$dir"
	for pair in "size=$(($(dev_bytes "$size") / 1048576))" "blocksize=$block" memory_backed=1 "$@"; do
		echo "${pair#*=}" >"$dir/${pair%%=*}"
	done
	echo 1 >"$dir/power"
	defer null_blk_off "$dir"
	printf -v "$var" %s "$(null_blk_node "$dir")"
}

null_blk_off()
{
	echo 0 >"$1/power"
}

# The node is named after the index, or after the directory on newer kernels.
null_blk_node()
{
	local node
	node=/dev/nullb$(cat "$1/index")
	[[ -b $node ]] || node=/dev/${1##*/}
	[[ -b $node ]] || fail "no node for $1"
	echo "$node"
}

# new_disk VAR N: the virtual machine's disk N, zeroed.
new_disk()
{
	local disk_path=/dev/disk/by-id/virtio-disk$2
	[[ -b $disk_path ]] || skip "needs the virtual machine's disk $2"
	blkdiscard -f -z "$disk_path" 2>/dev/null ||
		dd if=/dev/zero of="$disk_path" bs=1M oflag=direct status=none 2>/dev/null || true
	printf -v "$1" %s "$(readlink -f "$disk_path")"
}

# new_nvme VAR N: the virtual machine's disk N, which is one of NVMe, zeroed.
new_nvme()
{
	local nvme_serial
	modprobe -q nvme || true
	wait_for 10 "the disks of NVMe" nvme_is_there "$2"
	for nvme_serial in /sys/block/nvme*n*/device/serial; do
		[[ $(tr -d ' ' <"$nvme_serial") == "disk$2" ]] || continue
		printf -v "$1" '/dev/%s' "$(basename "${nvme_serial%/device/serial}")"
	done
	run dd if=/dev/zero of="${!1}" bs=1M oflag=direct status=none 2>/dev/null || true
}

nvme_is_there()
{
	grep -qs "^disk$1 *\$" /sys/block/nvme*n*/device/serial
}

# new_dm VAR KIND TABLE: a mapping of one line or more.
new_dm()
{
	local dm_name
	dev_name dm_name "$2"
	dmsetup create "$dm_name" --table "$3"
	defer dm_gone "$dm_name"
	printf -v "$1" %s "/dev/mapper/$dm_name"
}

# dm_gone NAME: removes a mapping, or fails when it stays in use.
dm_gone()
{
	local tries state
	state=$(dmsetup info -c --noheadings -o suspended "$1" 2>/dev/null) || return 0
	[[ $state == Active ]] || dmsetup resume "$1" >/dev/null 2>&1 || true
	for ((tries = 0; tries < 50; tries++)); do
		dmsetup remove "$1" 2>/dev/null && return 0
		ktap_pause 0.1
	done
	dmsetup remove "$1"
}

new_linear()
{
	new_dm "$1" linear "0 $(dev_sectors "$2") linear $2 0"
}

new_error()
{
	new_dm "$1" error "0 $(($(dev_bytes "$2") / 512)) error"
}

# new_delay VAR DEVICE READ_MS WRITE_MS
new_delay()
{
	modprobe -q dm-delay || true
	new_dm "$1" delay "0 $(dev_sectors "$2") delay $2 0 $3 $2 0 $4"
}

# new_flakey VAR DEVICE UP_S DOWN_S [FEATURE...]
new_flakey()
{
	local flakey_var=$1 flakey_dev=$2 up=$3 down=$4
	shift 4
	modprobe -q dm-flakey || true
	new_dm "$flakey_var" flakey "0 $(dev_sectors "$flakey_dev") flakey $flakey_dev 0 $up $down${*:+ $# $*}"
}

# new_dust VAR DEVICE BLOCK_SIZE: needs a kernel with dm-dust.
new_dust()
{
	modprobe -q dm-dust || true
	dmsetup targets | grep -q ^dust || skip "needs a kernel with dm-dust"
	new_dm "$1" dust "0 $(dev_sectors "$2") dust $2 0 $3"
}

# set_table DEVICE TABLE: exchanges a mapping's table without flushing, so that I/O that
# cannot end does not hold it up. One call to the kernel suspends and resumes: no process has
# to be started, or to find memory, while the device, and swap on it, takes nothing.
set_table()
{
	dmsetup load "$1" --table "$2"
	dmsetup resume --noflush --nolockfs "$1"
}

# break_dev DEVICE: from now on all I/O of a new_linear (or similar) fails.
break_dev()
{
	local table
	table=$(dmsetup table "$1")
	[[ $table == *" error"* ]] || printf '%s\n' "$table" >"$dev_dir/table-${1##*/}"
	defer rm -f "$dev_dir/table-${1##*/}"
	set_table "$1" "0 $(dev_sectors "$1") error"
}

# heal_dev DEVICE: takes break_dev back.
heal_dev()
{
	set_table "$1" "$(cat "$dev_dir/table-${1##*/}")"
}

# hang_dev DEVICE: from now on I/O neither ends nor fails.
hang_dev()
{
	dmsetup suspend --noflush --nolockfs "$1"
}

unhang_dev()
{
	dmsetup resume "$1"
}

# from_disk DEVICE: what is on it, past the page cache, and then its name, so that two that
# cannot be read are not equal.
from_disk()
{
	dd if="$1" bs=1M iflag=direct status=none
	echo "the end of $1"
}

# differing_sectors A B [SECTORS]: the number of sectors that differ, read from the
# devices themselves. Without SECTORS both have to be of one size.
differing_sectors()
{
	local a=$1 b=$2 sectors=${3:-} differ
	if [[ -z $sectors ]]; then
		sectors=$(dev_sectors "$a")
		[[ $sectors == "$(dev_sectors "$b")" ]] || fail "$a and $b differ in size"
	fi
	sync
	# For whoever reads them next.
	blockdev --flushbufs "$a" "$b"
	if cmp -s -n $((sectors * 512)) <(from_disk "$a") <(from_disk "$b"); then
		echo 0
		return
	fi
	differ=$({ cmp -l -n $((sectors * 512)) <(from_disk "$a") <(from_disk "$b") || true; } |
		awk '{ s = int(($1 - 1) / 512); if (s != last || !n) { n++; last = s } } END { print n + 0 }')
	((differ)) || fail "one of $a and $b cannot be read"
	echo "$differ"
}

# compare_legs A B [SECTORS]: fails unless both legs hold the same, byte by byte.
compare_legs()
{
	local differ
	differ=$(differing_sectors "$@") || fail "${differ#*FAIL: }"
	say "$differ sectors differ between $1 and $2"
	[[ $differ == 0 ]] || fail "$differ sectors differ between $1 and $2"
}

# fill DEVICE [SEED]: pseudo-random content, the same for the same seed.
fill()
{
	run fio --name=fill --filename="$1" --rw=write --bs=256k --direct=1 \
		--size="$(blockdev --getsize64 "$1")" --randseed="${2:-1}" --refill_buffers \
		--output=/dev/null
}

# unmounted DIR: unmounts what is still mounted there.
unmounted()
{
	! mountpoint -q "$1" || umount "$1"
}

# unswapped DEVICE: takes swap off what is still used as such.
unswapped()
{
	! grep -q "^$(readlink -f "$1") " /proc/swaps || swapoff "$1"
}
