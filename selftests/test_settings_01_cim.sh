#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# Each of the ReplicationSettings of CIM and of MSFT_SMReplicationSettings does what it
# says, or is refused by name, and nothing has changed then.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"

legs()
{
	new_loop source 8M
	new_loop target 8M
	run dd if=/dev/urandom of="$source" bs=1M count=8 status=none
	defer dm_gone r
}

# no RETURN SETTING SENTENCE [OPTION]...: by create and by check.
no()
{
	local value=$1 setting=$2 sentence=$3 before
	shift 3
	before=$(world "$source" "$target")
	cli_returns "$value" "$value" create "$source" "$target" --name r --settings "$setting" "$@"
	complains "$sentence"
	same "ParameterInfo" "$(get .error.ParameterInfo)" "${setting%%=*}"
	same "the devices and mappings" "$(world "$source" "$target")" "$before"
	(($#)) && return
	cli check "$source" "$target" --settings "$setting"
	same "return_value of check" "$(get .return_value)" "$value"
}

# yes FILTER WANTED SETTING [OPTION]...: a replica that has it.
yes()
{
	local filter=$1 wanted=$2
	cli create "$source" "$target" --name r --wait-for synchronized --settings "${@:3}"
	same "return_value" "$(get .return_value)" 0
	same "$filter" "$(get ".Replica$filter")" "$wanted"
	run replicactl remove r
}

supplier()
{
	local n
	legs
	for n in 1 3 4 5; do
		yes .TargetStorageVolume "$target" "TargetElementSupplier=$n" --force
	done
	no 5 TargetElementSupplier=2 "TargetElementSupplier 2 (create new) contradicts"
	no 5 TargetElementSupplier=6 "must be 1 (use existing)"
}

thin_policy()
{
	local n
	legs
	yes .TargetStorageVolume "$target" ThinProvisioningPolicy=7 --force
	for n in 2 3 4 5 6; do
		no 5 "ThinProvisioningPolicy=$n" "ThinProvisioningPolicy $n is for a target that is made"
	done
	no 5 ThinProvisioningPolicy=8 "must be 2 (thin to thin)"
}

methodology()
{
	local n
	legs
	no 1 DesiredCopyMethodology=1 "no more than that it is none of CIM's"
	no 1 DesiredCopyMethodology=4 "there is no earlier copy"
	no 1 DesiredCopyMethodology=6 "it is that of a snapshot"
	no 1 DesiredCopyMethodology=7 "nothing is copied because it is read"
	no 1 DesiredCopyMethodology=9 "it is that of two steps"
	no 1 DesiredCopyMethodology=10 "the source is in use from the start"
	no 1 DesiredCopyMethodology=11 "it is that of snapshots of thin volumes"
	no 1 DesiredCopyMethodology=40000 "no vendor has one here"
	no 5 DesiredCopyMethodology=12 "must be a number of CIM from 1"
	no 5 DesiredCopyMethodology=3 "contradicts an initial copy that is skipped" \
		--skip-initial-copy
	for n in 2 3; do
		run dd if=/dev/urandom of="$target" bs=1M count=8 conv=fsync status=none
		yes .CopyMethodology 4 "DesiredCopyMethodology=$n" --force
		compare_legs "$source" "$target"
	done
	yes .CopyMethodology 4 DesiredCopyMethodology=4 --force --skip-initial-copy
}

# 5: both are read, and what differs is written.
differential()
{
	legs
	new_loop target 64M
	new_loop source 64M
	run dd if=/dev/urandom of="$source" bs=1M count=64 status=none
	run dd if="$source" of="$target" bs=1M status=none conv=fsync
	run dd if=/dev/urandom of="$target" bs=1M seek=60 count=1 conv=notrunc,fsync status=none
	cli create "$source" "$target" --name r --wait-for synchronized --force \
		--settings DesiredCopyMethodology=5
	same "return_value" "$(get .return_value)" 0
	cli status r
	run cmp "$source" "$target"
	same "bytes compared" "$(get .Replica.Counters.ComparedBytes)" $((64 << 20))
	(($(get .Replica.Counters.ResyncBytes) <= 2 << 20)) || fail "more was copied than differs"
	run replicactl remove r
	no 5 DesiredCopyMethodology=5 "contradicts an initial copy that is skipped" \
		--skip-initial-copy
}

# In full until the first copy is over, what was written later; and in full when ordered.
reported_methodology()
{
	slow_replica r
	cli status r
	same "the first copy" "$(get .Replica.CopyMethodologyDescription)" Full-Copy
	run replicactl abort r
	cli status r
	same "after a copy that was not finished" "$(get .Replica.CopyMethodology)" 3
}

read_only()
{
	legs
	no 1 ReadOnly=3 "ReadOnly 3 (target) is not supported"
	no 1 ReadOnly=4 "ReadOnly 4 (source and target) is not supported"
	no 5 ReadOnly=1 "must be 2 (source), 3 (target) or 4 (both)"
}

# cannot_write: nobody can, whatever is tried, and the copy is complete.
cannot_write()
{
	local before
	before=$(sha256sum <"$source")
	same "read-only" "$(blockdev --getro /dev/mapper/r)" 1
	run blockdev --setrw /dev/mapper/r
	same "read-only all the same" "$(blockdev --getro /dev/mapper/r)" 1
	refuse dd if=/dev/zero of=/dev/mapper/r bs=4k count=1 oflag=direct conv=notrunc status=none
	refuse blkdiscard --zeroout /dev/mapper/r
	same "the source" "$(sha256sum <"$source")" "$before"
	run cmp "$source" "$target"
}

read_only_source()
{
	local table
	legs
	new_loop meta 8M
	run replicactl create "$source" "$target" --name r --meta "$meta" --wait-for synchronized \
		--settings ReadOnly=2
	cli status r
	same "ReadOnly" "$(get .Replica.ReadOnly)" 2
	cannot_write
	# No table that would end it without saying so.
	table=$(dmsetup table r)
	refuse dmsetup load r --table "$table"
	refuse dmsetup load r --readonly --table "${table/ read_only source/}"
	run dmsetup suspend r
	run dmsetup resume r
	cannot_write
	run replicactl deactivate r
	cli dump "$meta"
	same "ReadOnly, of the log" "$(get .Log.ReadOnly)" 2
	run replicactl activate "$meta"
	cli status r
	same "ReadOnly" "$(get .Replica.ReadOnly)" 2
	cannot_write
}

# Who uses it may write.
read_only_in_use()
{
	local mapped
	# shellcheck disable=SC2034 # it is there, and that is all
	local above
	legs
	new_linear mapped "$source"
	new_linear above "$mapped"
	cli_returns 1 1 create "$mapped" "$target" --settings ReadOnly=2
	complains "is not supported for a source in use"
}

delta_update()
{
	legs
	no 5 DeltaUpdateInterval=60 "must be an interval"
	no 5 DeltaUpdateInterval=00000000000000.000000:000 "must be an interval"
	no 5 DeltaUpdateInterval=00000000000100.000000:000,rpo=59s "a RecoveryPointObjective of 59 s"
	no 5 DeltaUpdateInterval=00000000000100.000000:000 "goes with Mode Async (3) only" \
		--mode sync
	no 5 DeltaUpdateInterval=00000000000100.000000:000,rpo=68s,overflow=fail \
		"overflow=fail stops the replica at 7/8"
	new_loop meta 8M
	no 5 protect=snapshot,delta_ms=30s "exclude each other" --meta "$meta"
	no 5 DesiredCopyMethodology=8,delta_ms=0 "contradicts delta_ms=0"
	no 5 DesiredCopyMethodology=3,delta_ms=30s "contradicts delta updates"
	no 1 DeltaUpdateBlocks=8 "setting DeltaUpdateBlocks is not supported"
	no 1 Multihop=2 "a chain is made replica by replica"
}

# By each of its names; and it outlives a restart, and is changed in use.
delta_made()
{
	local option
	legs
	yes .CopyMethodology 8 DesiredCopyMethodology=8 --force
	for option in --settings=DeltaUpdateInterval=00000000000030.000000:000 \
		--settings=delta_ms=30s --delta-update-interval=30s; do
		run replicactl create "$source" "$target" --name r --wait-for synchronized "$option" \
			--force
		cli status r
		same "mode, methodology" "$(get .Replica.Mode) $(get .Replica.CopyMethodology)" "3 8"
		same "the interval" "$(get .Replica.ReplicationSettings.DeltaUpdateInterval)" 30000
		(($(get .Replica.PointInTimeAge) >= 0 && $(get .Replica.DeltaUpdateDue) <= 30000)) ||
			fail "age or due are wrong"
		run replicactl remove r
	done
	new_loop meta 8M
	run replicactl create "$source" "$target" --name r --meta "$meta" --force \
		--wait-for synchronized --settings delta_ms=1h
	run replicactl deactivate r
	run replicactl activate "$meta"
	run replicactl set r delta_ms=2h
	cli status r
	same "the interval" "$(get .Replica.ReplicationSettings.DeltaUpdateInterval)" 7200000
	cli_returns 5 5 set r rpo=1h
	complains "rpo is shorter than delta_ms"
	run replicactl set r delta_ms=0
	cli status r
	same "CopyMethodology" "$(get .Replica.CopyMethodology)" 4
	same "PointInTimeAge" "$(get .Replica.PointInTimeAge)" null
}

wait_state()
{
	legs
	cli create "$source" "$target" --name r --settings WaitForCopyState=4 --timeout 60
	same "return_value" "$(get .return_value)" 0
	same "the state" "$(get .Replica.CopyState)" 4
	compare_legs "$source" "$target"
	run replicactl remove r
	cli create "$source" "$target" --name r --settings WaitForCopyState=unsynchronized --force
	same "return_value" "$(get .return_value)" 4096
	run replicactl wait r --timeout 60
	run replicactl remove r
	cli create "$source" "$target" --name r --settings WaitForCopyState=2,resync_rate=1 --force
	same "return_value" "$(get .return_value)" 4096
	same "the state" "$(get .Replica.CopyState)" 3
	run replicactl remove r
	no 5 WaitForCopyState=3 "is given twice, as Synchronized (4) and as Unsynchronized (3)" \
		--wait-for synchronized
	no 1 WaitForCopyState=8 "a replica is never created Inactive"
	no 5 WaitForCopyState=6 "creation does not lead to state 6 (Fractured)"
}

same_as_ours()
{
	legs
	yes '.ReplicationSettings | [.OnReplicaError, .CopyRecoveryMode, .MaximumSkew,
		.RecoveryPointObjective, .CopyPriority] | @csv' 2,3,65536,15000,3 \
		FailedCopyStopsHostIO=true,CopyRecoveryMode=3,MaximumSkew=65536,DesiredRPO=00000000000015.000000:000,CopyPriority=3 \
		--mode adaptive
	yes '.ReplicationSettings | [.OnReplicaError, .CopyRecoveryMode] | @csv' 1,2 \
		FailedCopyStopsHostIO=false,CopyRecoveryMode=4 --force
	yes .ReplicationSettings.RecoveryPointObjective 500 overflow=track --mode async --rpo 500ms --force
	yes .ReplicationSettings.RecoveryPointObjective 15000 overflow=track --mode async --rpo 15 --force
	no 5 CopyRecoveryMode=1 "must be 2 (automatic), 3 (manual)"
	no 5 FailedCopyStopsHostIO=2 "must be true or false"
	no 5 CopyPriority=5 "must be 0 (not managed), 1 (low)"
	no 5 MaximumSkew=3G "must be a size of up to 2G"
}

# In mode sync there is no lag; the mode may change.
kept_rpo()
{
	legs
	run replicactl create "$source" "$target" --name r --mode sync --settings rpo=15s \
		--wait-for synchronized
	cli status r
	same "the objective" "$(get .Replica.ReplicationSettings.RecoveryPointObjective)" 15000
	run replicactl mode r async
	cli status r
	same "Mode, and the objective" \
		"$(get '.Replica | "\(.Mode) \(.ReplicationSettings.RecoveryPointObjective)"')" "3 15000"
}

# After the making it is too late.
fixed_later()
{
	local setting
	legs
	run replicactl create "$source" "$target" --name r --wait-for synchronized
	for setting in TargetElementSupplier=4 ThinProvisioningPolicy=7 ReadOnly=3 \
		DesiredCopyMethodology=3 WaitForCopyState=4 region_size=4k discard=off activity=512; do
		cli_returns 5 5 set r "$setting"
		complains "is fixed when a replica is created"
		same "ParameterInfo" "$(get .error.ParameterInfo)" "${setting%%=*}"
	done
}

# The priority outlives a restart: the meta device has it.
kept()
{
	legs
	new_loop meta 8M
	run replicactl create "$source" "$target" --name r --meta "$meta" --wait-for synchronized
	run replicactl set r copy_priority=urgent
	run replicactl deactivate r
	run replicactl activate "$meta"
	cli status r
	same "the priority" "$(get .Replica.ReplicationSettings.CopyPriorityDescription)" urgent
}

ktap_header
ktap_case "TargetElementSupplier" supplier
ktap_case "ThinProvisioningPolicy" thin_policy
ktap_case "DesiredCopyMethodology" methodology
ktap_case "CopyMethodology is reported" reported_methodology
ktap_case "a first copy that compares" differential
ktap_case "ReadOnly" read_only
ktap_case "a source that nobody writes to" read_only_source
ktap_case "ReadOnly and a source in use" read_only_in_use
ktap_case "DeltaUpdateInterval and others that are not supported" delta_update
ktap_case "delta updates by each of their names" delta_made
ktap_case "WaitForCopyState" wait_state
ktap_case "names of CIM for settings of ours" same_as_ours
ktap_case "an RPO that is kept for another mode" kept_rpo
ktap_case "what is fixed when a replica is created" fixed_later
ktap_case "copy_priority outlives a restart" kept
ktap_finish
