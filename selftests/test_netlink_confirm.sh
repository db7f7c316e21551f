#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=240
#
# CONFIRM is acknowledged at once and answered later, once, with the number of the
# request: durable, expired or unable, whichever is true, also when the replica hangs,
# the device is removed or nobody is there any more to hear it.
#
# shellcheck disable=SC2154,SC2317 # variables are set and functions called by their names
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/netlink/setup.sh"

confirmed()
{
	new_replica r 16M sync skip
	nl confirm "$1" "$r" "${@:2}"
}

with_a_hanging_leg()
{
	local origin copy copy_leg name
	new_loop origin 16M
	new_loop copy 16M
	new_linear copy_leg "$copy"
	dev_name name replica
	replica_on "$name" "$origin" "$copy_leg" sync skip replica_timeout 0
	nl confirm "$1" "$name" "${copy_leg##*/}"
}

while_copying()
{
	new_replica r 64M resync_rate 1
	nl confirm copying "$r"
}

ktap_header
ktap_case "in sync it is durable" confirmed durable
ktap_case "many at a time" confirmed many 400
ktap_case "a replica that takes no writes cannot confirm" confirmed stopped
ktap_case "the time expires while the replica hangs" with_a_hanging_leg expired
ktap_case "the device is removed meanwhile" with_a_hanging_leg removed
ktap_case "the asker is gone meanwhile" with_a_hanging_leg gone
ktap_case "while the initial copy runs" while_copying
ktap_finish
