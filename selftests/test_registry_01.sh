#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# What is known of a replica that is no more: its jobs, for a while, as they ended; and that a
# clone was complete, for those who come too late.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"

# legs [MIB]
legs()
{
	new_loop source "${1:-8}M"
	new_loop target "${1:-8}M"
	run dd if=/dev/urandom of="$source" bs=1M count="${1:-8}" conv=fsync status=none
	defer dm_gone r
	run rm -rf /run/replica
}

# jobs NAME: type, state, error and whether the replica has ended, of each
jobs()
{
	cli jobs "$1" >/dev/null
	get '.Jobs[] | "\(.JobID) \(.JobTypeDescription) \(.JobStateDescription) \(.ErrorDescription) \(.ReplicaEnded != null)"'
}

stay()
{
	local started
	legs
	new_replica r "$source" "$target"
	run replicactl verify r --wait
	same "the jobs" "$(jobs r)" $'1 Initial Copy Completed null false\n2 Verify Completed null false'
	started=$(replicactl --json jobs r | jq -c '[.Jobs[] | [.StartTime, .ElapsedTime, .BytesDone]]')
	run replicactl detach r
	same "the jobs" "$(jobs r)" $'1 Initial Copy Completed null true\n2 Verify Completed null true'
	cli jobs r
	same "when they were" "$(get '[.Jobs[] | [.StartTime, .ElapsedTime, .BytesDone]]' | jq -c .)" "$started"
	same "TimeBeforeRemoval" "$(get '[.Jobs[].TimeBeforeRemoval]' | jq -c .)" "[86400000,900000]"
	same "DeleteOnCompletion" "$(get '[.Jobs[].DeleteOnCompletion]' | jq -c .)" "[true,true]"
	cli jobs
	same "among all" "$(get '[.Jobs[] | select(.ElementName == "r")] | length')" 2
	cli_text jobs
	[[ $text == *"REPLICA ENDED"* && $text == *"Initial Copy"* ]] || fail "the table: $text"
	cli_returns 8 8 status r
	# The next one of that name has its own.
	new_replica r "$source" "$target" --force
	same "the jobs" "$(jobs r)" $'1 Initial Copy Completed null true\n2 Verify Completed null true\n1 Initial Copy Completed null false'
	run replicactl remove r
	same "the jobs" "$(jobs r)" $'2 Verify Completed null true\n1 Initial Copy Completed null true'
}

stopped()
{
	legs 32
	run replicactl create "$source" "$target" --name r --settings resync_rate=1,region_size=64k
	run replicactl remove r
	same "the jobs" "$(jobs r)" "1 Initial Copy Terminated the replica was ended while this job ran true"
	cli jobs r
	(($(get '.Jobs[0].PercentComplete') < 100)) || fail "it is said to be complete"
}

# As if fifteen minutes, and a day, were over.
removed()
{
	local file
	legs
	new_replica r "$source" "$target"
	run replicactl verify r --wait
	run replicactl detach r
	same "the number of jobs" "$(jobs r | wc -l)" 2
	for file in /run/replica/jobs/*; do
		jq -c 'if .kept_ms == 900000 then .ended_boot_ms = 0 | .kept_ms = 1 else . end' "$file" >"$dev_dir/file"
		cat "$dev_dir/file" >"$file"
	done
	same "the jobs" "$(jobs r)" "1 Initial Copy Completed null true"
	same "the files" "$(ls /run/replica/jobs)" 1.r
	jq -c '.ended_boot_ms = 0 | .kept_ms = 1' /run/replica/jobs/1.r >"$dev_dir/file"
	cat "$dev_dir/file" >/run/replica/jobs/1.r
	cli_returns 8 8 jobs r
	same "the files" "$(ls /run/replica/jobs)" ""
}

# A replica that could not be ended has its jobs still, and no others.
not_ended()
{
	legs
	new_replica r "$source" "$target"
	exec 7<>/dev/mapper/r
	refuse replicactl detach r
	refuse replicactl remove r
	exec 7>&-
	same "the jobs" "$(jobs r)" "1 Initial Copy Completed null false"
	run dmsetup remove r
	same "the files" "$(compgen -G '/run/replica/jobs/*' || true)" ""
}

clones()
{
	legs 16
	cli_text create "$source" "$target" --name r --sync-type clone
	same "the exit status" "$status" 0
	run replicactl finish r --wait --timeout 60
	same "the jobs" "$(jobs r)" "1 Clone Completed null true"
	cli_text wait r
	same "the exit status" "$status" 0
	[[ $text == *"Clone 'r' was complete and has ended."* ]] || fail "what was said: $text"
	cli wait r
	same "the clone" "$(get '"\(.ElementName) \(.Replica)"')" "r null"
	run replicactl finish r
	run replicactl finish r --wait
	cli_returns 8 8 wait r --for split
	# One that was given up is none that was complete.
	run replicactl create "$source" "$target" --name r --sync-type clone --force \
		--settings resync_rate=1,region_size=64k
	run replicactl abort r
	run replicactl finish r
	cli_returns 8 8 wait r
	cli_returns 8 8 finish r
}

# last_finished: of the newest job that is kept, whether its clone was finished. A replica with a
# log does not begin with job 1.
last_finished()
{
	jq -c .finished "$(printf '%s\n' /run/replica/jobs/*.r | sort -V | tail -n 1)"
}

# A clone that was taken down, or removed, has not ended as it should: nobody is told that it has.
clone_taken_down()
{
	legs 16
	new_loop target 17M		# with room for a label
	new_loop meta 1M
	run replicactl create "$source" "$target" --name r --sync-type clone --meta "$meta"
	run replicactl wait r --timeout 60
	run replicactl deactivate r
	same "the jobs" "$(jobs r | cut -d ' ' -f 2-)" "Clone Completed null true"
	same "finished" "$(last_finished)" false
	cli_returns 8 8 wait r
	cli_returns 8 8 finish r
	complains 'no active replica'
	cli_returns 8 8 finish r --wait
	run replicactl activate "$meta"
	run replicactl wait r --timeout 60
	run replicactl finish r
	run cmp -n 4096 /dev/zero "$meta"
	same "finished" "$(last_finished)" true
	run replicactl finish r
	run replicactl wait r
	# And one that is removed when it is complete.
	run replicactl create "$source" "$target" --name r --sync-type clone --meta "$meta" --force
	run replicactl wait r --timeout 60
	run replicactl remove r
	cli_returns 8 8 wait r
	cli_returns 8 8 finish r
}

# Who waits for the job hears of it, too: by the library, as replicactl verify does.
taken_down()
{
	legs
	new_loop meta 1M
	new_replica r "$source" "$target" --meta "$meta"
	run replicactl deactivate r
	same "the jobs" "$(jobs r | cut -d ' ' -f 2-)" "Initial Copy Completed null true"
	run replicactl activate "$meta"
	run replicactl verify r --wait
	same "the last job" "$(jobs r | tail -n 1 | cut -d ' ' -f 2-)" "Verify Completed null false"
	run replicactl detach r
}

# Who may not write there, and who finds nothing there, does without.
nowhere()
{
	legs
	run rm -rf /run/replica
	cli jobs
	same "the jobs" "$(get '.Jobs | length')" 0
	touch /run/replica
	defer rm -rf /run/replica
	new_replica r "$source" "$target"
	run replicactl detach r
	cli_returns 8 8 jobs r
	compare_legs "$source" "$target"
}

ktap_header
ktap_case "jobs of a replica that was ended stay" stay
ktap_case "a job that ran" stopped
ktap_case "jobs go when their time is over" removed
ktap_case "a replica that could not be ended" not_ended
ktap_case "clones that have ended" clones
ktap_case "a clone that is taken down has not ended" clone_taken_down
ktap_case "a replica that is taken down" taken_down
ktap_case "without a registry" nowhere
ktap_finish
