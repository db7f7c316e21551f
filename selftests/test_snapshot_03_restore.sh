#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=240
#
# Restore from Replica: the source becomes, byte for byte, what the snapshot was, is so at
# once and may be used meanwhile, and nothing of the snapshot is left; it is refused when
# somebody would see data change under his feet.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/snapshot.sh"

restores()
{
	local source leg table store before
	new_source 8M
	new_loop store 16M
	before=$(sum "$source")
	take snap "$source" "$store"
	run dd if=/dev/urandom of="$source" bs=64k count=50 seek=3 oflag=direct status=none
	exec 9<"$source"
	cli_returns 4 4 restore snap
	complains "is in use"
	exec 9<&-
	[[ $(sum "$source") != "$before" ]] || fail "a restore that is refused has restored"
	cli restore snap
	same return_value "$(get .return_value)" 0
	same "the source" "$(sum "$source")" "$before"
	same "the device below" "$(sum "$leg")" "$before"
	all_as_before "$store"
	cli_returns 8 8 status snap
}

# The device below is slow, so that there is something to see.
in_use_meanwhile()
{
	local source leg slow table store before
	new_loop leg 8M
	new_delay slow "$leg" 0 300
	new_linear source "$slow"
	table=$(dmsetup table "$source")
	run dd if=/dev/urandom of="$leg" bs=1M count=8 oflag=direct status=none
	new_loop store 16M
	before=$(sum "$source")
	take snap "$source" "$store"
	run write_scattered "$source" 48
	cli restore snap --timeout 100ms
	same return_value "$(get .return_value)" 3
	cli status snap
	same ProgressStatus "$(get .Replica.ProgressStatusDescription)" Restoring
	same CopyState "$(get .Replica.CopyState)" 3
	same SyncState "$(get .Replica.SyncStateDescription)" RestoreInProgress
	same JobType "$(get .Replica.Job.JobTypeDescription)" Restore
	cli jobs
	same "the job in the list" "$(get '.Jobs[] | select(.ElementName == "snap") | .JobTypeDescription')" Restore
	same "the source, while it is restored" "$(sum "$source")" "$before"
	cli_returns 4 4 remove snap
	complains "is being restored"
	run dd if=/dev/zero of="$source" bs=4k count=1 oflag=direct conv=notrunc status=none
	before=$(sum "$source")
	run replicactl restore snap
	same "the source" "$(sum "$source")" "$before"
	all_as_before "$store"
	same "the device below" "$(sum "$leg")" "$before"
}

# Whichever of them ends it, no other may call that a failed device.
three_at_once()
{
	local source leg slow table store before said=$dev_dir/said-$BASHPID pids=() whole=0 i
	new_loop leg 8M
	new_delay slow "$leg" 0 100
	new_linear source "$slow"
	table=$(dmsetup table "$source")
	new_loop store 16M
	before=$(sum "$source")
	take snap "$source" "$store"
	run write_scattered "$source" 24
	for i in 0 1 2; do
		replicactl restore snap >"$said-$i" 2>&1 &
		pids+=($!)
	done
	for i in 0 1 2; do
		if wait "${pids[i]}"; then
			whole=$((whole + 1))
		else
			grep -q "was ended by another command" "$said-$i" ||
				fail "a restore failed: $(<"$said-$i")"
		fi
	done
	((whole)) || fail "no restore says that the source is whole"
	same "the source" "$(sum "$source")" "$before"
	all_as_before "$store"
}

newest_first()
{
	local source leg table store more first second
	new_source 8M
	new_loop store 16M
	new_loop more 16M
	first=$(sum "$source")
	take one "$source" "$store"
	run dd if=/dev/urandom of="$source" bs=64k count=5 seek=3 oflag=direct status=none
	second=$(sum "$source")
	take two "$source" "$more"
	run dd if=/dev/urandom of="$source" bs=64k count=9 seek=1 oflag=direct status=none
	cli_returns 4 4 restore one
	complains "snapshot \"two\" of the same source is newer than \"one\""
	run replicactl restore two
	same "the source" "$(sum "$source")" "$second"
	same "the older snapshot" "$(sum /dev/mapper/one)" "$first"
	run replicactl restore one
	same "the source" "$(sum "$source")" "$first"
	all_as_before "$store"
}

ktap_header
ktap_case "the source is what the snapshot was" restores
ktap_case "it is so at once, and the kernel goes on without the tool" in_use_meanwhile
ktap_case "three at once restore it once, and none calls it a failure" three_at_once
ktap_case "of two snapshots the newer is restored, or goes, first" newest_first
ktap_finish
