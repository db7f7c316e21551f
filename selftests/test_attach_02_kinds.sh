#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=260
#
# Each kind of mapped device that may be in use while it gets a replica, and those that
# may not, each with its own sentence, and nothing has changed then.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/attach.sh"

# Of a source with a key: neither what we say, nor what we keep, nor the kernel's log has it.
key_hidden()
{
	local said=$dev_dir/said-$BASHPID
	defer rm -f "$said"
	{
		replicactl status src
		replicactl --json status src
		replicactl --json jobs src
		dmesg
	} >"$said"
	grep -q '"ElementName": *"src"' "$said" || fail "the source is not among it"
	! grep -rF "$key" "$said" /run/replica || fail "the key is shown"
}

# attached TABLE: the source is written through all the time. If it has a $key, nobody sees it.
attached()
{
	new_loop target 16M
	new_source src "$1"
	on_file_system src
	start_files
	run replicactl create /dev/mapper/src "$target" --wait-for synchronized --timeout 60s
	is_attached src
	[[ -z ${key:-} ]] || key_hidden
	more_files
	stop_files
	umount "$dev_dir/mnt"
	compare_legs /dev/mapper/src "$target"
	mount /dev/mapper/src "$dev_dir/mnt"
	run replicactl detach src
	is_plain src
	umount "$dev_dir/mnt"
	run e2fsck -fn /dev/mapper/src
}

crypt()
{
	local disk key said=$dev_dir/log-$BASHPID
	new_loop disk 16M
	key=$(printf '0123456789abcdef%.0s' 1 2 3 4)
	attached "0 $(dev_sectors "$disk") crypt aes-xts-plain64 $key 0 $disk 0"
	defer rm -f "$said"
	dmesg >"$said"
	! grep -F "$key" "$said" || fail "the key is in the log"
}

striped()
{
	local a b
	new_loop a 8M
	new_loop b 8M
	attached "0 32768 striped 2 64 $a 0 $b 0"
}

lines()
{
	local a b
	new_loop a 16M
	new_loop b 16M
	attached "0 10000 linear $b 8
10000 12784 linear $a 16
22784 9984 striped 1 64 $b 10240"
}

thin()
{
	local data meta
	need modprobe dm-thin-pool
	new_loop data 32M
	new_loop meta 4M
	dmsetup create pool --table "0 65536 thin-pool $meta $data 128 0"
	defer dm_gone pool
	dmsetup message pool 0 create_thin 0
	attached "0 32768 thin /dev/mapper/pool 0"
}

delay()
{
	local disk
	need modprobe dm-delay
	new_loop disk 16M
	attached "0 $(dev_sectors "$disk") delay $disk 0 1"
}

# It never fails here.
flakey()
{
	local disk
	need modprobe dm-flakey
	new_loop disk 16M
	attached "0 $(dev_sectors "$disk") flakey $disk 0 60 0"
}

# What cryptsetup opened has its key where only cryptsetup finds it.
luks()
{
	local disk target
	new_loop disk 32M
	new_loop target 32M
	echo -n secret >"$dev_dir/key"
	run cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$disk" "$dev_dir/key"
	run cryptsetup open --key-file "$dev_dir/key" "$disk" src
	defer source_gone src
	on_file_system src
	plain=$(dmsetup table --showkeys src)
	cli_returns 4 4 create /dev/mapper/src "$target"
	complains "'cryptsetup refresh --disable-keyring' puts the key into the table"
	is_plain src
	run cryptsetup refresh --disable-keyring --key-file "$dev_dir/key" src
	plain=$(dmsetup table --showkeys src)
	run replicactl create /dev/mapper/src "$target" --wait-for synchronized --timeout 60s
	is_attached src
	umount "$dev_dir/mnt"
	compare_legs /dev/mapper/src "$target" 32768
	run replicactl detach src
	is_plain src
	run cryptsetup close src
}

# not_attached SENTENCE TABLE
not_attached()
{
	local target
	new_loop target 8M
	new_source src "$2"
	exec {hold}<>/dev/mapper/src
	python3 -c 'import os, signal, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_EXCL)
print("open", flush=True)
signal.pause()' /dev/mapper/src >"$dev_dir/holder" &
	defer kill $!
	wait_for 10 "the exclusive open" grep -q open "$dev_dir/holder"
	exec {hold}<&-
	cli_returns 4 4 create /dev/mapper/src "$target"
	complains "$1"
	is_plain src
}

multipath()
{
	local disk
	need modprobe -a dm-multipath dm-round-robin
	new_loop disk 8M
	not_attached "device-mapper never exchanges the table of a multipath device" \
		"0 16384 multipath 2 queue_mode bio 0 1 1 round-robin 0 1 1 $disk 1"
}

# LVM would find it three times.
physical_volume()
{
	local disk
	new_loop disk 8M
	run pvcreate -qy "$disk"
	not_attached "LVM would find its physical volume" "0 16384 linear $disk 0"
}

mirror()
{
	local a b
	need modprobe dm-mirror
	new_loop a 8M
	new_loop b 8M
	not_attached "its target mirror cannot be there twice" \
		"0 16384 mirror core 1 1024 2 $a 0 $b 0"
}

ktap_header
ktap_case "dm-crypt" crypt
ktap_case "striped" striped
ktap_case "several lines" lines
ktap_case "thin" thin
ktap_case "delay" delay
ktap_case "flakey" flakey
ktap_case "a key in a keyring is refused, and the sentence helps" luks
ktap_case "multipath is refused" multipath
ktap_case "dm-mirror is refused" mirror
ktap_case "a physical volume of LVM is refused" physical_volume
ktap_finish
