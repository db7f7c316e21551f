#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=240 systemd=yes
#
# With udev: /dev/replica/<name> is there when create returns, and gone when remove does;
# other mapped devices get none.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"

link()
{
	local source target
	new_loop source 8M
	new_loop target 8M
	new_replica blue "$source" "$target"
	[[ -b /dev/mapper/blue ]] || fail "no /dev/mapper/blue"
	same "the link" "$(readlink -f /dev/replica/blue)" "$(readlink -f /dev/mapper/blue)"
	udevadm info /dev/mapper/blue | grep -q 'DM_UUID=REPLICA-' || fail "udev does not know the uuid"
	run udevadm trigger --settle "$(readlink -f /dev/mapper/blue)"
	same "the link after a change event" "$(readlink -f /dev/replica/blue)" "$(readlink -f /dev/mapper/blue)"
	cli status /dev/replica/blue
	same "ElementName by the link" "$(get .Replica.ElementName)" blue
	run replicactl remove blue
	[[ ! -e /dev/replica/blue && ! -e /dev/mapper/blue ]] || fail "the links stay"
}

others()
{
	local source mapped
	new_loop source 8M
	new_linear mapped "$source"
	udevadm settle
	[[ ! -e /dev/replica/${mapped##*/} ]] || fail "a link for what is no replica"
}

ktap_header
ktap_case "the link comes and goes with the replica" link
ktap_case "other mapped devices have none" others
ktap_finish
