#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# Hostile messages (P10): random words, many of them, huge ones. Nothing changes.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

fuzz()
{
	local before
	new_loop origin 8M
	new_loop replica 8M
	new_mirror r "$origin" "$replica"
	synced r
	before=$(dmsetup table r; status r state; message r jobs)
	run python3 "$(dirname "$0")/helpers/message_fuzz.py" r "$1" "$2"
	same "table, state and jobs" "$(dmsetup table r; status r state; message r jobs)" "$before"
	compare_legs "$origin" "$replica"
	same "inflight" "$(status r inflight)" 0
}

not_root()
{
	new_loop origin 8M
	new_loop replica 8M
	new_mirror r "$origin" "$replica"
	chmod 666 /dev/mapper/control
	defer chmod 600 /dev/mapper/control
	refuse setpriv --reuid 65534 --clear-groups dmsetup message r 0 fracture
	refuse setpriv --reuid 65534 --clear-groups dmsetup remove r
	synced r
}

ktap_header
ktap_case "random messages" fuzz 1 400
ktap_case "random messages, another seed" fuzz 2 400
ktap_case "messages need CAP_SYS_ADMIN" not_root
ktap_finish
