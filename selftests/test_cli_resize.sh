#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# resize by replicactl: a replica grows with its devices, in use, with its log; whatever
# refuses that says what was found and what is expected, and changes nothing.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/cli.sh"

legs()
{
	new_loop source 8M
	new_loop target 8M
	new_replica r "$source" "$target" "$@"
}

# grow DEVICE SIZE: a loop device.
grow()
{
	run truncate -s "$2" "$(losetup -n -O BACK-FILE "$1")"
	run losetup -c "$1"
}

size()
{
	blockdev --getsize64 /dev/mapper/r
}

# mapping: what a refused call must not change.
mapping()
{
	dmsetup table r
	dmsetup info -c --noheadings -o suspended,tables_loaded r
}

# refuses RETURN CHECK PARAMETER FOUND EXPECTED SENTENCE ARG...
refuses()
{
	local value=$1 check=$2 parameter=$3 found=$4 expected=$5 sentence=$6 before
	shift 6
	before=$(mapping)
	cli_returns "$value" "$value" resize r "$@"
	complains "$sentence"
	same "the finding" "$(get '.Findings[0] | "\(.CheckDescription) \(.ParameterInfo) \(.Found)"')" \
		"$check $parameter $found"
	same "what is expected" "$(get '.Findings[0].Expected')" "$expected"
	same "ParameterInfo" "$(get .error.ParameterInfo)" "$parameter"
	same "the mapping" "$(mapping)" "$before"
}

grown()
{
	local before
	legs --settings region_size=64K,payload=shared,resync_rate=77
	run dd if=/dev/urandom of=/dev/mapper/r bs=1M count=8 oflag=direct status=none
	grow "$source" 16M
	grow "$target" 16M
	run dd if=/dev/urandom of="$source" bs=1M seek=8 count=8 oflag=direct status=none
	before=$(replicactl --json status r | jq -c '.Replica | [.UUID, .RegionSize, .ReplicationSettings]')
	cli resize r
	same "the exit status" "$status" 0
	same "the sizes" "$(get '"\(.OldSize) \(.Size) \(.Replica.Size)"')" "8388608 16777216 16777216"
	same "MetaDeviceBytes" "$(get .MetaDeviceBytes)" null
	same "the size of the device" "$(size)" 16777216
	run replicactl wait r --timeout 60
	compare_legs "$source" "$target"
	same "uuid, regions and settings" \
		"$(replicactl --json status r | jq -c '.Replica | [.UUID, .RegionSize, .ReplicationSettings]')" \
		"$before"
	at_most "the bytes copied" "$(replicactl --json status r | jq .Replica.Counters.ResyncBytes)" \
		$((16 << 20))
	run dd if=/dev/urandom of=/dev/mapper/r bs=1M seek=15 count=1 oflag=direct status=none
	compare_legs "$source" "$target"
}

# In steps, to a size that is given.
to_size()
{
	legs
	grow "$source" 32M
	grow "$target" 24M
	cli resize r --size 12M
	same "Size" "$(get .Size)" 12582912
	run replicactl wait r --timeout 60
	cli resize r
	same "Size, as much as both have" "$(get .Size)" 25165824
	run replicactl wait r --timeout 60
	compare_legs "$source" "$target" 49152
	cli_text resize r
	same "the exit status" "$status" 0
	[[ $text == *"which is all that $target has; nothing to do."* ]] || fail "it does not say why"
}

nothing()
{
	local before
	legs
	before=$(mapping)
	cli resize r
	same "return_value" "$(get .return_value)" 0
	same "the sizes" "$(get '"\(.OldSize) \(.Size) \(.Table)"')" "8388608 8388608 null"
	cli_text resize r --size 8M
	same "the exit status" "$status" 0
	[[ $text == *"'r' has 8.0 MiB already; nothing to do."* ]] || fail "it does not say so"
	same "the mapping" "$(mapping)" "$before"
}

dry_run()
{
	local before
	legs
	grow "$source" 16M
	grow "$target" 16M
	before=$(mapping)
	cli resize r --dry-run
	same "return_value" "$(get .return_value)" 0
	same "Size" "$(get .Size)" 16777216
	same "the table" "$(get .Table)" "$(dmsetup table r | sed 's/^0 16384 /0 32768 /')"
	cli_text resize r --dry-run
	[[ $text == *"could grow from 8.0 MiB to 16.0 MiB"*"nothing was changed"* ]] || fail "it does not say so"
	same "the mapping" "$(mapping)" "$before"
}

refusals()
{
	legs
	refuses 5 shrink Size 4194304 "more than 8388608" \
		"has 8388608 bytes and cannot shrink to 4194304" --size 4M
	grow "$source" 16M
	refuses 5 too-small TargetStorageVolume 8388608 "at least 16777216" \
		"$target has 8388608 bytes, less than the new size of 16777216" --size 16M
	[[ $complaint == *"grow that device first"* ]] || fail "no hint"
	grow "$target" 16M
	refuses 5 alignment Size 8388609 "a multiple of 512" "is no multiple of the logical blocks" \
		--size 8388609
	run dmsetup suspend r
	refuses 4 suspended ElementName suspended active "is suspended"
	[[ $complaint == *"dmsetup resume r"* ]] || fail "no hint"
	run dmsetup resume r
	cli resize r
	same "the exit status" "$status" 0
	same "the size" "$(size)" 16777216
	cli_returns 8 8 resize nobody
}

large_blocks()
{
	new_loop source 8M
	new_loop target 8M 4096
	new_replica r "$source" "$target"
	grow "$source" 16777728
	grow "$target" 16M
	refuses 5 alignment Size 8389120 "a multiple of 4096" "logical blocks of $target, which have 4096" \
		--size 8389120
	cli resize r
	same "Size" "$(get .Size)" 16777216
}

# The log follows, and the replica comes back from it with the new size.
with_log()
{
	new_loop source 8M
	new_loop target 9M
	new_loop meta 1M
	new_replica r "$source" "$target" --meta "$meta" --settings region_size=64K
	grow "$source" 32M
	grow "$target" 32M
	cli resize r
	same "the exit status" "$status" 0
	(($(get .MetaDeviceBytes) > 131072 && $(get .MetaDeviceBytes) <= 1048576)) ||
		fail "MetaDeviceBytes is $(get .MetaDeviceBytes)"
	run replicactl wait r --timeout 60
	compare_legs "$source" "$target" 65536
	run replicactl fracture r
	run dd if=/dev/urandom of=/dev/mapper/r bs=64k seek=500 count=4 oflag=direct status=none
	run replicactl deactivate r
	same "what the log says" "$(replicactl --json dump "$meta" | jq -c '.Log | [.Size, .DirtyBytes]')" \
		"[33554432,262144]"
	run replicactl fsck "$meta"
	run replicactl activate r
	same "the size" "$(size)" 33554432
	run replicactl resync r
	run replicactl wait r --timeout 60
	compare_legs "$source" "$target" 65536
}

# A meta device that is just large enough for the old size.
log_without_room()
{
	local need more
	new_loop source 8M
	new_loop target 8M
	cli check "$source" "$target" --settings region_size=4K
	need=$(get .MetaDeviceBytes)
	new_loop meta "$need"
	new_replica r "$source" "$target" --meta "$meta" --settings region_size=4K,resync_rate=1
	grow "$source" 128M
	grow "$target" 128M
	cli resize r --dry-run
	more=$(get .MetaDeviceBytes)
	((more > need)) || fail "$more bytes for a larger log, $need before"
	refuses 5 too-small MetaDevice "$need" "at least $more" \
		"$meta has $need bytes, and $more are needed for the log of the new size"
	[[ $complaint == *"grow the meta device first"* ]] || fail "no hint"
	grow "$meta" "$more"
	cli resize r
	same "the exit status" "$status" 0
	same "the size" "$(size)" 134217728
}

# Mounted and written to.
in_use()
{
	local dir=$dev_dir/mnt-$BASHPID
	new_loop source 32M
	new_loop target 32M
	new_replica r "$source" "$target"
	run mkfs.ext4 -q /dev/mapper/r
	run mkdir "$dir"
	defer rmdir "$dir"
	run mount /dev/mapper/r "$dir"
	defer unmounted "$dir"
	run dd if=/dev/urandom of="$dir/file" bs=1M count=8 status=none
	md5sum "$dir/file" >"$dev_dir/sum"
	grow "$source" 64M
	grow "$target" 64M
	cli resize r
	same "the exit status" "$status" 0
	run resize2fs /dev/mapper/r
	run md5sum -c "$dev_dir/sum"
	run dd if=/dev/urandom of="$dir/more" bs=1M count=30 status=none
	run umount "$dir"
	run replicactl wait r --timeout 100
	compare_legs "$source" "$target"
	run e2fsck -fn "$target"
}

under_load()
{
	legs
	grow "$source" 16M
	grow "$target" 16M
	start_load /dev/mapper/r --size=8M --verify=crc32c --verify_backlog=64 --verify_fatal=1
	cli resize r
	same "the exit status" "$status" 0
	stop_load
	run replicactl wait r --timeout 60
	idle r
	compare_legs "$source" "$target"
}

# What was cut off stays so, and what was added is remembered.
cut_off()
{
	legs
	run replicactl fracture r
	grow "$source" 16M
	grow "$target" 16M
	cli resize r
	same "return_value" "$(get .return_value)" 0
	run in_state r Fractured
	same "what may differ" "$(replicactl --json status r | jq .Replica.DirtyBytes)" 8388608
	run replicactl resync r
	run replicactl wait r --timeout 60
	compare_legs "$source" "$target"
}

ktap_header
ktap_case "a replica grows with its devices" grown
ktap_case "to a size that is given, and as far as possible" to_size
ktap_case "the size that it has is a success" nothing
ktap_case "a dry run shows the table and changes nothing" dry_run
ktap_case "each refusal has its sentence" refusals
ktap_case "a multiple of the larger logical blocks" large_blocks
ktap_case "the log follows" with_log
ktap_case "a meta device without room is told, with the need" log_without_room
ktap_case "mounted" in_use
ktap_case "under load" under_load
ktap_case "in the state Fractured" cut_off
ktap_finish
