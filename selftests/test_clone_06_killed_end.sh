#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=500
#
# Without udev: finish --wait ends a clone when it is complete. It is killed before and after
# each call by which it changes a mapping, the log or the label; then the same once more
# leaves nothing of the clone, whether its mapped device was free, or in use, or a source
# in use under its own name. Two of them at once end it once.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/attach.sh"
. "$(dirname "$0")/lib/kill.sh"

# legs [MIB]
legs()
{
	new_loop source "${1:-1}M"
	new_loop target $((${1:-1} + 1))M
	new_loop meta 1M
	run dd if=/dev/urandom of="$source" bs=1M count="${1:-1}" conv=fsync status=none
	defer dm_gone r
}

complete()
{
	replicactl create "$source" "$target" --name r --sync-type clone --meta "$meta" --force >/dev/null
	replicactl wait r --timeout 60 >/dev/null
	wait_for 20 "a label" labelled
}

labelled()
{
	blockdev --flushbufs "$target"
	tail -c 4096 "$target" | grep -a dmRepLb1 >/dev/null
}

# What a clone leaves is its target.
nothing_left()
{
	run cmp -n 4096 /dev/zero "$meta"
	! labelled || fail "the target has a label"
	python3 -c 'import os, sys; [os.open(p, os.O_RDWR | os.O_EXCL) for p in sys.argv[1:]]' "$target" "$meta" ||
		fail "target or meta device are in use"
	blockdev --flushbufs "$target"
	run cmp -n $((1 << 20)) "$source" "$target"
	[[ ! -e /run/replica/replicas/r ]] || fail "the registry has it still"
}

# By which of these it may change something.
ending=ioctl,pwrite64,rename,unlink

# Without udev the tool makes the nodes, and it was killed.
after_kill()
{
	dmsetup mknodes
}

# at_each CHECK COMMAND...: kills it at each change, looks, and lets it do it once more.
at_each()
{
	local check=$1 call n calls
	shift
	kills=0
	for call in ioctl pwrite64 rename unlink; do
		calls=$(if [[ $call == ioctl ]]; then changes; else numbers_of "$call"; fi)
		for n in $calls; do
			kill_at "$call" "$n" "$@"
			"$check"
			replicactl __finish "${!#}" >"$dev_dir/said" || fail "the next one: $(cat "$dev_dir/said")"
			"$check" over
		done
	done
	say "killed $kills times"
}

free_again()
{
	[[ ${1:-} != over ]] && return
	[[ ! -e /dev/mapper/r ]] || fail "the mapped device is still there"
	nothing_left
	complete
}

# The device of somebody who has it open works with whatever is killed.
in_use_again()
{
	timeout 10 dd if=/dev/urandom bs=4k count=1 conv=notrunc status=none >&7 ||
		fail "the mapped device cannot be written"
	[[ ${1:-} != over ]] && return
	[[ $(dmsetup table r) == "0 2048 linear "* ]] || fail "the table: $(dmsetup table r)"
	run cmp -n 4096 /dev/zero "$meta"
	! labelled || fail "the target has a label"
	exec 7>&-
	run dmsetup remove r
	complete
	exec 7<>/dev/mapper/r
}

attached_again()
{
	same "suspended" "$(dmsetup info -c --noheadings -o suspended src)" Active
	timeout 10 dd if=/dev/urandom of="$dev_dir/mnt/f" bs=4k count=4 oflag=direct status=none ||
		fail "the source cannot be written"
	[[ ${1:-} != over ]] && return
	is_plain src
	same "the log" "$(replicactl --json scan "$meta" | jq -c .MetaDevices)" "[]"
	[[ ! -e /run/replica/replicas/src ]] || fail "the registry has it still"
	attached_complete
}

attached_complete()
{
	replicactl create /dev/mapper/src "$target" --sync-type clone --meta "$meta" --force >/dev/null
	replicactl wait src --timeout 60 >/dev/null
	is_attached src
}

free_device()
{
	legs
	complete
	traced "$ending" finish r
	nothing_left
	complete
	at_each free_again finish r
	((kills > 7)) || fail "it was killed $kills times only"
	run replicactl finish r
	nothing_left
}

used_device()
{
	legs
	complete
	exec 7<>/dev/mapper/r
	traced "$ending" finish r
	in_use_again over
	at_each in_use_again finish r
	((kills > 8)) || fail "it was killed $kills times only"
	exec 7>&-
	run replicactl finish r
}

attached_source()
{
	new_loop disk 1M
	new_loop target 1M
	new_loop meta 1M
	new_source src "0 2048 linear $disk 0"
	mkfs.ext4 -q -O ^has_journal /dev/mapper/src
	mkdir -p "$dev_dir/mnt"
	mount /dev/mapper/src "$dev_dir/mnt"
	defer unmounted "$dev_dir/mnt"
	attached_complete
	traced "$ending" finish src
	attached_again over
	at_each attached_again finish src
	((kills > 8)) || fail "it was killed $kills times only"
	run replicactl finish src
	is_plain src
}

# What the registry says is done to no device that is another one by now.
other_device()
{
	local n=0
	legs
	complete
	traced "$ending" finish r
	nothing_left
	complete
	# Killed before it erases the log, which is the first that it writes.
	kills=0
	kill_at pwrite64 1 finish r
	same "times that it was killed" "$kills" 1
	[[ ! -e /dev/mapper/r ]] || fail "the mapped device is still there"
	! cmp -s -n 4096 /dev/zero "$meta" || fail "the log has gone"
	# Another log, and another file, in their places.
	run dd if=/dev/zero of="$meta" bs=1M count=1 conv=fsync status=none
	new_loop other 1M
	run replicactl create "$source" "$other" --name other --meta "$meta" --wait-for synchronized --force
	run replicactl deactivate other
	run dd if=/dev/urandom of="$target" bs=1M count=2 conv=fsync status=none
	n=$(md5sum <"$target")
	run replicactl __finish r
	blockdev --flushbufs "$target"
	same "the target" "$(md5sum <"$target")" "$n"
	same "the log" "$(replicactl --json scan "$meta" | jq -r '.MetaDevices[].ElementName')" other
	run replicactl activate "$meta"
	run replicactl detach other
}

# A log that nobody can read now is no reason to wait for ever: who ends it is told.
suspended_log()
{
	legs
	new_source m "0 2048 linear $meta 0"
	meta=/dev/mapper/m
	complete
	kills=0
	kill_at pwrite64 1 finish r
	same "times that it was killed" "$kills" 1
	run dmsetup suspend m
	cli_returns 4 4 finish r
	complains "is suspended"
	cli_returns 4 4 finish r --wait --timeout 5
	run dmsetup resume m
	run replicactl finish r
	nothing_left
}

mapping_gone()
{
	[[ -z $(dmsetup info -c --noheadings -o name r 2>/dev/null) ]]
}

# It is held between the end of the mapping and that of the log, and another one comes.
later_log()
{
	local first n
	legs
	complete
	traced "$ending" finish r
	nothing_left
	n=$(awk '/^ioctl/ { n++ } /DM_DEV_REMOVE/ { print n; exit }' "$dev_dir/calls")
	complete
	new_loop other 1M
	strace -qq -o /dev/null -e trace=ioctl -e "inject=ioctl:delay_exit=10s:when=$n" \
		replicactl finish r >"$dev_dir/said" 2>&1 &
	first=$!
	wait_for 20 "the end of the mapping" mapping_gone
	run replicactl create "$source" "$other" --name other --meta "$meta" --force --wait-for synchronized
	kill -0 "$first" || fail "the first one has ended already"
	wait "$first" || fail "finish failed: $(cat "$dev_dir/said")"
	! labelled || fail "the target has a label"
	same "the log" "$(replicactl --json scan "$meta" | jq -r '.MetaDevices[].ElementName')" other
	run replicactl detach other
}

# A registry that is not there, or says nothing that could be understood, is none.
no_registry()
{
	legs
	complete
	run rm -rf /run/replica
	run replicactl finish r
	nothing_left
	complete
	echo "{" >/run/replica/replicas/r
	run replicactl finish r
	nothing_left
	run rm -rf /run/replica
	touch /run/replica
	defer rm -rf /run/replica
	complete
	run replicactl finish r
	nothing_left
}

# The second comes when the first is at it, and is held there.
two_at_once()
{
	local first
	legs
	complete
	strace -qq -o /dev/null -e trace=ioctl -e inject=ioctl:delay_enter=200ms replicactl finish r &
	first=$!
	wait_for 20 "the first to be at it" ends_itself
	run replicactl finish r
	wait "$first" || fail "the first one failed"
	[[ ! -e /dev/mapper/r ]] || fail "the mapped device is still there"
	nothing_left
}

waits()
{
	local pid
	legs 32
	cli_text create "$source" "$target" --name r --sync-type clone --meta "$meta" \
		--settings resync_rate=1,region_size=64k
	[[ $text == *"'replicactl finish r --wait' ends it"* ]] || fail "what was said: $text"
	cli status r
	same "EndsByItself" "$(get .Replica.EndsByItself)" false
	cli_returns 3 3 finish r --wait --timeout 200ms
	replicactl finish r --wait --timeout 60 &
	pid=$!
	wait_for 10 "somebody to wait" ends_itself
	run replicactl set r resync_rate=auto
	wait "$pid" || fail "finish --wait failed"
	[[ ! -e /dev/mapper/r ]] || fail "the mapped device is still there"
	nothing_left
	cli_returns 8 8 finish nobody --wait
	cli_returns 5 64 finish r --timeout 5
}

ends_itself()
{
	[[ $(replicactl --json status r | jq .Replica.EndsByItself) == true ]]
}

aborted()
{
	legs 32
	run replicactl create "$source" "$target" --name r --sync-type clone --settings resync_rate=1,region_size=64k
	run replicactl abort r
	cli_returns 4 4 finish r --wait
	complains "Aborted"
	run replicactl __finish r
	cli status r
	same "state" "$(get .Replica.CopyStateDescription)" Aborted
	run replicactl finish r
}

ktap_header
need_kill
ktap_case "finish waits until the clone is complete" waits
ktap_case "one that was given up is not waited for" aborted
ktap_case "two ends at once" two_at_once
ktap_case "without a registry" no_registry
ktap_case "killed while it ends a clone with a log" free_device
ktap_case "killed while it ends one that is in use" used_device
ktap_case "killed while it ends one of a source in use" attached_source
ktap_case "another device in the place of what was left" other_device
ktap_case "another log where its own was" later_log
ktap_case "what was left is on a suspended device" suspended_log
ktap_finish
