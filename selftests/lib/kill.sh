# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# replicactl killed at its system calls, with strace; sourced after dev.sh.
#
#	traced CALL[,CALL]... ARG...	what it calls when nobody kills it, in $dev_dir/calls
#	numbers_of CALL			of the calls of that kind in there, from 1
#	kill_at CALL N ARG...		before the kernel sees its Nth CALL; counts in $kills
#
# What it says is in $dev_dir/said. The programs that it has started live on. A test that has
# something to do or to wait for after each kill defines after_kill.

need_kill()
{
	strace -V >/dev/null 2>&1 || ktap_skip_all "needs strace"
}

traced()
{
	strace -qq -o "$dev_dir/calls" -e trace="$1" replicactl "${@:2}" >"$dev_dir/said"
}

numbers_of()
{
	awk -v call="$1(" 'index($0, call) == 1 { print ++n }' "$dev_dir/calls"
}

after_kill()
{
	:
}

# The last calls are not always there.
kill_at()
{
	local call=$1 n=$2 status=0
	shift 2
	strace -qq -o /dev/null -e trace="$call" -e "inject=$call:signal=KILL:when=$n" \
		replicactl "$@" >"$dev_dir/said" 2>&1 || status=$?
	case $status in
	0)	say "there was no $call $n this time" ;;
	9 | 137) kills=$((kills + 1)) ;;
	*)	fail "$call $n of '$*': status $status, and not killed: $(<"$dev_dir/said")" ;;
	esac
	after_kill
}
