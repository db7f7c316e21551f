# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Replicas for the tests of netlink and of messages. Sourced after lib/dev.sh.
#
#	new_replica VAR SIZE [FEATURE VALUE]...	a mapping on two fresh loop devices; the
#						legs are ${VAR}_origin and ${VAR}_copy
#	replica_on NAME ORIGIN COPY [FEATURE VALUE]...
#	in_sync NAME				is its state Synchronized?
#	nl SCRIPT ARGUMENT...			selftests/netlink/SCRIPT.py

netlink_dir=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")

nl()
{
	run python3 -B "$netlink_dir/$1.py" "${@:2}"
}

replica_on()
{
	local name=$1 origin=$2 copy=$3
	shift 3
	run dmsetup create "$name" --table \
		"0 $(dev_sectors "$origin") replica $origin $copy - sync $# $*"
	defer dm_gone "$name"
}

new_replica()
{
	local replica_var=$1 replica_size=$2 replica_name
	shift 2
	new_loop "${replica_var}_origin" "$replica_size"
	new_loop "${replica_var}_copy" "$replica_size"
	dev_name replica_name replica
	local -n origin_leg=${replica_var}_origin copy_leg=${replica_var}_copy
	replica_on "$replica_name" "$origin_leg" "$copy_leg" "$@"
	printf -v "$replica_var" %s "$replica_name"
}

in_sync()
{
	dmsetup status "$1" | grep -q ' state=Synchronized '
}
