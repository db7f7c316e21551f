#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=90
#
# What the tab key offers, asked from the completion function as bash does.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
# shellcheck source=/dev/null
. /usr/share/bash-completion/completions/replicactl

# offers LINE WORD...: exactly these, for the end of the line.
offers()
{
	local line=$1 wanted got
	shift
	# shellcheck disable=SC2034 # for the function
	COMP_LINE=$line COMP_POINT=${#line}
	COMPREPLY=()
	_replicactl
	wanted=$(printf '%s\n' "$@" | sort)
	got=$(printf '%s\n' "${COMPREPLY[@]}" | sort)
	say "$line -> ${COMPREPLY[*]}"
	same "what is offered for '$line'" "$got" "$wanted"
}

words()
{
	offers "replicactl sta" status
	offers "replicactl re" remove resize restore resume resync return-to-pool reverse
	offers "replicactl verify x --no" --no-wait
	offers "replicactl finish x --w" --wait
	offers "replicactl disc" discover
	offers "replicactl status --w" --watch
	offers "replicactl create a b --wait-for s" skewed split suspended synchronized
	offers "replicactl create a b --mode=a" async adaptive
	offers "replicactl check a --po" --pool
	offers "replicactl check a --pool vg --sync-type sn" snapshot
	offers "replicactl mode x a" async adaptive
	offers "replicactl wait x --for unsyn" unsynchronized
	offers "replicactl help conf" confirm
	offers "replicactl token " release expire
	offers "replicactl create --token zer" zero
	offers "replicactl quux "
	offers "replicactl __"
}

# bash replaces only what follows the last "=".
settings()
{
	offers "replicactl set x pay" payload=copy payload=shared
	offers "replicactl set x payload=s" shared
	offers "replicactl create a b --settings disc" discard=off discard=passdown discard=zero
	offers "replicactl create a b --settings payload=copy,rec" copy,recovery=automatic copy,recovery=manual
}

names()
{
	local source target
	new_loop source 8M
	new_loop target 8M
	new_replica blue "$source" "$target"
	offers "replicactl status " blue
	offers "replicactl set b" blue
	offers "replicactl detach --force " blue
	offers "replicactl detach --timeout 5 b" blue
	offers "replicactl status blue "
	offers "replicactl cancel blue "
}

jobs_that_run()
{
	slow_replica blue
	offers "replicactl cancel blue " 1
}

devices()
{
	local source
	new_loop source 8M
	offers "replicactl create $source" "$source"
	offers "replicactl check $source --pool $source" "$source"
	offers "replicactl check $source --pool=$source" "$source"
	offers "replicactl activate --pool $source" "$source"
	offers "replicactl create /dev/null /dev/null --force /dev/nul"
	offers "replicactl create $source /dev/mapp" /dev/mapper/
}

# A name that the shell would take for a command stays a name.
hostile_name()
{
	local source target
	new_loop source 8M
	new_loop target 8M
	# shellcheck disable=SC2016 # not to be expanded
	new_replica 'blue' "$source" "$target"
	run dmsetup rename blue 'x$(touch${IFS}owned)'
	defer dmsetup remove 'x$(touch${IFS}owned)'
	cd "$dev_dir"
	COMP_LINE="replicactl status " COMP_POINT=18
	_replicactl
	[[ ! -e owned ]] || fail "the name was run"
	same "the number of offers" "${#COMPREPLY[@]}" 1
}

ktap_header
ktap_case "commands, options, states" words
ktap_case "settings" settings
ktap_case "names of replicas" names
ktap_case "jobs that run" jobs_that_run
ktap_case "block devices" devices
ktap_case "a hostile name is only a name" hostile_name
ktap_finish
