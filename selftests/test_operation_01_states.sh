#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=600
#
# The table of operations, cell by cell: each operation in each state is allowed and leads
# where it should, or is refused, says why, and changes nothing; and replicactl capabilities
# says so. scripts/check-table holds the cells against the module's table, which has one state
# more: Initialized ends with the first resume, and before that nothing is allowed.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/cli.sh"

operations="abort activate deactivate fracture resync resume split suspend
	reverse_roles failover failback restore prepare"
states="Unsynchronized Synchronized Broken Fractured Split Inactive Suspended Aborted
	Failedover Prepared Skewed"
# Numbers of CIM. The last three are allowed in any state.
declare -A numbers=(
	[abort]=2 [activate]=4 [deactivate]=7 [failover]=10 [failback]=11 [fracture]=12
	[resync]=14 [restore]=15 [resume]=16 [reverse_roles]=20 [split]=21 [suspend]=22
	[prepare]=24 [reset_to_sync]=17 [reset_to_async]=18 [reset_to_adaptive]=25
)

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
	[Broken,resync]=Unsynchronized
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
	[Skewed,deactivate]=Inactive
	[Skewed,fracture]=Fractured
	[Skewed,resync]=Unsynchronized
	[Skewed,suspend]=Suspended
)

# The same for those that need force.
declare -A forced=(
	[Synchronized,resync]=Unsynchronized
	[Unsynchronized,failover]=Failedover
	[Broken,failover]=Failedover
	[Fractured,failover]=Failedover
	[Split,failover]=Failedover
	[Inactive,failover]=Failedover
	[Suspended,failover]=Failedover
	[Aborted,failover]=Failedover
	[Skewed,failover]=Failedover
	[Fractured,restore]=Unsynchronized
	[Aborted,restore]=Unsynchronized
	[Skewed,restore]=Unsynchronized
	[Unsynchronized,prepare]=Prepared
	[Synchronized,prepare]=Prepared
	[Broken,prepare]=Prepared
	[Fractured,prepare]=Prepared
	[Split,prepare]=Prepared
	[Skewed,prepare]=Prepared
)

# Cells with a case of their own: a broken replica may come back, or does not answer.
declare -A own_case=(
	[Broken,resync]="resync of a broken replica"
	[Broken,failover]="failover to a broken replica"
	[Synchronized,resync]="resync with force copies all"
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
	Fractured | Split | Aborted | Skewed) message r resync ;;
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
	Skewed) skew ;;
	esac
	same "the state to begin with" "$(status r state)" "$1"
}

# Somebody else writes to the replica, and a verify finds it.
skew()
{
	put "$replica" 2 4
	message r verify
	wait_for 60 "the verify to end" verify_over
	message r set resync_rate 1
}

verify_over()
{
	[[ $(job_field r 2) == verify && $(job_field r 3) != Running ]]
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

# expected STATE [FORCE]: the numbers of what is allowed, in order.
expected()
{
	local operation
	{
		for operation in "${!numbers[@]}"; do
			[[ $operation != reset_to_* && -z ${leads[$1,$operation]:-} &&
			   (-z ${2:-} || -z ${forced[$1,$operation]:-}) ]] ||
				echo "${numbers[$operation]}"
		done
	} | sort -n | xargs
}

# said STATE: what capabilities says is what the cells say.
said()
{
	cli capabilities r
	same "the state that capabilities are of" "$(get .CopyStateDescription)" "$1"
	same "what is possible" "$(get '[.SupportedOperations[].Value] | sort | join(" ")')" \
		"$(expected "$1")"
	same "what is possible with force" \
		"$(get '[.OperationsWithForce[].Value] | sort | join(" ")')" "$(expected "$1" force)"
}

# modes STATE: each may be given, and the state stays.
modes()
{
	local mode
	for mode in async adaptive sync; do
		run message r "reset_to_$mode"
		same "state and mode" "$(status r state mode)" "$1"$'\n'"$mode"
	done
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
	said "$state"
	for operation in $operations; do
		[[ -z ${leads[$state,$operation]:-} ]] || continue
		dmesg_mark
		refuse message r "$operation"
		dmesg_has "message $operation refused: the operation" || fail "no sentence"
		same "all of r after $operation" "$(picture "$state")" "$before"
		[[ -z ${forced[$state,$operation]:-} ]] || continue
		refuse message r "$operation" force
		same "all of r after $operation force" "$(picture "$state")" "$before"
	done
	modes "$state"
	same "all of r after three modes" "$(picture "$state")" "$before"
	unhang_dev "$replica"
}

allowed_in()
{
	local state=$1 operation
	for operation in $operations; do
		[[ -z ${own_case[$state,$operation]:-} ]] || continue
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

# A broken replica does not answer, and nothing is lost by trying.
failover_broken()
{
	local before
	setup
	enter Broken
	before=$(dmsetup table r)
	dmesg_mark
	timed 20 refuse message r failover force
	dmesg_has "the replica does not answer" || fail "no sentence"
	same "the table" "$(dmsetup table r)" "$before"
	same "state" "$(status r state)" Broken
	back_in_step
	compare_legs "$origin" "$replica"
}

# held_back SENTENCE OPERATION [force]: refused, and not said to be possible.
held_back()
{
	dmesg_mark
	refuse message r "${@:2}"
	dmesg_has "$1" || fail "no sentence"
	cli capabilities r
	same "is $2 said to be possible?" \
		"$(get "[.OperationsWithForce[].Value] | index(${numbers[$2]})")" null
}

# On the way back nothing else turns the legs around, in whichever state it waits.
way_back()
{
	local order first="before the legs have their places back"
	local state="not allowed in the present copy state"
	setup
	enter Failedover
	put /dev/mapper/r 0 "$size"
	message r set resync_rate 1
	run message r failback
	same "state, progress" "$(status r state progress)" $'Unsynchronized\n12'
	for order in "" suspend deactivate; do
		[[ -z $order ]] || run message r "$order"
		held_back "$first" failover force
		held_back "$first" prepare force
		# These are for states that there are none of on the way.
		held_back "$state" restore force
		held_back "$state" reverse_roles
	done
	same "state" "$(status r state)" Inactive
	message r set resync_rate auto
	run message r activate
	wait_for 60 "the legs to have their places" in_place
	idle r
	compare_legs "$origin" "$replica"
}

# What a replica that was never in step is said to allow is what it allows.
never_in_step()
{
	new_loop origin 8M
	new_loop replica 8M
	new_mirror r "$origin" "$replica" resync_rate 1
	run message r abort
	cli capabilities r
	same "failover, or restore" "$(get '[.OperationsWithForce[].Value] |
		[index(10), index(15)] | map(select(. != null)) | length')" 0
	refuse message r failover force
	refuse message r restore force
	message r set resync_rate auto
	run message r resync
	synced r
	cli capabilities r
	same "failover" "$(get '[.SupportedOperations[].Value] | index(10) != null')" true
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
ktap_case "failover to a broken replica" failover_broken
ktap_case "nothing turns the legs around on their way back" way_back
ktap_case "never in step, never put in the place of the origin" never_in_step
ktap_case "operations are one word, and force or compare" words
ktap_finish
