#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# The registry against the kernel: a replica that was removed behind our back, or with its
# module, makes every command that names it 40003, until discover has found out; and
# that finds what came, went and changed, whatever is in the registry, and changes nothing else.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"

legs()
{
	new_loop source 8M
	new_loop target 9M
	run dd if=/dev/urandom of="$source" bs=1M count=8 conv=fsync status=none
	defer dm_gone r
	defer rm -rf /run/replica
	run rm -rf /run/replica
}

# stale SENTENCE: every command that names r says it, and changes nothing.
stale()
{
	local before
	before=$(world "$source" "$target")
	for command in "status r" "wait r" "jobs r" "set r resync_rate=7" "resync r" "cancel r 1" "verify r" \
		"confirm r" "capabilities r" "detach r" "detach r --force" "remove r" "finish r" \
		"resize r" "deactivate r" "events r --timeout 5" "status /dev/mapper/r"; do
		# shellcheck disable=SC2086 # words
		cli_returns 40003 13 $command
		complains "$1"
		complains "'replicactl discover' brings the registry up to date"
		same "return_name" "$(get .return_name)" "Cache out of date"
		same "ParameterInfo, SMErrorCode" "$(get '"\(.error.ParameterInfo) \(.error.SMErrorCode)"')" "Name 19"
	done
	same "the devices and mappings" "$(world "$source" "$target")" "$before"
}

# found NAME...: "NAME WHAT" of each, by discover
found()
{
	cli discover
	same "return_value and status" "$(get .return_value) $status" "0 0"
	same "what was found" "$(get '.Discoveries[] | "\(.ElementName) \(.DiscoveredDescription)"')" \
		"$(printf '%s\n' "$@")"
}

cured()
{
	cli_text discover
	same "the exit status" "$status" 0
	[[ $text == *"0 new, 0 changed, 1 gone"* && $text == *"Gone"* ]] || fail "what was said: $text"
	cli_returns 8 8 status r
	cli_returns 8 8 remove r
	cli_text discover
	same "the text" "$text" "There are no replicas, and none are known."
}

removed_by_dmsetup()
{
	legs
	new_replica r "$source" "$target"
	cli status r
	same "return_value" "$(get .return_value)" 0
	run dmsetup remove r
	stale "there was a replica \"r\", which the kernel does not know any more: it was not ended by replicactl"
	cured
	# The name is free, all the while.
	new_replica r "$source" "$target" --force
	run dmsetup remove r
	new_replica r "$source" "$target" --force
	cli status r
	same "return_value" "$(get .return_value)" 0
	run replicactl detach r
	cli_returns 8 8 status r
	# That a clone of that name was complete once is no answer for one that was lost.
	run replicactl create "$source" "$target" --name r --sync-type clone --force \
		--wait-for synchronized
	run replicactl wait r
	new_replica r "$source" "$target" --force
	run dmsetup remove r
	cli_returns 40003 13 wait r
	cli_returns 40003 13 finish r
}

loaded_anew()
{
	legs
	new_replica r "$source" "$target"
	run dmsetup remove r
	run modprobe -r dm-replica
	cli_text discover
	same "the exit status" "$status" 0
	cli_returns 1 1 status r
	run modprobe dm-replica
	cli_returns 8 8 status r
	new_replica r "$source" "$target" --force
	run dmsetup remove r
	run modprobe -r dm-replica
	run modprobe dm-replica
	cli_returns 40003 13 status r
	complains "the kernel module was loaded anew"
	complains "'replicactl discover'"
	cured
}

# What makes the legs safe does not ask the registry, whatever that says.
ended_in_order()
{
	legs
	new_loop meta 1M
	new_replica r "$source" "$target" --meta "$meta"
	run replicactl deactivate r
	cli_returns 8 8 status r
	run replicactl activate "$meta"
	run replicactl remove r
	cli_returns 8 8 status r
	run replicactl create "$source" "$target" --name r --sync-type clone --force --wait-for synchronized
	cli_returns 8 8 status r
	run replicactl discover
	same "the files" "$(ls /run/replica/replicas)" ""
}

came_went_changed()
{
	local table
	legs
	new_loop one 8M
	new_loop two 8M
	new_replica r "$source" "$target"
	new_replica gone "$one" "$two"
	found "gone Known" "r Known"
	table=$(dmsetup table gone)
	run dmsetup remove gone
	run dmsetup create new --table "$table"
	defer dm_gone new
	found "gone Gone" "new New" "r Known"
	same "the type of the new one" "$(get '.Discoveries[] | select(.ElementName == "new") | .SyncTypeDescription')" mirror
	found "new Known" "r Known"
	# Another one of the same name.
	table=$(dmsetup table r)
	run dmsetup remove r
	run dmsetup create r --uuid another --table "$table"
	found "new Known" "r Changed"
	same "its uuid" "$(get '.Discoveries[] | select(.ElementName == "r") | .UUID')" another
	found "new Known" "r Known"
	# What nobody can read has gone, if the kernel has nothing of that name.
	jq -c '.name = "new"' /run/replica/replicas/r >"$dev_dir/file"
	cat "$dev_dir/file" >/run/replica/replicas/r
	jq -c '.name = "old" | .boot = "another"' /run/replica/replicas/new >/run/replica/replicas/old
	echo "" >/run/replica/replicas/rubbish
	cli_returns 8 8 status old
	found "new Known" "old Gone" "r Changed" "rubbish Gone"
	cli status r
	same "return_value" "$(get .return_value)" 0
	run dmsetup remove new
	run dmsetup remove r
}

# Known is what made a clone end, and its log goes when somebody does the rest.
cut_off()
{
	legs
	new_loop meta 1M
	run replicactl create "$source" "$target" --name r --sync-type clone --meta "$meta" --force
	run replicactl wait r
	strace -qq -o /dev/null -e trace=pwrite64 -e inject=pwrite64:signal=KILL:when=1 \
		replicactl finish r >/dev/null 2>&1 || true
	dmsetup mknodes
	[[ ! -e /dev/mapper/r ]] || fail "it was not killed behind the end of the mapping"
	cli_returns 40003 13 status r
	complains "clone \"r\" has ended, but its end was cut off: 'replicactl finish r' does the rest"
	found "r Unfinished"
	cli_text discover
	[[ $complaint == *"the end of clone 'r' was cut off"* ]] || fail "no warning: $complaint"
	run replicactl finish r
	run cmp -n 4096 /dev/zero "$meta"
	cli_text discover
	same "the text" "$text" "There are no replicas, and none are known."
}

# Whatever stands in its place.
nowhere()
{
	legs
	new_replica r "$source" "$target"
	run rm -rf /run/replica
	found "r New"
	run rm -rf /run/replica
	touch /run/replica
	cli status r
	same "return_value" "$(get .return_value)" 0
	cli_returns 5 5 discover
	complains "the registry /run/replica cannot be written"
	run dmsetup remove r
	cli_returns 8 8 status r
	found
}

# Without the right to write there is none to bring it up to date.
unprivileged()
{
	legs
	new_replica r "$source" "$target"
	run dmsetup remove r
	cli_text status r
	same "the exit status" "$status" 13
	json=$(setpriv --reuid=65534 --regid=65534 --clear-groups "$(type -P replicactl)" --json discover) && status=0 || status=$?
	same "return_value and status" "$(get .return_value) $status" "40001 11"
	cured
}

ktap_header
ktap_case "removed by dmsetup" removed_by_dmsetup
ktap_case "the module is loaded anew" loaded_anew
ktap_case "what was ended in order is not there" ended_in_order
ktap_case "what came, went and changed" came_went_changed
strace -V >/dev/null 2>&1 && ktap_case "the end of a clone was cut off" cut_off
ktap_case "without a registry" nowhere
ktap_case "who may not write it" unprivileged
ktap_finish
