#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=180
#
# dm messages: every operation, setting, confirm, cancel, jobs and help do what netlink
# does; whatever is malformed is refused with a sentence in the kernel log and changes
# nothing.
#
# shellcheck disable=SC2154,SC2317 # variables are set and functions called by their names
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/netlink/setup.sh"

state()
{
	dmsetup status "$1" | sed -n 's/.* state=\([A-Za-z]*\) .*/\1/p'
}

has_state()
{
	[[ $(state "$1") == "$2" ]]
}

send()
{
	run dmsetup message "$1" 0 "${@:2}"
}

operations_move_the_state()
{
	local pair
	new_replica r 8M sync skip
	for pair in suspend:Suspended resume:Synchronized split:Split resync:Synchronized \
		fracture:Fractured resync:Synchronized deactivate:Inactive \
		activate:Synchronized reset_to_sync:Synchronized; do
		send "$r" "${pair%:*}"
		wait_for 30 "${pair#*:} after ${pair%:*}" has_state "$r" "${pair#*:}"
	done
	refuse dmsetup message "$r" 0 resync
	send "$r" resync force
	wait_for 30 "the forced copy" in_sync "$r"
	nl message jobs "$r"
}

help_lists_all()
{
	new_replica r 4M sync skip
	nl message help "$r"
}

settings_change()
{
	new_replica r 4M sync skip
	send "$r" set payload shared
	send "$r" set on_replica_error stop
	send "$r" set recovery manual
	send "$r" set resync_rate 123
	send "$r" set replica_timeout 4500
	nl message settings "$r" payload=2 on_replica_error=2 recovery=3 resync_rate=123 \
		replica_timeout=4500
	run grep -q 'payload shared' <(dmsetup table "$r")
	send "$r" set resync_rate auto
	send "$r" set replica_timeout 0
	nl message settings "$r" payload=2 resync_rate=0 replica_timeout=0
}

# refused_with NAME ERROR WORD...: dmsetup tells the errno, the log a sentence.
refused_with()
{
	local name=$1 error=$2 before out
	shift 2
	before=$(dmsetup table "$name"; state "$name")
	dmesg_mark
	say "+ ! dmsetup message $name 0 $*"
	if out=$(dmsetup message -- "$name" 0 "$@" 2>&1); then
		fail "accepted: $*"
	fi
	[[ $out == *"$error"* ]] || fail "'$*' gives '$out', expected '$error'"
	dmesg_has "replica: $name: message .* refused: [a-z].* .*\(-[0-9]+\)" ||
		fail "no sentence in the kernel log for '$*': $(dmesg_since)"
	dmesg_since | sed -n 's/.* refused: /# /p'
	same "the replica" "$(dmsetup table "$name"; state "$name")" "$before"
}

malformed_is_refused()
{
	local words
	new_replica r 4M
	wait_for 30 "the initial copy" in_sync "$r"
	while read -r words; do
		# shellcheck disable=SC2086 # these are the words
		refused_with "$r" "Invalid argument" $words
	done <<-END
	nonsense
	resyn
	resyncs
	help me
	jobs 1
	set
	set payload
	set payload copy shared
	set payload sometimes
	set region_size 16
	set mode async
	set resync_rate 0
	set resync_rate -1
	set resync_rate 1000001
	set resync_rate 99999999999999999999
	set resync_rate 5x
	set replica_timeout 99
	set replica_timeout 3600001
	set replica_timeout
	set recovery 2
	confirm soon
	confirm 0
	confirm 3600001
	confirm 1 2
	cancel
	cancel 0
	cancel -1
	cancel x
	cancel 1 2
	split now
	resync force force
	$(printf 'x%.0s' {1..2000})
	%s%n%p
	END
	refused_with "$r" "Device or resource busy" activate
	refused_with "$r" "Device or resource busy" abort force
	refused_with "$r" "Device or resource busy" cancel 1
	refused_with "$r" "No such file" cancel 4711
}

confirm_waits()
{
	local origin copy copy_leg name began
	new_loop origin 4M
	new_loop copy 4M
	new_linear copy_leg "$copy"
	dev_name name replica
	replica_on "$name" "$origin" "$copy_leg" sync skip replica_timeout 0
	send "$name" confirm
	send "$name" confirm 60000
	hang_dev "$copy_leg"
	defer unhang_dev "$copy_leg"
	began=$SECONDS
	refused_with "$name" "timed out" confirm 1500
	((SECONDS - began >= 1 && SECONDS - began < 20)) || fail "waited $((SECONDS - began)) s"
	unhang_dev "$copy_leg"
	send "$name" confirm 60000
	send "$name" fracture
	refused_with "$name" "Input/output error" confirm 60000
}

a_wait_can_be_ended()
{
	local origin copy copy_leg name waiter
	new_loop origin 4M
	new_loop copy 4M
	new_linear copy_leg "$copy"
	dev_name name replica
	replica_on "$name" "$origin" "$copy_leg" sync skip replica_timeout 0
	hang_dev "$copy_leg"
	defer unhang_dev "$copy_leg"
	dmsetup message "$name" 0 confirm 3000000 &
	waiter=$!
	sleep 1
	kill -0 "$waiter" || fail "did not wait"
	run kill -TERM "$waiter"
	wait_for 10 "the end of the one who waits" not_running "$waiter"
	wait "$waiter" || true
}

not_running()
{
	[[ ! -d /proc/$1 || $(awk '{ print $3 }' "/proc/$1/stat") == Z ]]
}

a_job_is_cancelled()
{
	local id
	new_replica r 64M resync_rate 1
	wait_for 30 "the job" has_job "$r"
	id=$(dmsetup message "$r" 0 jobs | awk '{ print $1 }')
	send "$r" cancel "$id"
	wait_for 10 "the state Aborted" has_state "$r" Aborted
	nl message jobs "$r"
	dmsetup message "$r" 0 jobs | grep -q "^$id initial_copy Terminated "
	send "$r" set resync_rate auto
	send "$r" resync
	wait_for 60 "the copy" in_sync "$r"
	nl message jobs "$r"
	compare_legs "$r_origin" "$r_copy"
}

has_job()
{
	dmsetup message "$1" 0 jobs | grep -q .
}

ktap_header
ktap_case "help lists all that there is" help_lists_all
ktap_case "operations move the state" operations_move_the_state
ktap_case "settings change" settings_change
ktap_case "what is malformed or not allowed is refused with a sentence" malformed_is_refused
ktap_case "confirm waits, and tells the truth" confirm_waits
ktap_case "whoever waits for a confirmation can be ended" a_wait_can_be_ended
ktap_case "a job is cancelled, and another one ends" a_job_is_cancelled
ktap_finish
