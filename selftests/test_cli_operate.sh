#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# Every operation by the name it has on the command line: where it leads to, what it
# returns, and that it is refused with 4 and a way out where the state forbids it.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"

legs()
{
	new_loop source 8M
	new_loop target 8M
	new_replica r "$source" "$target"
}

scribble()
{
	run dd if=/dev/urandom of=/dev/mapper/r bs=64k count=8 seek="${1:-3}" oflag=direct status=none
}

# leads VERB STATE: in JSON, without a job.
leads()
{
	cli "$1" r
	same "return_value of $1" "$(get .return_value)" 0
	same "the state" "$(get .CopyStateDescription)" "$2"
	same "JobID" "$(get .JobID)" null
	run in_state r "$2"
}

# starts VERB: the copy of what changed, to its end.
starts()
{
	cli "$@"
	same "return_value of $1" "$(get .return_value)" 4096
	same "the exit status" "$status" 0
	(($(get .JobID) > 1)) || fail "JobID is $(get .JobID)"
	run replicactl wait r --timeout 60
	compare_legs "$source" "$target"
}

# cut_and_back CUT STATE BACK
cut_and_back()
{
	legs
	scribble 3
	leads "$1" "$2"
	scribble 50
	starts "$3" r
}

# Everything is copied anew, also what somebody wrote to the replica itself.
forced()
{
	legs
	run dd if=/dev/urandom of="$target" bs=64k count=1 seek=20 oflag=direct status=none
	cli_returns 4 4 resync r
	[[ $complaint == *"use --force if that is meant"* ]] || fail "no word about --force"
	same "SMErrorCode" "$(get .error.SMErrorCode)" 6
	starts resync r --force
}

# forbidden VERB
forbidden()
{
	local before
	before=$(replicactl --json status r | jq -c '[.Replica.CopyState, .Replica.EventSequence]')
	cli_returns 4 4 "$1" r
	same "SMErrorCode" "$(get .error.SMErrorCode)" 6
	same "the state and events" \
		"$(replicactl --json status r | jq -c '[.Replica.CopyState, .Replica.EventSequence]')" "$before"
	[[ $complaint == *"'r' is "*"; possible now: "* ]] || fail "no word about what is possible"
}

by_state()
{
	legs
	forbidden resume
	forbidden activate
	forbidden abort
	run replicactl fracture r
	forbidden split
	forbidden suspend
	[[ $complaint == *"possible now: "*resync* ]] || fail "resync is not offered"
}

# Of the jobs of the replica that there is: FILTER of each.
of_jobs()
{
	cli jobs r >/dev/null
	get "[.Jobs | map(select(.ReplicaEnded == null)) | sort_by(.JobID)[] | $1] | tojson"
}

aborted()
{
	slow_replica r
	leads suspend Suspended
	same "its job" "$(of_jobs '.JobState, .JobStatus, [.OperationalStatus[].Value]')" \
		'[5,"Suspended",[10]]'
	cli resume r
	same "return_value and JobID" "$(get '"\(.return_value) \(.JobID)"')" "4096 1"
	leads abort Aborted
	cli resync r
	same "return_value" "$(get .return_value)" 4096
	cli cancel r
	same "return_value" "$(get .return_value)" 0
	same "JobID" "$(get .JobID)" 2
	run in_state r Aborted
	same "the states of the jobs" "$(of_jobs '.JobState, [.OperationalStatus[].Value], .ErrorCode')" \
		'[8,[10,14],0,8,[10,14],0]'
	cli_returns 4 4 cancel r 2
	cli_returns 8 8 cancel r 77
}

settings()
{
	legs
	cli set r payload=shared resync_rate=50
	same "return_value" "$(get .return_value)" 0
	same "the settings" "$(get '.ReplicationSettings | [.Payload, .ResyncRate] | @csv')" 2,50
	dmsetup table r | grep -q "payload shared" || fail "the table does not know"
	cli_returns 5 5 set r payload=copy replica_timeout=1ms
	same "payload, as all or none" "$(replicactl --json status r | jq .Replica.ReplicationSettings.Payload)" 2
	cli_returns 5 5 set r region_size=1M
}

ended()
{
	legs
	scribble
	cli detach r
	same "return_value" "$(get .return_value)" 0
	refuse dmsetup info r
	compare_legs "$source" "$target"
}

let_go()
{
	exec 9<&-
}

# A device that is open stays, with force and without.
in_use()
{
	legs
	exec 9</dev/mapper/r
	defer let_go
	cli_returns 4 4 detach r
	same "SMErrorCode" "$(get .error.SMErrorCode)" 6
	[[ $complaint == *"fuser -vm /dev/mapper/r"* ]] || fail "no word about who uses it"
	cli_returns 4 4 detach r --force
	cli_returns 4 4 remove r
	run in_state r Synchronized
}

not_detached()
{
	legs
	run replicactl fracture r
	cli_returns 4 4 detach r
	complains 'replica "r" is Fractured, not Synchronized'
	run in_state r Fractured
	cli detach r --force
	same "return_value" "$(get .return_value)" 0
}

ktap_header
ktap_case "fracture and resync" cut_and_back fracture Fractured resync
ktap_case "split and resync" cut_and_back split Split resync
ktap_case "suspend and resume" cut_and_back suspend Suspended resume
ktap_case "deactivate and activate" cut_and_back deactivate Inactive activate
ktap_case "resync with force copies everything" forced
ktap_case "the state forbids, and what it allows is told" by_state
ktap_case "abort and cancel end a copy" aborted
ktap_case "settings change, all or none" settings
ktap_case "detach leaves two equal devices" ended
ktap_case "what is in use is not taken away" in_use
ktap_case "detach wants a synchronized replica, or force" not_detached
ktap_finish
