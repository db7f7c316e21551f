#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=240
#
# Events: numbered from 1 without a gap, each with exactly the attributes of its type,
# in an order that makes sense (the old state is the state before), the same for every
# listener. Lost ones are counted and leave a gap. device-mapper's waiters wake too.
#
# shellcheck disable=SC2154,SC2317 # variables are set and functions called by their names
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/netlink/setup.sh"

whole_life()
{
	local origin copy name
	new_loop origin 16M
	new_loop copy 16M
	dev_name name replica
	defer dm_gone "$name"
	nl events life "$name" "0 $(dev_sectors "$origin") replica $origin $copy - sync 0"
}

failing_legs()
{
	local origin copy origin_leg copy_leg name
	new_loop origin 16M
	new_loop copy 16M
	new_linear origin_leg "$origin"
	new_linear copy_leg "$copy"
	dev_name name replica
	replica_on "$name" "$origin_leg" "$copy_leg" sync skip
	nl events errors "$name" "${origin_leg##*/}" "${copy_leg##*/}"
}

heard()
{
	new_replica r 16M sync skip
	nl events "$1" "$r" "${@:2}"
}

ktap_header
ktap_case "a whole life, heard by two" whole_life
ktap_case "failing legs are told with sector and errno" failing_legs
ktap_case "a storm of events: all are heard or counted" heard storm 2000
ktap_case "a slow listener sees an error and a gap" heard slow
ktap_case "dmsetup wait wakes" heard dm
ktap_case "an ordinary user may listen" heard user
ktap_case "an event names the device as get does" heard identity
ktap_finish
