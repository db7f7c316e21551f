#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=300
#
# The return values of create: 4096 with the job when the copy goes on, 0 when there is
# none or it ended within the call, CreateReplica's other values for all else.
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

returned()
{
	same "return_value" "$(get .return_value)" "$1"
	same "the exit status" "$status" "${2:-$1}"
}

job_started()
{
	legs
	cli create "$source" "$target" --name r
	returned 4096 0
	same "return_name" "$(get .return_name)" "Method Parameters Checked - Job Started"
	same "JobID" "$(get .JobID)" 1
	same "ElementName" "$(get .ElementName)" r
	same "the device" "$(get .Device)" /dev/mapper/r
	same "the peer" "$(get .TargetReplicaPeer.PeerObjectName)" "$target"
	run replicactl wait r --timeout 60
	compare_legs "$source" "$target"
}

awaited()
{
	legs
	cli create "$source" "$target" --name r --wait-for synchronized --timeout 60
	returned 0
	same "JobID" "$(get .JobID)" null
	same "the target" "$(get .TargetStorageVolume)" "$target"
	same "the state" "$(get .Replica.CopyStateDescription)" Synchronized
	same "the mode, which nobody gave" "$(get '"\(.Replica.Mode) \(.Replica.ModeDescription)"')" "2 sync"
	same "an error" "$(get .error)" null
	compare_legs "$source" "$target"
}

# Each property of MSFT_SMReplicaPeer, of a replica that is there.
peer()
{
	local uuid
	legs
	cli create "$source" "$target" --name r --wait-for synchronized --timeout 60
	returned 0
	uuid=$(dmsetup info -c --noheadings -o uuid r)
	same "the peer" "$(get '.TargetReplicaPeer | [.Identifier, .ObjectId, .PeerObjectType, .PeerObjectName,
		.PeerProviderURI, .IsCIMReplicationEntityBased, .IsPrimary] | map(tostring) | join(" ")')" \
		"$uuid $uuid/target 4 $target null false false"
	same "its system" "$(get .TargetReplicaPeer.PeerSystemName)" "$(uname -n)"
	same "its ids" "$(get '.TargetReplicaPeer | .PeerObjectId | split("/") | last')" \
		"$(get .TargetReplicaPeer.PeerUniqueId)"
	same "its element" "$(get '.TargetReplicaPeer.Element | "\(.StorageVolume) \(.DeviceNumber) \(.Size)"')" \
		"$target $(lsblk -dno MAJ:MIN "$target" | tr -d ' ') $((8 << 20))"
}

# job FILTER: of job 1 of r, while that is there.
job()
{
	cli jobs r >/dev/null
	get "[.Jobs[] | select(.ReplicaEnded == null and .JobID == 1)][0] | $1"
}

# Each property of MSFT_SMJob, while it runs and when it has ended.
job_properties()
{
	local began before
	before=$(date +%s)
	slow_replica r
	same "kind and state" "$(job '"\(.JobType) \(.JobTypeDescription) \(.JobState) \(.JobStateDescription)"')" \
		"1 Initial Copy 4 Running"
	same "how it is" "$(job '[.JobStatus, .OperationalStatus[0].Value, (.OperationalStatus | length),
		.ErrorCode, .ErrorDescription, .LocalOrUtcTime, .DeleteOnCompletion, .TimeBeforeRemoval,
		.TimeOfLastStateChange] | tojson')" '["Running",2,1,0,null,2,false,null,null]'
	(($(job .PercentComplete) < 100)) || fail "it is complete"
	began=$(job .StartTime)
	same "when it was ordered" "$(job .TimeSubmitted)" "$began"
	(($(date -d "$began" +%s) >= before)) || fail "it began at $began"
	run replicactl wait r --timeout 120
	same "state" "$(job '"\(.JobState) \(.JobStateDescription) \(.PercentComplete)"')" "7 Completed 100"
	same "how it was" "$(job '[.JobStatus, [.OperationalStatus[].Value], .ErrorCode, .RemainingTime] |
		tojson')" '["Completed",[17,2],0,null]'
	same "when it began" "$(job .StartTime)" "$began"
	(($(job .ElapsedTime) > 0)) || fail "it took no time"
	[[ $(job .TimeOfLastStateChange) > $began ]] || fail "it ended before it began"
}

# As Microsoft's page has it, the volume is the target, and nothing is cut.
pool_beside()
{
	legs
	cli create "$source" "$target" --name r --pool nope --wait-for synchronized
	returned 0
	same "the target" "$(get .TargetStorageVolume)" "$target"
	same "the pool" "$(get .TargetStoragePool)" null
	same "what is said of the pool" \
		"$(get '.Findings[] | select(.CheckDescription == "pool-ignored") | .ParameterInfo')" \
		TargetStoragePool
	compare_legs "$source" "$target"
}

# The promise of the caller is taken: the target stays as it is.
skipped()
{
	local before
	legs
	before=$(md5sum "$target")
	cli create "$source" "$target" --name r --skip-initial-copy
	returned 0
	same "JobID" "$(get .JobID)" null
	same "the state" "$(get .Replica.CopyStateDescription)" Synchronized
	same "the target" "$(md5sum "$target")" "$before"
}

dry_run()
{
	local before
	legs
	before=$(world "$source" "$target")
	cli create "$source" "$target" --name r --dry-run --settings replica_timeout=5s
	returned 0
	[[ $(get .Table) == "0 16384 replica "*" - sync "*"replica_timeout 5000"* ]] ||
		fail "the table is '$(get .Table)'"
	same "the replica" "$(get .Replica)" null
	same "the devices and mappings" "$(world "$source" "$target")" "$before"
}

# The table that is shown is the one that is used.
settings()
{
	legs
	cli create "$source" "$target" --name r --wait-for synchronized --settings \
		payload=shared,FailedCopyStopsHostIO=true,CopyRecoveryMode=3,resync_rate=100,replica_timeout=2s,region_size=64k
	returned 0
	same "the settings" "$(get '.Replica.ReplicationSettings | [.Payload, .OnReplicaError,
		.FailedCopyStopsHostIO, .CopyRecoveryMode, .ResyncRate, .ReplicaTimeout] | @csv')" \
		2,2,true,3,100,2000
	same "the region size" "$(get .Replica.RegionSize)" 65536
	dmsetup table r | grep -q 'payload shared' || fail "the table lacks payload shared"
}

# Without --name one is made from the source; a second one differs.
made_name()
{
	local name
	legs
	cli create "$source" "$target" --wait-for synchronized
	returned 0
	name=$(get .ElementName)
	defer dm_gone "$name"
	[[ $name == *"${source##*/}"* ]] || fail "'$name' does not tell the source"
	run dmsetup info "$name"
}

not_supported()
{
	legs
	cli_returns 1 1 create "$source" "$target" --sync-type 32768
	complains "sync type Unknown (32768) is not supported"
}

# Numbers that CIM reserves.
reserved()
{
	legs
	cli_returns 5 5 create "$source" "$target" --mode 1
	complains "mode 1 is a reserved value"
	cli_returns 5 5 create "$source" "$target" --sync-type 0
	complains "sync type 0 is a reserved value"
	cli_returns 5 5 create "$source" "$target" --sync-type 32767
	same "ParameterInfo" "$(get .error.ParameterInfo)" SyncType
}

# Numbers that CIM leaves to vendors; we are none.
vendors()
{
	legs
	cli_returns 1 1 create "$source" "$target" --sync-type 32768
	same "ParameterInfo" "$(get .error.ParameterInfo)" SyncType
}

bad_settings()
{
	legs
	cli_returns 5 5 create "$source" "$target" --settings paylod=copy
	complains paylod
	[[ $complaint == *"did you mean 'payload'?"* ]] || fail "no suggestion"
	same "ParameterInfo" "$(get .error.ParameterInfo)" paylod
	cli_returns 5 5 create "$source" "$target" --settings payload=none
	cli_returns 5 5 create "$source" "$target" --settings region_size=3000
	cli_returns 5 5 create "$source" "$target" --settings CopyRecoveryMode=2,recovery=manual
}

# The time is over, the copy goes on, the replica is there.
timed_out()
{
	local disk
	new_loop disk 64M
	new_delay source "$disk" 500 0
	new_loop target 64M
	defer dm_gone r
	cli create "$source" "$target" --name r --settings resync_rate=1 --wait-for synchronized --timeout 1
	returned 3
	same "the state" "$(get .Replica.CopyStateDescription)" Unsynchronized
	run in_state r Unsynchronized
}


as_nobody()
{
	local before
	legs
	before=$(world "$source" "$target")
	chmod a+rw "$source" "$target"
	status=0
	json=$(runuser -u nobody -- replicactl --json create "$source" "$target" --name r) || status=$?
	returned 40001 11
	same "the devices and mappings" "$(world "$source" "$target")" "$before"
}

without_module()
{
	run modprobe -r dm-replica
	defer modprobe dm-replica
	# The kernel would load it when the tool asks for the netlink family.
	mkdir -p /run/modprobe.d
	echo "install dm-replica /bin/false" >/run/modprobe.d/no-replica.conf
	defer rm -f /run/modprobe.d/no-replica.conf
	cli_returns 1 1 status
	complains "kernel module dm-replica is not loaded"
}

ktap_header
ktap_case "4096 with the job while the copy runs" job_started
ktap_case "0 when the copy ended within the call" awaited
ktap_case "0 when there is nothing to copy" skipped
ktap_case "every property of the peer" peer
ktap_case "every property of a job" job_properties
ktap_case "a pool beside a target volume" pool_beside
ktap_case "a dry run shows the table and changes nothing" dry_run
ktap_case "settings reach the kernel" settings
ktap_case "a name is made from the source" made_name
ktap_case "1 for modes and kinds of copy that do not exist yet" not_supported
ktap_case "5 for reserved numbers" reserved
ktap_case "1 for numbers of vendors" vendors
ktap_case "5 for settings that are wrong, with a suggestion" bad_settings
ktap_case "3 when the time is over, and the replica stays" timed_out
ktap_case "40001 for users" as_nobody
ktap_case "1 without the kernel module" without_module
ktap_finish
