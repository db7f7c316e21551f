#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# No accidental overwrite: a device that carries data or that is in use is refused by
# create and by check, with a sentence of its own, and nothing has changed afterwards:
# neither the devices nor the mappings.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"

legs()
{
	new_loop source 8M
	new_loop target 8M
	run dd if=/dev/urandom of="$source" bs=1M count=2 status=none
}

# Forced, it is overwritten after all.
signature()
{
	legs
	run "$@" "$target" >/dev/null
	refused 4 4 signature "$target carries data" "$source" "$target"
	same "SMErrorCode" "$(get .error.SMErrorCode)" 17
	cli check "$source" "$target" --force
	same "the return value of check --force" "$(get .return_value)" 0
	new_replica r "$source" "$target" --force
	compare_legs "$source" "$target"
	run replicactl detach r
}

partition_table()
{
	sgdisk --new 1:0:0 "$1"
}

mounted()
{
	legs
	run mkfs.ext4 -q "$target"
	mkdir -p "$dev_dir/mnt"
	run mount -o ro,noload "$target" "$dev_dir/mnt"
	defer umount "$dev_dir/mnt"
	refused 4 4 mounted "$target is mounted on $dev_dir/mnt" "$source" "$target" --force
	refused 4 4 mounted "$target is mounted on $dev_dir/mnt" "$target" "$source"
	same "SMErrorCode" "$(get .error.SMErrorCode)" 6
}

swapping()
{
	legs
	run mkswap -q "$target"
	run swapon "$target"
	defer swapoff "$target"
	refused 4 4 swap "$target is used as swap" "$source" "$target" --force
}

held()
{
	# shellcheck disable=SC2034 # set for its own sake
	local upper # the mapping that holds the target
	legs
	new_linear upper "$target"
	refused 4 4 holders "$target is in use by block device" "$source" "$target" --force
}

exclusive()
{
	legs
	python3 -c 'import os, signal, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_EXCL)
print("open", flush=True)
signal.pause()' "$target" >"$dev_dir/holder" &
	defer kill $!
	wait_for 10 "the exclusive open" grep -q open "$dev_dir/holder"
	refused 4 4 open "$target is in use by another program" "$source" "$target" --force
}

in_replica()
{
	local third
	legs
	new_replica r "$source" "$target"
	new_loop third 8M
	refused 4 4 in-replica "$source is already the origin of replica" "$source" "$third" --force
	refused 4 4 in-replica "$target is already the replica of replica" "$third" "$target" --force
}

ktap_header
ktap_case "a file system is not overwritten without force" signature mkfs.ext4 -q
ktap_case "a partition table is not overwritten without force" signature partition_table
ktap_case "a physical volume is not overwritten without force" signature pvcreate -q
ktap_case "an unused swap signature is not overwritten without force" signature mkswap -q
ktap_case "a mounted device is refused, forced or not" mounted
ktap_case "swap in use is refused" swapping
ktap_case "a device under another is refused" held
ktap_case "a device that a program holds is refused" exclusive
ktap_case "the legs of a replica are refused" in_replica
ktap_finish
