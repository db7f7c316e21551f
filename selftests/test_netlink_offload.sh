#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=300
#
# The netlink command OFFLOAD, with no device that could copy: what is claimed nobody else
# copies, until it is given back, its owner is gone, or it was given up; what is called copied
# is clean, and nothing else; and nothing waits without bound.
#
# shellcheck disable=SC2154,SC2317 # variables are set and functions called by their names
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/netlink/setup.sh"

# clone_for SECONDS [FEATURE VALUE]...: $r on $r_origin, full of random bytes, and $r_copy
clone_for()
{
	local seconds=$1
	shift
	new_loop r_origin 32M
	new_loop r_copy 32M
	run dd if=/dev/urandom of="$r_origin" bs=1M count=32 oflag=direct status=none
	dd if="$r_origin" of="$dev_dir/before" bs=1M status=none
	defer rm -f "$dev_dir/before"
	dev_name r clone
	replica_on "$r" "$r_origin" "$r_copy" role clone offload "$seconds" "$@"
}

is_of_before()
{
	blockdev --flushbufs "$r_copy"
	run cmp "$dev_dir/before" "$r_copy"
}

plays()
{
	local r r_origin r_copy
	clone_for 60
	nl offload "$1" "$r" "$r_origin" "$r_copy"
	is_of_before
}

closed()
{
	local r r_origin r_copy
	clone_for 60
	nl offload closed "$r"
	is_of_before
}

silent()
{
	local r r_origin r_copy
	clone_for 10
	nl offload silent "$r" "$r_origin" "$r_copy"
	is_of_before
}

answered()
{
	local r r_origin r_copy
	clone_for 60
	nl offload answered "$r"
	is_of_before
}

nobody_comes()
{
	local r r_origin r_copy
	clone_for 5
	same "the state" "$(dmsetup status "$r" | grep -o 'offload=[a-z]*')" offload=awaited
	wait_for 60 "the kernel to copy" in_sync "$r"
	dmsetup status "$r" | grep -q 'offload_reason=nobody_came' || fail "it does not say so"
	is_of_before
}

refused()
{
	local r r_origin r_copy m plain
	new_replica m 16M sync skip
	new_replica plain 16M role clone
	clone_for 60
	nl offload refused "$r" "$m" "$plain"
	is_of_before
}

given_up()
{
	local r r_origin r_copy
	clone_for 60 replica_timeout 2000
	nl offload given_up "$r"
	is_of_before
}

written()
{
	local r r_origin r_copy
	clone_for 60
	nl offload written "$r" "/dev/mapper/$r"
	is_of_before
}

ended()
{
	local r r_origin r_copy
	clone_for 60
	nl offload ended "$r"
}

# The command may still be at the device when the mapping has gone.
removed()
{
	local r r_origin r_copy said pid
	clone_for 60
	coproc helper { nl offload removed "$r"; }
	pid=$helper_PID
	while read -rt 60 -u "${helper[0]}" said && [[ $said != claimed ]]; do
		say "$said"
	done
	same "what it said" "$said" claimed
	refuse dmsetup create "$r" --table \
		"0 $(dev_sectors "$r_origin") replica $r_origin $r_copy - sync 2 role clone"
	dmsetup remove "$r" 2>/dev/null || true
	echo >&"${helper[1]}"
	wait "$pid"
	wait_for 20 "the target to be free" dmsetup create "$r" --table \
		"0 $(dev_sectors "$r_origin") replica $r_origin $r_copy - sync 2 role clone"
	wait_for 60 "the clone" in_sync "$r"
	is_of_before
}

tables()
{
	local r_origin r_copy line table
	new_loop r_origin 16M
	new_loop r_copy 16M
	for line in "2 offload 5" "4 role mirror offload 5" "4 role clone offload 3601" \
		"4 role clone offload x" "6 role clone offload 1 offload 1"; do
		refuse dmsetup create wrong --table "0 32768 replica $r_origin $r_copy - sync $line"
	done
	replica_on right "$r_origin" "$r_copy" role clone offload 1
	table=$(dmsetup table right)
	[[ $table == *" offload 1"* ]] || fail "the table does not have it: $table"
	wait_for 60 "the clone" in_sync right
	run dmsetup remove right
	run dmsetup create right --table "${table%offload 1}offload 0"
	same "without it" "$(dmsetup status right | grep -o 'offload=[^ ]*')" offload=-
}

# A new table of a clone under way says how long it waits from now on, and what it says is so.
reloaded()
{
	local r r_origin r_copy plain line
	clone_for 60
	line="0 $(dev_sectors "$r_origin") replica $r_origin $r_copy - sync"
	run dmsetup load "$r" --table "$line 4 role clone offload 3600"
	run dmsetup resume "$r"
	[[ $(dmsetup table "$r") == *" offload 3600"* ]] || fail "another table: $(dmsetup table "$r")"
	same "the state" "$(dmsetup status "$r" | grep -o 'offload=[a-z]*')" offload=awaited
	run dmsetup load "$r" --table "$line 2 role clone"
	run dmsetup resume "$r"
	[[ $(dmsetup table "$r") != *offload* ]] || fail "another table: $(dmsetup table "$r")"
	wait_for 30 "the kernel to copy" in_sync "$r"
	is_of_before
	new_replica plain 16M role clone
	refuse dmsetup load "$plain" --table \
		"0 32768 replica $plain_origin $plain_copy - sync 4 role clone offload 5"
	[[ $(dmsetup table "$plain") != *offload* ]] || fail "another table: $(dmsetup table "$plain")"
}

ktap_header
ktap_case "all is copied elsewhere" plays all
ktap_case "a part of a claim" plays part
ktap_case "steps out of order, of others, and of wrong ranges" refused
ktap_case "the socket is closed" closed
ktap_case "nothing is heard for a while" silent
ktap_case "nobody comes" nobody_comes
ktap_case "a suspend waits for a claim" plays suspended
ktap_case "steps that meet a suspend are answered" answered
ktap_case "a remove does, and then gives it up" removed
ktap_case "a claim that takes too long is given up" given_up
ktap_case "a write waits, and wins" written
ktap_case "a job that ends takes its claims along" ended
ktap_case "the feature in the table" tables
ktap_case "the feature in a new table" reloaded
ktap_finish
