#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=400
#
# The meta device by replicactl: what it refuses to become one, that a replica comes back
# from it with what differed and no more, that its end leaves nothing, and that a damaged
# log is told, repaired, and never taken for a cleaner one.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"

legs()
{
	new_loop source 8M
	new_loop target 8M
	new_loop meta 1M
	defer dm_gone r
}

# with_meta [OPTION]...: a replica in sync, its log on $meta.
with_meta()
{
	legs
	run replicactl create "$source" "$target" --name r --meta "$meta" --wait-for synchronized \
		--timeout 60s "$@"
}

scribble()
{
	run dd if=/dev/urandom of=/dev/mapper/r bs=64k count=4 seek="${1:-3}" oflag=direct status=none
}

# found FILTER: of what scan says about $meta.
found()
{
	replicactl --json scan "$meta" | jq -r ".MetaDevices[0] | $1"
}

no_log()
{
	same "the meta devices at $meta" "$(replicactl --json scan "$meta" | jq -c .MetaDevices)" "[]"
	cmp -n 4096 "$meta" /dev/zero || fail "the first superblock is not erased"
	cmp -n 4096 -i 65536:0 "$meta" /dev/zero || fail "the second superblock is not erased"
}

created()
{
	legs
	cli create "$source" "$target" --name r --meta "$meta" --wait-for synchronized --timeout 60
	same "return_value" "$(get .return_value)" 0
	same "MetaDevice" "$(get .MetaDevice)" "$meta"
	same "the meta device of status" "$(replicactl --json status r | jq -r .Replica.MetaDevice)" "$meta"
	same "what scan finds" "$(found '"\(.ElementName) \(.Active) \(.Device)"')" "r true /dev/mapper/r"
	same "the uuids" "REPLICA-$(found .UUID)" "$(get .UUID)"
	cli dump "$meta"
	same "the legs in the log" "$(get '.Log | "\(.SourceStorageVolume) \(.TargetStorageVolume)"')" \
		"$source $target"
}

dry_run()
{
	local before
	legs
	before=$(world "$source" "$target" "$meta")
	cli create "$source" "$target" --name r --meta "$meta" --dry-run
	same "return_value" "$(get .return_value)" 0
	[[ $(get .Table) == *" $(stat -Lc '%Hr:%Lr' "$meta") sync "* ]] || fail "the table is '$(get .Table)'"
	same "the devices and mappings" "$(world "$source" "$target" "$meta")" "$before"
}

size_told()
{
	local need small
	legs
	cli check "$source" "$target"
	need=$(get .MetaDeviceBytes)
	((need > 131072)) || fail "$need bytes cannot hold a log"
	new_loop small 64K
	refused 5 5 too-small "65536 bytes, and $need are needed" "$source" "$target" --meta "$small"
	same "ParameterInfo" "$(get .error.ParameterInfo)" MetaDevice
}

# refused_meta RETURN CHECK SENTENCE META
refused_meta()
{
	refused "$1" "$1" "$2" "$3" "$source" "$target" --meta "$4"
	same "ParameterInfo" "$(get .error.ParameterInfo)" MetaDevice
}

wrong_devices()
{
	legs
	refused_meta 8 not-found "does not exist" /dev/no-such-device
	refused_meta 5 not-a-block-device "not a block device" /etc/passwd
	refused_meta 5 same-device "same device" "$source"
	refused_meta 5 same-device "same device" "$target"
	run mkswap "$meta"
	refused_meta 4 signature "carries data" "$meta"
	run blockdev --setro "$meta"
	refused_meta 5 read-only "read-only" "$meta"
	run blockdev --setrw "$meta"
}

# A log is not overwritten, unless that is meant.
has_log()
{
	local a b small
	with_meta
	run replicactl deactivate r
	new_loop a 8M
	new_loop b 8M
	cli_returns 4 4 create "$a" "$b" --name other --meta "$meta"
	complains 'is the meta device of replica "r"'
	[[ $complaint == *"replicactl activate $meta"* ]] || fail "no word about activate"
	new_loop small 1M
	cli_returns 4 4 create "$small" "$meta" --name other
	complains 'is the meta device of replica "r"'
	defer dm_gone other
	cli create "$a" "$b" --name other --meta "$meta" --force
	same "the exit status" "$status" 0
	[[ $(get '.warnings | join("; ")') == *'is the meta device of replica "r" ('*', whose log will be lost'* ]] ||
		fail "no word about what was overwritten: $json"
	same "the name in the log" "$(found .ElementName)" other
}

# The kernel refuses the table, as the length is no multiple of the replica's blocks.
taken_back()
{
	new_loop source 8389120
	new_loop target 16M 4096
	new_loop meta 1M
	defer dm_gone r
	cli create "$source" "$target" --name r --meta "$meta"
	same "return_value" "$(get .return_value)" 5
	same "SMErrorSource" "$(get .error.SMErrorSource)" 2
	refuse dmsetup info r
	no_log
}

# Somebody wrote to the tail of the replica, where its label was: it may be another one.
without_label()
{
	new_loop source 8M
	new_loop target 9M
	new_loop meta 1M
	defer dm_gone r
	run replicactl create "$source" "$target" --name r --meta "$meta" --wait-for synchronized
	run replicactl deactivate r
	run dd if=/dev/zero of="$target" bs=1M seek=8 count=1 oflag=direct conv=notrunc status=none
	run dd if=/dev/urandom of="$target" bs=64k seek=9 count=1 oflag=direct conv=notrunc status=none
	same "what scan finds" "$(found .FitDescription)" "lost label"
	cli_text scan "$meta"
	[[ $complaint == *"'r' on $meta: its replica has lost its label"*"refuses it without --force"* ]] ||
		fail "scan does not say so"
	cli_returns 4 4 activate r
	complains "replica has lost its label"
	same "SMErrorCode" "$(get .error.SMErrorCode)" 116
	[[ $complaint == *"--force accepts it and copies everything"* ]] || fail "no word about --force"
	refuse dmsetup info r
	cli activate r --force
	same "return_value" "$(get .return_value)" 4096
	run replicactl wait r --timeout 60
	compare_legs "$source" "$target" 16384
	run replicactl deactivate r
	same "what scan finds" "$(found .FitDescription)" same
	run replicactl activate r
}

# Only what differed is copied: of a replica that was cut off.
comes_back()
{
	local dirty
	with_meta
	run replicactl fracture r
	scribble 10
	dirty=$(replicactl --json status r | jq .Replica.DirtyBytes)
	((dirty > 0 && dirty < 8388608)) || fail "$dirty bytes are dirty"
	cli deactivate r
	same "return_value" "$(get .return_value)" 0
	same "the state" "$(get .CopyState)" 15
	refuse dmsetup info r
	same "what scan finds" "$(found '"\(.Active) \(.Clean) \(.DirtyBytes)"')" "false true $dirty"
	cli activate r
	same "the device" "$(get .Device)" /dev/mapper/r
	same "WasActive" "$(get .WasActive)" false
	same "the state" "$(get .CopyStateDescription)" Fractured
	same "what may differ" "$(get .Replica.DirtyBytes)" "$dirty"
	run replicactl resync r
	run replicactl wait r --timeout 60
	compare_legs "$source" "$target"
}

# Settings, region size and mode are those of the log.
same_settings()
{
	local before after
	with_meta --settings region_size=64K,payload=shared,recovery=manual,on_meta_error=stop,replica_timeout=7s
	before=$(replicactl --json status r | jq -c '.Replica | [.RegionSize, .UUID, .ReplicationSettings]')
	run replicactl deactivate r
	run replicactl activate "$meta"
	after=$(replicactl --json status r | jq -c '.Replica | [.RegionSize, .UUID, .ReplicationSettings]')
	same "size, uuid and settings" "$after" "$before"
}

twice()
{
	with_meta
	cli activate r
	same "return_value" "$(get .return_value)" 0
	same "WasActive" "$(get .WasActive)" true
	cli activate "$meta"
	same "WasActive" "$(get .WasActive)" true
	cli_text activate /dev/mapper/r
	[[ $text == *"active already"* ]] || fail "it does not say so"
}

all_of_them()
{
	with_meta
	cli deactivate --all
	same "return_value" "$(get .return_value)" 0
	same "what was taken down" "$(get '.Deactivations[].ElementName')" r
	cli activate --all
	same "the exit status" "$status" 0
	same "what came back" "$(get '.Activations[].ElementName')" r
	run dmsetup info r
}

not_there()
{
	legs
	cli_returns 8 8 activate nothing
	complains 'no meta device holds the log of a replica "nothing"'
	cli_returns 8 8 activate "$meta"
	complains "holds no log"
}

# A leg that has gone is named.
leg_missing()
{
	with_meta
	run replicactl deactivate r
	run losetup -d "$target"
	cli activate r
	((status != 0)) || fail "activated without its replica"
	[[ $(get .error.Description) == *"$target"* ]] || fail "the leg is not named: $json"
	refuse dmsetup info r
}

# Two devices with the same log: nobody guesses.
copied_log()
{
	local copy
	with_meta
	run replicactl deactivate r
	new_loop copy 1M
	run dd if="$meta" of="$copy" bs=64k status=none conv=fsync
	cli_returns 5 5 activate r
	complains "several logs"
	run replicactl activate "$meta"
}

in_use()
{
	with_meta
	exec 9</dev/mapper/r
	defer let_go
	cli_returns 4 4 deactivate r
	same "SMErrorCode" "$(get .error.SMErrorCode)" 6
	cli_returns 4 4 fsck "$meta" --repair
	same "SMErrorCode" "$(get .error.SMErrorCode)" 6
	run in_state r Synchronized
}

let_go()
{
	exec 9<&-
}

# ended HOW [OPTION]
ended()
{
	with_meta
	cli "$@"
	same "return_value" "$(get .return_value)" 0
	refuse dmsetup info r
	no_log
	cli_returns 8 8 activate r
}

# damage BYTE: one byte of the meta device becomes another one.
damage()
{
	run dd if=/dev/urandom of="$meta" bs=1 seek="$1" count=4 conv=notrunc,fsync status=none
	blockdev --flushbufs "$meta"
}

repaired()
{
	local dirty
	with_meta
	run replicactl fracture r
	scribble 10
	run replicactl deactivate r
	dirty=$(found .DirtyBytes)
	damage 100
	damage "$(replicactl --json dump "$meta" | jq '.Log.BitmapOffset + 100')"
	cli_returns 4 4 fsck "$meta"
	same "the faults" "$(get '[.Faults[].FaultDescription] | @csv')" '"superblock","bitmap"'
	same "what may differ" "$(found .DirtyBytes)" 8388608
	cli fsck "$meta" --repair
	same "return_value" "$(get .return_value)" 0
	cli fsck "$meta"
	same "the faults" "$(get .Faults)" "[]"
	(($(found .DirtyBytes) >= dirty)) || fail "the log is cleaner than before"
	run replicactl activate r
	run replicactl resync r
	run replicactl wait r --timeout 60
	compare_legs "$source" "$target"
}

# An image is as good as the device.
image()
{
	local file=$dev_dir/meta-image
	with_meta
	run replicactl deactivate r
	run dd if="$meta" of="$file" bs=64k status=none
	defer rm -f "$file"
	same "the dumps" "$(replicactl --json dump "$file" | jq -c .Log)" \
		"$(replicactl --json dump "$meta" | jq -c .Log)"
	run truncate -s 100K "$file"
	cli_returns 4 4 fsck "$file"
	run truncate -s 0 "$file"
	cli_returns 5 5 fsck "$file"
	cli dump "$file"
	same "Log" "$(get .Log)" null
}

# Without a meta device deactivate keeps the mapped device, or what differs were lost.
without_meta()
{
	legs
	new_replica r "$source" "$target"
	cli deactivate r
	same "the state" "$(get .CopyStateDescription)" Inactive
	run dmsetup info r
	run replicactl activate r
	run replicactl wait r --timeout 60
	cli_returns 5 5 create "$target" "$meta" --name x --settings activity=1024
	same "ParameterInfo" "$(get .error.ParameterInfo)" activity
}

ktap_header
ktap_case "create formats the meta device and uses it" created
ktap_case "a dry run shows the table and changes nothing" dry_run
ktap_case "check tells how large it must be" size_told
ktap_case "devices that cannot be one are refused" wrong_devices
ktap_case "the log of a replica is not overwritten" has_log
ktap_case "a creation that fails leaves no log" taken_back
ktap_case "a replica without its label is refused, or copied in full" without_label
ktap_case "a replica comes back with what differed" comes_back
ktap_case "a replica comes back with its settings" same_settings
ktap_case "one that is active is a success" twice
ktap_case "all at once" all_of_them
ktap_case "8 when there is no such log" not_there
ktap_case "a leg that is missing is named" leg_missing
ktap_case "two copies of a log are refused" copied_log
ktap_case "what is in use is neither taken down nor repaired" in_use
ktap_case "detach erases the log" ended detach r
ktap_case "remove erases the log" ended remove r
ktap_case "damage is found and repaired" repaired
ktap_case "an image can be looked at" image
ktap_case "without a meta device" without_meta
ktap_finish
