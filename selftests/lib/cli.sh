# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# For the tests of replicactl; sourced after ktap.sh and dev.sh.
#
#	cli ARG...			runs it with --json; sets json and status
#	get FILTER			a member of that document, by jq
#	cli_text ARG...			runs it without; sets text, complaint and status
#	cli_returns RETURN EXIT ARG...	runs it in both forms, demands these values
#	new_replica NAME SOURCE TARGET [OPTION]...	made at the end of the copy
#	changes				of a trace by strace in $dev_dir/calls: where to kill it
#	slow_replica NAME		one whose copy takes long; legs in $origin, $replica
#	refused RETURN EXIT CHECK SENTENCE SOURCE TARGET [OPTION]...
#					by create and by check, and nothing has changed

# jq 1.6 takes longer to start than all else that a test does, gojq does not.
if command -v gojq >/dev/null; then
	jq()
	{
		gojq "$@"
	}
fi

# cli ARG...
cli()
{
	status=0
	say "+ replicactl --json $*"
	json=$(replicactl --json "$@" 2>&1) || status=$?
	[[ $json == "{"*"}" ]] || fail "not JSON: $json"
}

# get FILTER
get()
{
	jq -r "$1" <<<"$json"
}

# cli_text ARG...
cli_text()
{
	local file=$dev_dir/complaint-$BASHPID
	status=0
	say "+ replicactl $*"
	text=$(replicactl "$@" 2>"$file") || status=$?
	complaint=$(cat "$file")
	rm -f "$file"
	printf '%s\n%s\n' "$text" "$complaint" | sed -n 's/^./#   &/p'
}

# cli_returns RETURN EXIT ARG...: for calls that may be made twice, as those refused.
cli_returns()
{
	local value=$1 exit=$2
	shift 2
	cli_text "$@"
	same "the exit status" "$status" "$exit"
	cli "$@"
	same "the exit status with --json" "$status" "$exit"
	same "return_value" "$(get .return_value)" "$value"
}

# complains TEXT: the first line of the complaint has it, and says so in JSON too.
complains()
{
	[[ ${complaint%%$'\n'*} == "replicactl: "*"$1"* ]] || fail "no '$1' in: $complaint"
	[[ $(get .error.Description) == *"$1"* ]] || fail "no '$1' in the JSON error"
}

# in_state NAME STATE
in_state()
{
	[[ $(replicactl --json status "$1" | jq -r .Replica.CopyStateDescription) == "$2" ]]
}

# The numbers of the ioctls by which a mapping may change, and of that after each: to be
# killed before it is to be killed after the change.
changes()
{
	awk '/^ioctl/ {
		n++
		if (changed)
			print n
		changed = /DM_(DEV_CREATE|DEV_REMOVE|DEV_SUSPEND|TABLE_LOAD|TABLE_CLEAR)/
		if (changed)
			print n
	}' "$dev_dir/calls" | uniq
}

# world DEVICE...: all that a refused call must not change.
world()
{
	dmsetup table
	blockdev --flushbufs "$@"
	md5sum "$@"
}

# new_replica NAME SOURCE TARGET [OPTION]...
new_replica()
{
	defer dm_gone "$1"
	run replicactl create "$2" "$3" --name "$1" --wait-for synchronized --timeout 60s "${@:4}"
}

# slow_replica NAME: 64 MiB, each read of the copy takes long.
slow_replica()
{
	local disk
	new_loop disk 64M
	new_delay origin "$disk" 200 0
	new_loop replica 64M
	defer dm_gone "$1"
	run replicactl create "$origin" "$replica" --name "$1" --settings region_size=1M
	same "the state while it copies" "$(replicactl --json status "$1" | jq .Replica.CopyState)" 3
}

# refused RETURN EXIT CHECK SENTENCE SOURCE TARGET [OPTION]...: $source and $target are
# the devices that must not change.
refused()
{
	local value=$1 exit=$2 check=$3 sentence=$4 before
	shift 4
	before=$(world "$source" "$target")
	cli_text create "$@"
	same "the exit status of create" "$status" "$exit"
	cli check "$@"
	same "the exit status of check" "$status" "$exit"
	complains "$sentence"
	same "return_value and the finding" \
		"$(get '"\(.return_value) \(.Findings[0].CheckDescription)"')" "$value $check"
	same "the devices and mappings" "$(world "$source" "$target")" "$before"
}
