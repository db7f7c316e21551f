#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300 systemd=yes
#
# Under systemd a unit has the devices of a redeem copy, whatever becomes of the call that
# made it; what it has not done when it is stopped the kernel does, and no unit is left.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/snapshot.sh"
. "$(dirname "$0")/lib/token.sh"
. "$(dirname "$0")/lib/offload.sh"

unit_is()
{
	[[ $(systemctl show -p ActiveState --value "dm-replica-offload@$2.service") == "$1" ]]
}

stopped()
{
	local disk target source table store file before by_device by_kernel reason
	scsi_token 16M
	redeem r "$file" "$target" --settings resync_rate=2,region_size=256K
	wait_for 20 "the unit" unit_is active r
	wait_for 60 "the device to copy" offload_is r $((2 << 20))
	run systemctl stop dm-replica-offload@r.service
	run replicactl set r resync_rate=auto
	complete r
	[[ $reason == *"has ended"* ]] || fail "no reason: $reason"
	((by_device > 0 && by_kernel > 0)) || fail "it was not in the middle"
	same "the target" "$(sum "$target")" "$before"
	end_redeem r
}

# A name that systemd has no place for.
odd_name()
{
	local disk target source table store file before by_device by_kernel reason
	scsi_token 8M
	redeem 'r+a' "$file" "$target" --offload must
	complete 'r+a'
	same "by the device" "$by_device" $((8 << 20))
	wait_for 20 "the unit to end" unit_is inactive 'r:2ba'
	end_redeem 'r+a'
	same "the target" "$(sum "$target")" "$before"
}

# What is asked of the disks is asked of nobody else: nothing is left of it, or opened it.
waited_for()
{
	local disk target source table store file before
	scsi_token 8M
	run replicactl create --token "$file" "$target" --offload must --name r \
		--wait-for synchronized --timeout 60
	redeem_gone r || fail "the association is left"
	same "the target" "$(sum "$target")" "$before"
	wait_for 20 "the unit to end" unit_is inactive r
	run replicactl token release tok
	no_token tok "$store"
}

ktap_header
ktap_case "the unit is stopped" stopped
ktap_case "a name that is no part of that of a unit" odd_name
ktap_case "a redeem that is waited for" waited_for
ktap_finish
