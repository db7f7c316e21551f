#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=120
#
# Every malformed or forbidden netlink request is refused with the right errno, a
# sentence and the attribute at fault, and changes nothing: not a setting, not the
# state, not the number of the last event.
#
# shellcheck disable=SC2154,SC2317 # variables are set and functions called by their names
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/netlink/setup.sh"

refused()
{
	new_replica r 16M
	wait_for 60 "the initial copy" in_sync "$r"
	nl refuse "$1" "$r"
}

as_user()
{
	new_replica r 16M
	wait_for 60 "the initial copy" in_sync "$r"
	nl refuse user "$r"
}

# with_capability NAME CASE: an ordinary user who has this one capability.
with_capability()
{
	new_replica r 16M
	wait_for 60 "the initial copy" in_sync "$r"
	run setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps="-all,+$1" \
		--ambient-caps="-all,+$1" --bounding-set="-all,+$1" \
		python3 -B "$netlink_dir/refuse.py" "$2" "$r"
}

in_user_namespace()
{
	need unshare -Ur true
	new_replica r 16M
	wait_for 60 "the initial copy" in_sync "$r"
	run unshare -Ur python3 -B "$netlink_dir/refuse.py" forbidden "$r"
}

in_net_namespace()
{
	run unshare -n python3 -B "$netlink_dir/refuse.py" absent
}

ktap_header
ktap_case "a replica that is named wrongly" refused select
ktap_case "settings: all change or none" refused set
ktap_case "operations: unknown, or not in this state" refused operate
ktap_case "jobs: unknown, or over" refused job
ktap_case "a confirmation without a sensible timeout" refused confirm
ktap_case "dumps with attributes that they do not take" refused dump
ktap_case "headers, and commands that do not exist" refused headers
ktap_case "an ordinary user, also through a socket of root's, and root through a user's" as_user
ktap_case "CAP_NET_ADMIN is not enough" with_capability net_admin forbidden
ktap_case "CAP_SYS_ADMIN alone is enough" with_capability sys_admin allowed
ktap_case "root of another user namespace" in_user_namespace
ktap_case "another network namespace" in_net_namespace
ktap_finish
