#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=200 disks=16M
#
# What is refused beforehand leaves the source with its own table and its users. Sources
# that are no mapped devices get a sentence each, and the way that it names works.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/attach.sh"

source_in_use()
{
	new_loop disk 8M
	new_loop target "${1:-8M}"
	new_source src "0 $(dev_sectors "$disk") linear $disk 0"
	on_file_system src
}

# refused_attach RETURN EXIT SENTENCE OPTION...
refused_attach()
{
	local value=$1 exit=$2 sentence=$3
	shift 3
	cli_returns "$value" "$exit" create /dev/mapper/src "$target" "$@"
	complains "$sentence"
	is_plain src
	run dd if=/dev/urandom of="$dev_dir/mnt/f" bs=4k count=1 oflag=direct status=none
}

small()
{
	source_in_use 4M
	refused_attach 5 5 "less than the"
}

options()
{
	source_in_use
	refused_attach 5 5 "its replica has its name, \"src\"" --name other
	refused_attach 4 4 "nothing is to be put under its name" --no-attach
	refused_attach 5 5 "the initial copy cannot be skipped" --skip-initial-copy
	refused_attach 5 5 "payload shared needs users" --settings payload=shared
	cli create /dev/mapper/src "$target" --dry-run
	same "return_value" "$(get .return_value)" 0
	same "the table" "$(get .Table)" "0 16384 replica /dev/mapper/src-origin $(devno "$target") - sync 0"
	is_plain src
	run replicactl create /dev/mapper/src "$target" --name src
	is_attached src
	cli_returns 5 5 set src payload=shared
	complains "payload shared needs users"
	run replicactl remove src
	is_plain src
}

devno()
{
	lsblk -dno MAJ:MIN "$1" | tr -d ' '
}

# offline SENTENCE DEVICE: the way that the sentence and the hint name.
offline()
{
	local target
	new_loop target 16M
	run mkfs.ext4 -q "$2"
	mkdir -p "$dev_dir/mnt"
	run mount "$2" "$dev_dir/mnt"
	defer unmounted "$dev_dir/mnt"
	echo before >"$dev_dir/mnt/file"
	cli_returns 4 4 create "$2" "$target" --name data
	complains "is mounted on $dev_dir/mnt, and $1"
	[[ $complaint == *"'umount $2', then again"* ]] || fail "no way out in: $complaint"
	run umount "$2"
	run replicactl create "$2" "$target" --name data --wait-for synchronized --timeout 60s
	defer dm_gone data
	run mount /dev/mapper/data "$dev_dir/mnt"
	same "the file" "$(cat "$dev_dir/mnt/file")" before
	umount "$dev_dir/mnt"
}

loop()
{
	local disk
	new_loop disk 16M
	offline "a loop device has no table" "$disk"
}

disk()
{
	local disk
	new_disk disk 0
	offline "a disk has no table" "$disk"
}

partition()
{
	local disk
	new_disk disk 0
	run sgdisk --new 1:0:0 "$disk"
	defer sgdisk --zap-all "$disk"
	wait_for 10 "the partition" test -b "${disk}1"
	offline "a partition has no table" "${disk}1"
}

# Not where mdadm is missing.
md()
{
	local a b
	need mdadm --version
	need modprobe raid1
	new_loop a 16M
	new_loop b 16M
	run mdadm --create /dev/md7 --run --level=1 --raid-devices=2 --metadata=1.2 "$a" "$b"
	defer mdadm --stop /dev/md7
	offline "an md array has no table" /dev/md7
}

# Between two steps of another program that attaches, it looks as if it had been killed.
being_made()
{
	local uuid=REPLICA-ORIGIN-11111111-2222-3333-4444-555555555555
	new_loop disk 8M
	new_source src "0 $(dev_sectors "$disk") linear $disk 0"
	run dmsetup create src-origin --uuid "$uuid" --table "$plain"
	exec 9>/run/dm-replica-tables.lock
	run flock --exclusive 9
	cli remove src
	same "return_value, while another program is at work" "$(get .return_value)" 3
	[[ -e /dev/mapper/src-origin ]] || fail "what another program makes was taken away"
	exec 9>&-
	run replicactl remove src
	is_plain src
}

ktap_header
ktap_case "a target that is too small" small
ktap_case "arguments that a source in use cannot have" options
ktap_case "what another program is making is not taken for left over" being_made
ktap_case "a loop device in use" loop
ktap_case "a disk in use" disk
ktap_case "a partition in use" partition
ktap_case "an md array in use" md
ktap_finish
