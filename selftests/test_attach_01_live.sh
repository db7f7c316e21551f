#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=60
#
# A mounted device gets a replica under its own name while it is written to, and its own
# table back, and nobody who uses it notices: each write is read back, the legs are
# equal, the table, the uuid and the keys of all targets are what they were.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/attach.sh"

mounted_and_busy()
{
	local target before
	new_loop disk 16M
	new_loop target 16M
	new_source src "0 $(dev_sectors "$disk") linear $disk 0"
	on_file_system src
	before=$(identity src)
	start_files
	run replicactl create /dev/mapper/src "$target" --wait-for synchronized --timeout 60s
	is_attached src
	same "name, uuid and numbers" "$(identity src)" "$before"
	more_files
	run replicactl status src
	# Quiet and equal.
	stop_files
	umount "$dev_dir/mnt"
	compare_legs /dev/mapper/src "$target"
	compare_legs "$disk" "$target"
	mount /dev/mapper/src "$dev_dir/mnt"
	start_files
	run replicactl detach src
	is_plain src
	same "name, uuid and numbers" "$(identity src)" "$before"
	more_files
	stop_files
	umount "$dev_dir/mnt"
	run e2fsck -fn /dev/mapper/src
}

ktap_header
ktap_case "a mounted file system under load gets a replica and loses it" mounted_and_busy
ktap_finish
