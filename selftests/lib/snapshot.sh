# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# For the tests of snapshots; sourced after ktap.sh, dev.sh and cli.sh.
#
#	new_source [SIZE]		a mapped device with random data: $source on $leg, $table
#	take NAME SOURCE STORE [OPTION]...	a snapshot, removed at the end of the case
#	write_scattered DEVICE N	to every other of its first N blocks of 4 KiB
#	sum DEVICE			md5sum of what is on it
#	all_as_before STORE		the source has its table, and nothing of ours is left
#	kill_and_wait PID
#	killed N ARG...			does replicactl die at its Nth call to device-mapper?
#	tidy				$store and $source are free again, by 'remove' if need be

new_source()
{
	local size=${1:-16M}
	new_loop leg "$size"
	new_linear source "$leg"
	run dd if=/dev/urandom of="$source" bs=1M count=$(($(dev_bytes "$size") >> 20)) \
		oflag=direct status=none
	table=$(dmsetup table "$source")
}

take()
{
	run replicactl create --sync-type snapshot --name "$@"
	defer snapshot_gone "$1"
}

snapshot_gone()
{
	! replicactl status "$1" >/dev/null 2>&1 || replicactl remove "$1"
}

# So that each chunk is merged by itself.
write_scattered()
{
	local block
	for ((block = 0; block < $2; block += 2)); do
		dd if=/dev/urandom of="$1" bs=4k seek="$block" count=1 oflag=direct status=none
	done
}

sum()
{
	dd if="$1" bs=1M iflag=direct status=none | md5sum
}

all_as_before()
{
	same "the table of the source" "$(dmsetup table "$source")" "$table"
	same "the state of the source" "$(dmsetup info -c --noheadings -o suspended "$source")" Active
	[[ $(dmsetup ls) != *-base* ]] || fail "a hidden device is left: $(dmsetup ls)"
	same "signatures on the store" "$(wipefs "$1")" ""
}

kill_and_wait()
{
	kill "$1"
	wait "$1" || true
}

killed()
{
	local n=$1 status=0
	shift
	strace -f -qq -o /dev/null -e trace=ioctl -e inject=ioctl:signal=KILL:when="$n" \
		replicactl "$@" >/dev/null 2>&1 || status=$?
	((status == 137 || status == 9))
}

mapping_gone()
{
	! dmsetup info "$1" >/dev/null 2>&1
}

tidy()
{
	mapping_gone snap || run replicactl remove snap
	all_as_before "$store"
	mapping_gone snap || fail "the snapshot is left"
	mapping_gone snap-base || fail "the base is left"
}
