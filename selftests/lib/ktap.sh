# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2030,SC2031 # a case has a cleanup list of its own
#
# Sourced by every test: KTAP output, cleanup, waiting, the kernel log.
#
#	ktap_header			first of all
#	ktap_case NAME FUNCTION [ARG]	runs FUNCTION as one case: in a subshell, under
#					set -e, with cleanup of its own
#	ktap_finish			last of all: plan, totals, exit 0, 1 or 4
#
# In a case: `run CMD...` shows a command and runs it, `refuse CMD...` demands that it
# fails, `fail TEXT` and `skip TEXT` end the case, `same WHAT GOT WANTED` compares,
# `defer CMD...` runs CMD at the end of the case, the last deferred first, whatever
# happened. Outside of cases ktap_pass, ktap_fail and ktap_skip report by themselves.

set -uo pipefail
KTAP_SKIP=4

ktap_count=0
ktap_failed=0
ktap_skipped=0
deferred=()

say()
{
	printf '# %s\n' "$*"
}

ktap_header()
{
	echo "KTAP version 1"
	trap run_deferred EXIT
	trap 'exit 143' TERM
	trap 'exit 130' INT
}

ktap_pass()
{
	ktap_count=$((ktap_count + 1))
	echo "ok $ktap_count $1"
}

ktap_fail()
{
	ktap_count=$((ktap_count + 1))
	ktap_failed=$((ktap_failed + 1))
	echo "not ok $ktap_count $1"
}

# ktap_skip NAME [REASON]
ktap_skip()
{
	ktap_count=$((ktap_count + 1))
	ktap_skipped=$((ktap_skipped + 1))
	echo "ok $ktap_count $1 # SKIP ${2:-}"
}

# ktap_skip_all REASON: ends a test that cannot run here.
ktap_skip_all()
{
	echo "1..0 # SKIP $1"
	exit "$KTAP_SKIP"
}

ktap_finish()
{
	echo "1..$ktap_count"
	say "$((ktap_count - ktap_failed - ktap_skipped)) passed, $ktap_failed failed, $ktap_skipped skipped"
	((ktap_count)) || say "no case ran"
	if ((ktap_failed || !ktap_count)); then
		exit 1
	elif ((ktap_skipped == ktap_count)); then
		exit "$KTAP_SKIP"
	fi
	exit 0
}

ktap_case()
{
	local name=$1 status
	shift
	say "case: $name"
	set +e
	(
		set -eE
		deferred=() skipping=''
		trap 'say "line ${BASH_LINENO[0]:-?}/$LINENO: \"$BASH_COMMAND\" ended with $?"' ERR
		trap 'end_case $?' EXIT
		"$@"
	)
	status=$?
	case $status in
	0) ktap_pass "$name" ;;
	"$KTAP_SKIP") ktap_skip "$name" ;;
	*) ktap_fail "$name" ;;
	esac
}

# end_case STATUS: a case whose cleanup fails has failed, and so has one that ends with the
# status of a skip because a command did.
end_case()
{
	local status=$1
	[[ $status != "$KTAP_SKIP" || $skipping ]] || status=1
	run_deferred || status=1
	exit "$status"
}

# defer CMD...: runs CMD at the end of the case or test.
defer()
{
	deferred+=("${*@Q}")
}

run_deferred()
{
	local i result=0
	trap - ERR
	set +eE
	for ((i = ${#deferred[@]} - 1; i >= 0; i--)); do
		eval "${deferred[i]}" || {
			say "cleanup failed: ${deferred[i]}"
			result=1
		}
	done
	deferred=()
	return "$result"
}

fail()
{
	say "FAIL: $*"
	exit 1
}

skip()
{
	say "SKIP: $*"
	skipping=y
	exit "$KTAP_SKIP"
}

run()
{
	say "+ $*"
	"$@"
}

# refuse CMD...: CMD has to fail, and by itself, not by a signal.
refuse()
{
	local status=0
	say "+ ! $*"
	"$@" || status=$?
	((status != 0)) || fail "succeeded, but must be refused: $*"
	((status < 126)) || fail "died with status $status: $*"
}

# same WHAT GOT WANTED
same()
{
	[[ $2 == "$3" ]] || fail "$1 is '$2', expected '$3'"
}

# need CMD...: skips the case when the command fails, as on kernels without a feature.
need()
{
	"$@" >/dev/null 2>&1 || skip "needs: $*"
}

# A kernel with lockdep is so much slower, but for User Mode Linux, which is not emulated.
ktap_factor=1
if [[ -e /proc/lockdep_stats ]] && ! grep -q 'User Mode Linux' /proc/cpuinfo; then
	ktap_factor=4
fi

# ktap_pause SECONDS: without a process, which under emulation costs as much again.
exec {ktap_silence}<> <(:)
ktap_pause()
{
	read -rt "$1" -u "$ktap_silence" || true
}

# wait_for SECONDS WHAT CMD...: until CMD succeeds. On a busy host (KTAP_PATIENCE, set by
# the runner) it may take longer; what must be quick is for timed(). It looks every $ktap_poll
# seconds.
ktap_poll=0.1
wait_for()
{
	local limit=$(($1 * ktap_factor * ${KTAP_PATIENCE:-1})) what=$2 end
	shift 2
	end=$((${EPOCHREALTIME/[.,]/} + limit * 1000000))
	until "$@" >/dev/null 2>&1; do
		((${EPOCHREALTIME/[.,]/} < end)) || fail "waited $limit s in vain for: $what"
		ktap_pause "$ktap_poll"
	done
}

# The kernel log since a mark of one's own.
dmesg_mark()
{
	dmesg_last="dm-replica-test: mark $BASHPID $RANDOM$RANDOM"
	echo "$dmesg_last" >/dev/kmsg
}

dmesg_since()
{
	dmesg | awk -v mark="$dmesg_last" 'seen { print } index($0, mark) { seen = 1 }'
}

# dmesg_has REGEX: does the log since the mark have such a line?
dmesg_has()
{
	dmesg_since | grep -qE -- "$1"
}
