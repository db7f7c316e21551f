#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=450
#
# The table of operations, cell by cell: each operation in each state is allowed and leads
# where it should, or is refused, says why, and changes nothing.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

operations="abort activate deactivate fracture resync resume split suspend reset_to_sync
	reverse_roles failover failback restore prepare"
states="Unsynchronized Synchronized Broken Fractured Split Inactive Suspended Aborted
	Failedover Prepared"

# Where an operation leads from a state. Not here: refused.
declare -A leads=(
	[Unsynchronized,abort]=Aborted
	[Unsynchronized,deactivate]=Inactive
	[Unsynchronized,fracture]=Fractured
	[Unsynchronized,resync]=Unsynchronized
	[Unsynchronized,suspend]=Suspended
	[Synchronized,deactivate]=Inactive
	[Synchronized,fracture]=Fractured
	[Synchronized,split]=Split
	[Synchronized,suspend]=Suspended
	[Broken,deactivate]=Inactive
	[Broken,fracture]=Fractured
	[Broken,resume]=Broken
	[Fractured,deactivate]=Inactive
	[Fractured,resync]=Unsynchronized
	[Split,deactivate]=Inactive
	[Split,resync]=Unsynchronized
	[Inactive,activate]=Unsynchronized
	[Suspended,deactivate]=Inactive
	[Suspended,resume]=Unsynchronized
	[Aborted,deactivate]=Inactive
	[Aborted,resync]=Unsynchronized
	[Synchronized,reverse_roles]=Synchronized
	[Synchronized,failover]=Failedover
	[Split,restore]=Unsynchronized
	[Inactive,prepare]=Prepared
	[Suspended,prepare]=Prepared
	[Aborted,prepare]=Prepared
	[Failedover,failback]=Unsynchronized
	[Failedover,resync]=Unsynchronized
	[Prepared,activate]=Unsynchronized
	[Prepared,deactivate]=Inactive
)

# The same for those that need force. A broken replica does not answer, see its own case.
declare -A forced=(
	[Unsynchronized,failover]=Failedover
	[Fractured,failover]=Failedover
	[Split,failover]=Failedover
	[Inactive,failover]=Failedover
	[Suspended,failover]=Failedover
	[Aborted,failover]=Failedover
	[Fractured,restore]=Unsynchronized
	[Aborted,restore]=Unsynchronized
	[Unsynchronized,prepare]=Prepared
	[Synchronized,prepare]=Prepared
	[Broken,prepare]=Prepared
	[Fractured,prepare]=Prepared
	[Split,prepare]=Prepared
)

# A copy at 1 MiB/s lasts longer where looking at it takes longer, MiB.
slow=$((ktap_factor > ${KTAP_PATIENCE:-1} ? ktap_factor : ${KTAP_PATIENCE:-1}))
size=$((8 * slow))

setup()
{
	local disk
	new_loop origin "${size}M"
	new_loop disk "${size}M"
	new_linear replica "$disk"
	new_mirror r "$origin" "$replica" region_size 64
	synced r
	places=$(dmsetup table r | cut -d " " -f 4)
}

# From any state.
back_in_step()
{
	[[ $(dmsetup table "$replica") != *error* ]] || heal_dev "$replica"
	message r set resync_rate auto
	case $(status r state) in
	Broken) message r resume || true ;;
	Inactive | Prepared) message r activate ;;
	Failedover) message r failback ;;
	Suspended) message r resume ;;
	Fractured | Split | Aborted) message r resync ;;
	esac
	wait_for 60 "r to be in step" in_sync r
	# After reverse_roles, and after a failover that was made permanent.
	wait_for 20 "the legs to have their places" in_place
}

in_place()
{
	local words
	in_sync r || return 1
	read -ra words <<<"$(dmsetup table r)"
	[[ ${words[3]} != "$places" ]] || return 0
	message r reverse_roles || true
	return 1
}

enter()
{
	back_in_step
	case $1 in
	Synchronized) ;;
	Unsynchronized | Aborted)
		message r set resync_rate 1
		message r resync force
		[[ $1 == Unsynchronized ]] || message r abort
		;;
	Broken)
		break_dev "$replica"
		put /dev/mapper/r 1 1
		wait_for 10 "r to break" is r Broken
		;;
	Fractured) message r fracture ;;
	Split) message r split ;;
	Inactive) message r deactivate ;;
	Suspended) message r suspend ;;
	Failedover) message r failover ;;
	Prepared) message r prepare force ;;
	esac
	same "the state to begin with" "$(status r state)" "$1"
}

# What a refused operation must not change. A broken replica is probed, a job works on.
picture()
{
	local keys=(state reason)
	[[ $1 == @(Unsynchronized|Broken) ]] || keys+=(dirty_regions)
	status r "${keys[@]}"
	job_field r 1 3
	dmsetup table r
}

# A job that is under way does not end before unhang_dev.
stretch()
{
	message r set replica_timeout 0
	hang_dev "$replica"
	defer unhang_dev "$replica"
}

refused_in()
{
	local state=$1 before operation
	enter "$state"
	# A job has to run for as long as it takes to try all operations.
	[[ $state != Unsynchronized ]] || stretch
	before=$(picture "$state")
	for operation in $operations; do
		[[ -z ${leads[$state,$operation]:-} && $operation != reset_to_sync ]] || continue
		# It has a case of its own.
		[[ $state,$operation != Broken,resync ]] || continue
		dmesg_mark
		refuse message r "$operation"
		dmesg_has "message $operation refused: the operation" || fail "no sentence"
		same "all of r after $operation" "$(picture "$state")" "$before"
		[[ $state,$operation != Synchronized,resync ]] || continue
		[[ -z ${forced[$state,$operation]:-} ]] || continue
		refuse message r "$operation" force
		same "all of r after $operation force" "$(picture "$state")" "$before"
	done
	message r reset_to_sync
	same "all of r after reset_to_sync" "$(picture "$state")" "$before"
	unhang_dev "$replica"
}

allowed_in()
{
	local state=$1 operation
	for operation in $operations; do
		[[ -z ${leads[$state,$operation]:-} ]] ||
			leads_to "$state" "${leads[$state,$operation]}" "$operation"
		[[ -z ${forced[$state,$operation]:-} ]] ||
			leads_to "$state" "${forced[$state,$operation]}" "$operation" force
	done
}

# leads_to STATE OTHER OPERATION...
leads_to()
{
	enter "$1"
	if [[ $2 == Unsynchronized ]]; then
		# The job must not be over before anybody looks.
		put /dev/mapper/r 2 4
		message r set resync_rate 1
		# These need a replica that answers.
		[[ $1 == Failedover || $3 == restore ]] || stretch
	fi
	run message r "${@:3}"
	same "the state after ${*:3}" "$(status r state)" "$2"
	unhang_dev "$replica"
}

cells()
{
	setup
	refused_in "$1"
	allowed_in "$1"
	back_in_step
	idle r
	compare_legs "$origin" "$replica"
}

# Synchronized and resync: everything is copied anew, which needs force.
resync_force()
{
	setup
	refuse message r resync
	same "jobs" "$(job_field r 1)" 1
	run message r resync force
	synced r
	same "jobs" "$(job_field r 1)" 2
	same "the bytes of the job" "$(job_field r 5)" $((size << 20))
}

# Ordered again while it runs, it is the same job.
resync_twice()
{
	setup
	enter Unsynchronized
	stretch
	run message r resync
	same "the job" "$(job_field r 1) $(job_field r 3)" "2 Running"
	unhang_dev "$replica"
	message r set resync_rate auto
	synced r
	same "jobs" "$(job_field r 1)" 2
}

# Resync of what is Broken goes on when the replica is back, and breaks again when not.
resync_broken()
{
	setup
	enter Broken
	message r resync || true
	wait_for 20 "r to break again" is r Broken
	heal_dev "$replica"
	run message r resync || true
	synced r
	compare_legs "$origin" "$replica"
}

words()
{
	setup
	refuse message r split now
	refuse message r split force force
	refuse message r splitt
	same "state" "$(status r state)" Synchronized
	run message r SPLIT
	same "state" "$(status r state)" Split
	message r help | grep -q '^split \[force\]' || fail "no help"
}

ktap_header
for state in $states; do
	ktap_case "operations in state $state" cells "$state"
done
ktap_case "resync with force copies all" resync_force
ktap_case "resync of what is copied already" resync_twice
ktap_case "resync of a broken replica" resync_broken
ktap_case "operations are one word, and force or compare" words
ktap_finish
