#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# Operations that change roles, by replicactl: what each returns and leads to, when it needs
# --force, what is said when it is refused, and that a wait is over when the legs have their
# places back, and not before.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"

schema=/usr/share/dm-replica/replicactl.schema.json
[[ -e $schema ]] || schema=$(dirname "$0")/../Documentation/replicactl.schema.json

legs()
{
	new_loop source 8M
	new_loop target 8M
	run dd if=/dev/urandom of="$source" bs=1M count=8 oflag=direct status=none
	new_replica r "$source" "$target" --settings region_size=64K
}

number()
{
	lsblk -dno MAJ:MIN "$1" | tr -d ' '
}

# places ORIGIN REPLICA: the legs are these, by the table.
places()
{
	same "the legs" "$(dmsetup table r | cut -d ' ' -f 4,5)" "$(number "$1") $(number "$2")"
}

# scribble FIRST_64K COUNT
scribble()
{
	run dd if=/dev/urandom of=/dev/mapper/r bs=64k seek="$1" count="$2" oflag=direct \
		conv=notrunc status=none
}

data()
{
	dd if="$1" bs=1M iflag=direct status=none | sha256sum
}

# leads OPERATION STATE COMMAND...: at once, without a job.
leads()
{
	cli "${@:3}"
	run "$(dirname "$0")/lib/json-check.py" "$schema" <<<"$json"
	same "return_value" "$(get .return_value)" 0
	same "operation, state and job" \
		"$(get '"\(.OperationDescription) \(.CopyStateDescription) \(.JobID)"')" "$1 $2 null"
	in_state r "$2" || fail "it is not $2"
}

# starts OPERATION COMMAND...: a job, which is waited for.
starts()
{
	cli "${@:2}"
	run "$(dirname "$0")/lib/json-check.py" "$schema" <<<"$json"
	same "return_value" "$(get .return_value)" 4096
	same "the exit status" "$status" 0
	same "the operation" "$(get .OperationDescription)" "$1"
	(($(get .JobID) > 1)) || fail "JobID is $(get .JobID)"
	run replicactl wait r --timeout 60
}

# last_job FIELD: of the last job of r.
last_job()
{
	replicactl --json jobs r | jq -r "[.Jobs[] | select(.ReplicaEnded == null)][-1] | $1"
}

# forbidden SENTENCE COMMAND...: refused by the kernel, with these words, and nothing changes.
forbidden()
{
	local before sentence=$1
	shift
	before=$(dmsetup table r; replicactl --json status r | jq -c '[.Replica.CopyState]')
	cli_returns 4 4 "$@"
	[[ $(get .error.SMMessage) == *"$sentence"* ]] || fail "no '$sentence' in: $complaint"
	same "SMErrorCode" "$(get .error.SMErrorCode)" 6
	same "the table and the state" \
		"$(dmsetup table r; replicactl --json status r | jq -c '[.Replica.CopyState]')" "$before"
}

reversed()
{
	legs
	leads "Reverse Roles" Synchronized reverse r
	places "$target" "$source"
	scribble 3 5
	run replicactl confirm r --timeout 60
	leads "Reverse Roles" Synchronized reverse r
	places "$source" "$target"
	compare_legs "$source" "$target"
	forbidden "not allowed in the present copy state" resume r
	[[ $complaint == *"possible now: "*failover*reverse* ]] || fail "reverse is not offered"
	run replicactl fracture r
	forbidden "not allowed in the present copy state" reverse r
}

failed_over()
{
	local before
	legs
	leads Failover Failedover failover r
	places "$target" "$source"
	before=$(data "$source")
	scribble 7 9
	same "the former origin" "$(data "$source")" "$before"
	forbidden "not allowed in the present copy state" reverse r
	[[ $complaint == *"possible now: "*failback* ]] || fail "failback is not offered"
	forbidden "not allowed in the present copy state" prepare r --force
	cli_returns 4 4 detach r
	starts "Failback" failback r
	# At once, for that was waited for.
	places "$source" "$target"
	same "the job" "$(last_job '"\(.JobTypeDescription) \(.JobStateDescription)"')" \
		"Failback Completed"
	compare_legs "$source" "$target"
	forbidden "not allowed in the present copy state" failback r
}

forced_over()
{
	local before
	legs
	run replicactl fracture r
	before=$(data "$target")
	scribble 7 9
	forbidden "loses what the replica does not have" failover r
	[[ $complaint == *"use --force if that is meant"* ]] || fail "no word about --force"
	leads Failover Failedover failover r --force
	same "what is read" "$(data /dev/mapper/r)" "$before"
	# A resync makes it permanent.
	starts Resync resync r
	places "$target" "$source"
	compare_legs "$source" "$target"
	same "what is read" "$(data /dev/mapper/r)" "$before"
}

let_go()
{
	exec 9<&-
}

restored()
{
	local before
	legs
	before=$(data "$source")
	run replicactl split r
	scribble 7 9
	forbidden "not allowed in the present copy state" split r
	[[ $complaint == *"possible now: "*restore* ]] || fail "restore is not offered"
	cli_text restore r --timeout 5
	same "the exit status of a wait that is none" "$status" 64
	exec 9</dev/mapper/r
	defer let_go
	forbidden "close it first, or use force" restore r
	[[ $complaint == *"'fuser -vm /dev/mapper/r' shows who uses it"* ]] || fail "no word about who"
	let_go
	starts "Restore From Replica" restore r
	places "$source" "$target"
	same "the job" "$(last_job '"\(.JobTypeDescription) \(.JobStateDescription)"')" \
		"Restore Completed"
	same "what is read" "$(data /dev/mapper/r)" "$before"
	compare_legs "$source" "$target"
	# From one that need not be consistent.
	run replicactl fracture r
	scribble 20 1
	forbidden "from what need not be consistent" restore r
	[[ $complaint == *"use --force if that is meant"* ]] || fail "no word about --force"
	starts "Restore From Replica" restore r --force
	same "what is read" "$(data /dev/mapper/r)" "$before"
}

prepared()
{
	legs
	forbidden "gives up what is known to be equal" prepare r
	leads Prepare Prepared prepare r --force
	scribble 7 9
	same "what is to be copied" "$(replicactl --json status r | jq .Replica.DirtyBytes)" \
		$((8 << 20))
	starts Activate activate r
	compare_legs "$source" "$target"
	# Where nothing flows there is nothing to give up, and no force is wanted.
	run replicactl deactivate r
	leads Prepare Prepared prepare r
	same "what is to be copied" "$(replicactl --json status r | jq .Replica.DirtyBytes)" \
		$((8 << 20))
	starts Activate activate r
	compare_legs "$source" "$target"
}

# With a log there is nothing of it left, and with none there are two equal devices.
dissolved()
{
	legs
	leads "Reverse Roles" Synchronized reverse r
	cli dissolve r
	same "return_value" "$(get .return_value)" 0
	refuse dmsetup info r
	compare_legs "$source" "$target"
	new_loop meta 1M
	new_replica r "$source" "$target" --meta "$meta" --force
	run replicactl fracture r
	cli_returns 4 4 dissolve r
	cli dissolve r --force
	same "return_value" "$(get .return_value)" 0
	same "the meta devices" "$(replicactl --json scan "$meta" | jq -c .MetaDevices)" "[]"
}

# told SWAPS SWAP_BACK ORIGIN_HAS_LABEL HAS_LABEL: by the log.
told()
{
	cli dump "$meta"
	same "the log" "$(get '.Log | "\(.Swaps) \(.SwapBack) \(.OriginHasLabel) \(.HasLabel)"')" "$*"
}

# labels TIMES: what the log says, and what is left of it at the end, whichever leg has a label.
labels()
{
	local times
	new_loop source 8M
	new_loop target 9M
	new_loop meta 1M
	new_replica r "$source" "$target" --meta "$meta"
	told 0 false false true
	run replicactl reverse r
	told 1 false true false
	run "$(dirname "$0")/lib/json-check.py" "$schema" <<<"$json"
	run replicactl reverse r
	told 2 false false true
	run replicactl failover r
	# All of it, so that the copy is not over when it is suspended.
	scribble 0 128
	run replicactl set r resync_rate=1
	run replicactl failback r
	run replicactl suspend r
	told 3 true true false
	run replicactl set r resync_rate=auto
	run replicactl resume r
	run replicactl wait r --timeout 60
	places "$source" "$target"
	# However often: the leg with room for a label may be either at the end.
	for ((times = 0; times < $1; times++)); do
		run replicactl reverse r
	done
	run replicactl detach r
	blockdev --flushbufs "$target"
	same "bytes of a label" "$(tail -c 4096 "$target" | tr -d '\0' | wc -c)" 0
}

ktap_header
ktap_case "reverse" reversed
ktap_case "failover and failback" failed_over
ktap_case "failover with force, and for good" forced_over
ktap_case "restore" restored
ktap_case "prepare and activate" prepared
ktap_case "dissolve is detach" dissolved
ktap_case "the log tells of roles, and the replica's label goes with it" labels 0
ktap_case "so does the origin's" labels 1
ktap_finish
