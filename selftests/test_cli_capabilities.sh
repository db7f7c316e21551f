#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# What 'capabilities' says of a source is what 'create' does with it, for each kind of copy
# and many kinds of source; and it says it of kinds.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/lvm.sh"
. "$(dirname "$0")/lib/snapshot.sh"

# dry TYPE: would create make that kind of $asked, to $target? LVM places its own snapshots.
dry()
{
	local kind=() place=("$target")
	[[ $1 != 6 || $asked != /dev/mapper/vgt-* ]] || place=()
	case $1 in
	2) kind=(mirror --mode sync) ;;
	3) kind=(mirror --mode async) ;;
	18) kind=(mirror --mode adaptive) ;;
	6) kind=(snapshot) ;;
	10) kind=(clone) ;;
	14) kind=(tokenized-clone) place=(--store "$target" --token "$dev_dir/token") ;;
	*) fail "a kind that this test does not know: $1" ;;
	esac
	cli create "$asked" "${place[@]}" --sync-type "${kind[@]}" --dry-run
}

# as_said SOURCE POSSIBLE: of all kinds of the module and the library, those are possible.
as_said()
{
	local asked=$1 said type code sentence count=0
	cli capabilities --source "$asked"
	same "the exit status" "$status" 0
	said=$(get '(.SupportedReplicationTypes[] | [.Value, 0, .Sentence // ""]),
		(.RefusedReplicationTypes[] | [.Value, .StatusCode, .Sentence]) | @tsv')
	same "what is possible" "$(get '[.SupportedReplicationTypes[].Value] | join(" ")')" "$2"
	while IFS=$'\t' read -r type code sentence; do
		count=$((count + 1))
		dry "$type"
		same "what create returns for $type" "$(get .return_value)" "$code"
		((code == 0)) ||
			same "its sentence for $type" "$(get .error.Description)" "$sentence"
	done <<<"$said"
	cli capabilities
	same "the kinds that were asked" "$(get '.SupportedReplicationTypes | length')" "$count"
}

sources()
{
	local leg source table target disk leg_of
	new_source 8M
	new_loop target 8M
	new_loop disk 8M
	new_loop leg_of 8M
	as_said "$disk" "2 3 10 18"
	as_said "$source" "2 3 6 10 14 18"
	run mkfs.ext4 -q "$source"
	run mkfs.ext4 -q "$disk"
	run mkfs.ext4 -q "$leg_of"
	run mkdir -p "$dev_dir/mnt" "$dev_dir/raw" "$dev_dir/ro"
	run mount "$source" "$dev_dir/mnt"
	defer unmounted "$dev_dir/mnt"
	run mount "$disk" "$dev_dir/raw"
	defer unmounted "$dev_dir/raw"
	as_said "$source" "2 3 6 10 14 18"
	as_said "$disk" ""
	run blockdev --setro "$leg_of"
	as_said "$leg_of" ""
	run mount -o ro "$leg_of" "$dev_dir/ro"
	defer unmounted "$dev_dir/ro"
	as_said "$leg_of" ""
	run umount "$dev_dir/ro"
	run blockdev --setrw "$leg_of"
	run losetup -f
	as_said "$(losetup -f)" ""
}

in_use()
{
	local leg source table target other
	new_source 8M
	new_loop target 8M
	new_loop other 8M
	new_replica r "$source" "$other"
	as_said "$other" ""
	as_said "$source" "6 14"
}

snapshot_and_suspended()
{
	local leg target held
	new_loop leg 8M
	new_loop target 8M
	new_dm held origin "0 16384 snapshot-origin $leg"
	as_said "$held" "2 3 6 10 14 18"
	run dmsetup suspend "$held"
	defer dmsetup resume "$held"
	as_said "$held" ""
}

volumes_of_lvm()
{
	local source table target
	new_vg vgt 64M
	new_loop target 16M
	new_thin_pool vgt tp 8M
	new_volume 16M
	run lvcreate -qy --type thin --thinpool tp -V 4M -n thin vgt
	run lvcreate -qy --snapshot -L 4M -n own vgt/lv
	as_said "$source" "2 3 6 10 18"
	as_said /dev/mapper/vgt-thin "2 3 6 10 18"
	as_said /dev/mapper/vgt-own "2 3 10 18"
	cli capabilities --source /dev/mapper/vgt-own
	same "what is said of its snapshot" "$(get '.RefusedReplicationTypes[] |
		select(.Value == 6) | .Sentence | test("is a snapshot itself")')" true
	as_said /dev/mapper/vgt-tp_tdata ""
	run mkfs.ext4 -q "$source"
	run mkdir -p "$dev_dir/lv"
	run mount "$source" "$dev_dir/lv"
	defer unmounted "$dev_dir/lv"
	as_said "$source" "6"
	run lvcreate -qy -l 100%FREE -n rest vgt
	as_said "$source" ""
	as_said /dev/mapper/vgt-thin "2 3 6 10 18"
	same "the volumes" "$(volumes vgt)" "lv own rest thin tp"
}

none()
{
	cli_returns 8 8 capabilities --source "$dev_dir/nothing"
	complains "$dev_dir/nothing does not exist"
	cli_returns 5 5 capabilities --source "$dev_dir"
	complains "is not a block device"
}

kinds()
{
	cli_returns 0 0 capabilities --sync-type mirror --mode adaptive
	same "the kind" "$(get '"\(.ReplicationType) \(.ReplicationTypeDescription)"')" \
		"18 Adaptive Mirror Local"
	same "the features" "$(get '[.SupportedFeatures[].Value] | join(" ")')" "7 8 15 24 29 51 52"
	same "the operations" "$(get '[.SupportedOperations[].Value] | join(" ")')" \
		"2 4 7 8 9 10 11 12 14 15 16 17 18 19 20 21 22 24 25"
	same "the states" "$(get '[.SupportedCopyStates[].Value] | join(" ")')" \
		"2 3 4 5 6 7 8 9 10 11 12 13"
	same "states to wait for" "$(get '[.SupportedWaitForCopyStates[].Value] | join(" ")')" \
		"2 3 4"
	# Without udev and systemd nothing ends a clone that nobody waits for.
	cli_returns 0 0 capabilities --sync-type clone
	same "the operations" "$(get '[.SupportedOperations[].Value] | join(" ")')" "2 8 9 16 19"
	[[ -d /run/systemd/system ]] ||
		same "the features" "$(get '[.SupportedFeatures[].Value] | join(" ")')" "7 8 24 51"
	cli_returns 0 0 capabilities --sync-type snapshot
	same "the operations" "$(get '[.SupportedOperations[].Value] | join(" ")')" "8 9 15 19"
	cli_returns 0 0 capabilities --sync-type tokenized-clone
	same "the operations" "$(get '[.SupportedOperations[].Value] | join(" ")')" "2 8 9 16"
	same "the states" "$(get '[.SupportedCopyStates[].Value] | join(" ")')" "2 3 4 5 9 12"
	cli_returns 1 1 capabilities --sync-type clone --mode async
	complains "Asynchronous Clone Local (11) is not supported"
	cli_returns 5 5 capabilities --sync-type 5
	complains "is no kind of copy"
	cli_returns 5 5 capabilities --sync-type 0
	cli_text capabilities --mode async
	same "the exit status" "$status" 64
	cli_text capabilities r --sync-type clone
	same "the exit status" "$status" 64
}

ktap_header
ktap_case "create does with a disk, and a mapped device, what is said of it" sources
ktap_case "the legs of a replica" in_use
ktap_case "a device that has snapshots, and a suspended one" snapshot_and_suspended
if command -v lvcreate >/dev/null; then
	ktap_case "create does with a logical volume what is said of it" volumes_of_lvm
else
	ktap_skip "create does with a logical volume what is said of it" "needs LVM"
fi
ktap_case "what is no source" none
ktap_case "what a kind has to offer" kinds
ktap_finish
