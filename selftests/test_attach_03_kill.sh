#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=long timeout=600
#
# replicactl is killed at each of its ioctls in turn, before the kernel sees it, and
# then each of them fails: the source reads and writes at once, with its own table or with
# the replica's, and one command, remove, leaves nothing of ours.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/attach.sh"

legs()
{
	new_loop disk 1M
	new_loop target 1M
	new_loop meta 1M
	new_source src "0 2048 linear $disk 0"
	# In use for as long as the case runs.
	mkfs.ext4 -q -O ^has_journal /dev/mapper/src
	mkdir -p "$dev_dir/mnt"
	mount /dev/mapper/src "$dev_dir/mnt"
	defer unmounted "$dev_dir/mnt"
}

works()
{
	same "suspended" "$(dmsetup info -c --noheadings -o suspended src)" Active
	timeout 10 dd if=/dev/urandom of="$dev_dir/mnt/f" bs=4k count=4 oflag=direct status=none ||
		fail "the source cannot be written"
	timeout 10 dd if=/dev/mapper/src of=/dev/null bs=64k iflag=direct status=none ||
		fail "the source cannot be read"
}

# killed N COMMAND...: true when it was
killed()
{
	local n=$1 status=0
	shift
	strace -f -qq -o /dev/null -e trace=ioctl -e "inject=ioctl:signal=KILL:when=$n" \
		replicactl "$@" >"$dev_dir/said" 2>&1 || status=$?
	[[ $status == 137 ]]
}

nothing_left()
{
	is_plain src
	same "the second table" "$(dmsetup info -c --noheadings -o tables_loaded src)" Live
	same "the log" "$(replicactl --json scan "$meta" | jq -c .MetaDevices)" "[]"
}

tidy()
{
	dmsetup mknodes		# without udev the tool has to, and was killed
	if [[ -e /dev/mapper/src-origin || $(dmsetup table src) == *replica* ]]; then
		replicactl remove src >/dev/null
	fi
	# An ioctl of the log's own, before there was a hidden device to tell of it.
	nothing_left
}

creating()
{
	local n
	legs
	for ((n = 1; ; n++)); do
		killed "$n" create /dev/mapper/src "$target" --meta "$meta" --force || break
		works
		tidy
	done
	say "killed at $((n - 1)) ioctls"
	((n > 20)) || fail "it was killed at $((n - 1)) ioctls only"
	works
	say "$(cat "$dev_dir/said")"
	is_attached src
	tidy
}

# The replica is still there, or the source is as it was: never anything else.
ending()
{
	local n
	legs
	run replicactl create /dev/mapper/src "$target" --meta "$meta" --force --wait-for synchronized
	for ((n = 1; ; n++)); do
		killed "$n" detach src --force || break
		works
		if [[ $(dmsetup table src) != *replica* ]]; then
			tidy
			replicactl create /dev/mapper/src "$target" --meta "$meta" --force >/dev/null
		fi
		is_attached src
	done
	say "killed at $((n - 1)) ioctls"
	((n > 10)) || fail "it was killed at $((n - 1)) ioctls only"
	works
	nothing_left
}

# failing N COMMAND...: the Nth ioctl fails; false when there is none so late
failing()
{
	local n=$1 status=0
	shift
	strace -f -qq -o "$dev_dir/trace" -e trace=ioctl -e "inject=ioctl:error=ENOMEM:when=$n" \
		replicactl "$@" >"$dev_dir/said" 2>&1 || status=$?
	grep -q INJECTED "$dev_dir/trace" || return 1
	((status < 126)) || fail "died with status $status"
	return 0
}

# What the tool cannot take away itself it tells.
errors()
{
	local n
	legs
	for ((n = 1; ; n++)); do
		failing "$n" create /dev/mapper/src "$target" --meta "$meta" --force || break
		works
		if [[ -e /dev/mapper/src-origin && $(dmsetup table src) != *replica* ]]; then
			grep -q "left behind" "$dev_dir/said" || fail "nothing is said of what is left: $(cat "$dev_dir/said")"
		fi
		tidy
	done
	say "failed at $((n - 1)) ioctls"
	((n > 20)) || fail "it failed at $((n - 1)) ioctls only"
	tidy
}

ktap_header
strace -V >/dev/null 2>&1 || ktap_skip_all "needs strace"
ktap_case "create is killed at each step" creating
ktap_case "create fails at each step" errors
ktap_case "detach is killed at each step" ending
ktap_finish
