#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# Devices and names that cannot make a replica are refused by create and by check, with a
# sentence of its own for each reason, and nothing has changed afterwards.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"

legs()
{
	new_loop source "${1:-8M}"
	new_loop target "${2:-8M}"
	run dd if=/dev/urandom of="$source" bs=1M count=2 status=none
}

same_device()
{
	local link=$dev_dir/the-same
	legs
	target=$source
	ln -sf "$source" "$link"
	defer rm -f "$link"
	refused 5 5 same-device "are the same device" "$source" "$link" --force
	same "Found" "$(get '.Findings[0].Found')" "$(($(stat -c 0x%t "$source"))):$(($(stat -c 0x%T "$source")))"
}

overlap()
{
	local part
	legs
	new_linear part "$source"
	target=$part
	refused 5 5 overlap "$source and $part overlap" "$source" "$part" --force
}

too_small()
{
	legs 8M 4M
	refused 5 5 too-small "has 4194304 bytes, less than the 8388608 of" "$source" "$target" --force
	same "Expected" "$(get '.Findings[0].Expected')" "at least 8388608"
}

read_only()
{
	legs
	run blockdev --setro "$target"
	defer blockdev --setrw "$target"
	refused 5 5 read-only "$target is read-only" "$source" "$target" --force
}

no_device()
{
	legs
	refused 8 8 not-found "/dev/no-such does not exist" "$source" /dev/no-such
	refused 5 5 not-a-block-device "/etc/passwd is not a block device" /etc/passwd "$target"
	refused 5 5 not-a-block-device "/etc/passwd is not a block device" "$source" /etc/passwd --force
	same "ParameterInfo" "$(get .error.ParameterInfo)" TargetStorageVolume
}

names()
{
	local mapped
	legs
	new_dm mapped zero "0 8 zero"
	refused 5 5 name-taken "there is already a mapped device" "$source" "$target" --name "${mapped##*/}"
	refused 5 5 name-bad "cannot be a name" "$source" "$target" --name ../../etc/x
	same "ParameterInfo" "$(get .error.ParameterInfo)" ElementName
}

# Several reasons at once are all told.
several()
{
	legs 8M 4M
	run mkfs.ext4 -q "$target"
	run blockdev --setro "$target"
	defer blockdev --setrw "$target"
	refused 5 5 too-small "less than" "$source" "$target"
	get '.Findings[].CheckDescription' | sort | tr '\n' ' ' >"$dev_dir/found"
	same "the findings" "$(cat "$dev_dir/found")" "read-only signature too-small "
	cli_text create "$source" "$target"
	[[ $complaint == *"also: "*"is read-only"* ]] || fail "the other reasons are not told"
}

# What only the kernel refuses: its sentence reaches the user, and nothing is left.
by_the_kernel()
{
	new_dm source zero "0 $((1 << 37)) zero"
	new_dm target zero "0 $((1 << 37)) zero"
	cli_returns 5 5 create "$source" "$target" --name r --force --settings region_size=4KiB
	complains "region_size is too small for a device of this size"
	same "SMErrorSource" "$(get .error.SMErrorSource)" 2
	refuse dmsetup info r
	refuse test -e /dev/mapper/r
}

ktap_header
ktap_case "source and target may not be one device" same_device
ktap_case "source and target may not overlap" overlap
ktap_case "a smaller target is refused, with both sizes" too_small
ktap_case "a read-only target is refused" read_only
ktap_case "what is no block device is refused" no_device
ktap_case "names that are taken or no names are refused" names
ktap_case "all reasons are told at once" several
ktap_case "what the kernel alone refuses comes with its sentence" by_the_kernel
ktap_finish
