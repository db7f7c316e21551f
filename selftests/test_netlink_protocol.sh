#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=60
#
# The YNL spec, the uapi header and the running module say the same: every number,
# type, limit and mark is compared, the module's through the policy dump of the
# generic netlink controller. A change of one that forgets the others fails here.
#
# shellcheck disable=SC2154,SC2317 # variables are set and functions called by their names
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/netlink/setup.sh"

module_replies()
{
	new_replica r 16M sync skip
	nl protocol replies "$r"
	new_replica full 16M
	nl protocol replies "$full"
}

module_lookup()
{
	new_replica r 16M sync skip
	new_replica other 16M sync skip
	nl protocol lookup "$r" "$other"
}

ktap_header
ktap_case "the spec and the header have the same numbers, types and marks" nl protocol header
ktap_case "the family has the commands and groups of the spec" nl protocol family
ktap_case "the module's policies are those of the spec" nl protocol policy
ktap_case "replies hold what the spec lists" module_replies
ktap_case "a replica is found by name, by number, and by both" module_lookup
ktap_finish
