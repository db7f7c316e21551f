# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# For the tests of the order of writes with recorded disks: when it is promised, and what may
# happen meanwhile. Sourced after crash.sh; the mapping is r.
#
#	promised		order is, from now on: a mark "ordered"
#	still_promised		no job has begun since then
#	slower			the replica gets slower than the origin
#	to MODE			the load goes on in this mode
#	flapping		the load goes on in mode adaptive, which switches by itself, for the
#				reasons that are right, and counts its time
#	unordered CMD...	CMD takes the replica out of step, until it is in step again
#	lose_cache		such a command: its power fails, and it loses what it cached
#	take_aside		another one: it is fractured, and comes back

# promised: what ended it by itself would have begun a job.
promised()
{
	last=$(job_field r 1)
	disks mark ordered
}

# still_promised: a host that is too busy may have made the replica time out.
still_promised()
{
	same "the state, and the latest job" "$(status r state) $(job_field r 1)" \
		"Synchronized $last"
}

# slower: so that there is a backlog.
slower()
{
	disks late 10 5
	disks late 30 20 1
}

to()
{
	disks mark "mode $1"
	run message r "reset_to_$1"
	same "mode" "$(status r mode)" "$1"
	busy 300
}

# late_only DISK: so much that mode adaptive cannot but see it.
late_only()
{
	disks late 0 0
	disks late 80 30 "$1"
}

# switched_as REASON...: one of these is that of the last switch.
switched_as()
{
	local reason
	reason=$(status r switch_reason)
	say "switch_reason $reason"
	[[ " $* " == *" $reason "* ]] || fail "switch_reason is $reason, expected one of: $*"
}

# adaptive_time: ms in mode adaptive, and those of the clock before and after that look.
adaptive_time()
{
	local before=${EPOCHREALTIME/[.,]/} ms
	ms=$(status r sync_ms async_ms | paste -sd +)
	echo $((ms)) $((before / 1000)) $((${EPOCHREALTIME/[.,]/} / 1000))
}

# grew BEGIN_MS BEFORE AFTER END_MS BEFORE AFTER: two looks, and as much time between them.
grew()
{
	say "ms in mode adaptive, and of the clock: $*"
	at_least "ms in mode adaptive" $(($4 - $1)) $(($5 - $3 - 10))
	at_most "ms in mode adaptive" $(($4 - $1)) $(($6 - $2 + 10))
}

# flapping: in mode adaptive the origin alone acknowledges, then both do, and again.
flapping()
{
	local n before begin end
	late_only 1
	to adaptive
	before=$(status r switches)
	begin=$(adaptive_time)
	for n in 1 2; do
		late_only 1
		wait_for 30 "the origin alone to acknowledge" status_is r ack async
		switched_as the_replica_is_slower_than_the_origin
		busy 200
		late_only 0
		wait_for 30 "both legs to acknowledge" status_is r ack sync
		switched_as the_replica_keeps_up_with_the_origin the_lag_exceeds_max_skew
		busy 200
	done
	end=$(adaptive_time)
	slower
	at_least "switches" "$(status r switches)" $((before + 3))
	# shellcheck disable=SC2086 # three numbers each
	grew $begin $end
}

# Without order until the legs are in step again; then at once.
unordered()
{
	still_promised
	disks mark unordered
	disks late 10 5
	"$@"
	wait_for 60 "the legs to be in step" in_sync r
	promised
	slower
	busy 600
}

lose_cache()
{
	disks break 1
	wait_for 20 "the replica to be missed" is r Broken
	busy 100
	disks lose 1
	disks heal 1
}

take_aside()
{
	run message r fracture
	busy 200
	run message r resync
}
