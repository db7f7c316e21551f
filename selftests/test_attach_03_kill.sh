#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=long timeout=600
#
# replicactl is killed before and after each call by which it changes a mapping or the log,
# and then each of its calls to device-mapper fails: the source reads and writes at once, with
# its own table or with the replica's, and one command, remove, leaves nothing of ours.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/attach.sh"
. "$(dirname "$0")/lib/kill.sh"

# The log is written by pwrite64; the last write is the answer, when all is done. A terminal
# is asked what it is, by one ioctl more, and a file is not.
calls=ioctl,pwrite64,write

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

# The numbers of all ioctls of device-mapper.
mapper_calls()
{
	awk '/^ioctl/ { n++; if (/, DM_/) print n }' "$dev_dir/calls"
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
	nothing_left
}

# Not the first time, when the target is still blank.
usual_calls()
{
	traced "$calls" "$@"
	tidy
	traced "$calls" "$@"
	is_attached src
	tidy
}

creating()
{
	local n call kills=0 create
	legs
	create=(create /dev/mapper/src "$target" --meta "$meta" --force)
	usual_calls "${create[@]}"
	for n in $(changes); do
		kill_at ioctl "$n" "${create[@]}"
		works
		tidy
	done
	for call in pwrite64 write; do
		for n in $(numbers_of "$call"); do
			kill_at "$call" "$n" "${create[@]}"
			works
			tidy
		done
	done
	say "killed $kills times"
	((kills > 9)) || fail "it was killed $kills times only"
	run replicactl "${create[@]}"
	works
	is_attached src
	tidy
}

again()
{
	replicactl create /dev/mapper/src "$target" --meta "$meta" --force >/dev/null
	is_attached src
}

# killed_end CALL N: the replica is still there, or the source is as it was: never
# anything else.
killed_end()
{
	kill_at "$1" "$2" detach src --force
	works
	if [[ $(dmsetup table src) != *replica* ]]; then
		tidy
		again
	fi
	is_attached src
}

ending()
{
	local n call kills=0
	legs
	again
	traced "$calls" detach src --force
	nothing_left
	again
	for n in $(changes); do
		killed_end ioctl "$n"
	done
	for call in pwrite64 write; do
		for n in $(numbers_of "$call"); do
			killed_end "$call" "$n"
		done
	done
	say "killed $kills times"
	((kills > 5)) || fail "it was killed $kills times only"
	run replicactl detach src --force
	works
	nothing_left
}

# fails N COMMAND...: its Nth ioctl fails
fails()
{
	local n=$1 status=0
	shift
	strace -qq -o "$dev_dir/trace" -e trace=ioctl -e "inject=ioctl:error=ENOMEM:when=$n" \
		replicactl "$@" >"$dev_dir/said" 2>&1 || status=$?
	grep -q INJECTED "$dev_dir/trace" || fail "ioctl $n of '$*' did not fail"
	((status < 126)) || fail "died with status $status"
}

# What the tool cannot take away itself it tells.
errors()
{
	local n failed=0 create
	legs
	create=(create /dev/mapper/src "$target" --meta "$meta" --force)
	usual_calls "${create[@]}"
	for n in $(mapper_calls); do
		fails "$n" "${create[@]}"
		works
		if [[ -e /dev/mapper/src-origin && $(dmsetup table src) != *replica* ]]; then
			grep -q "left behind" "$dev_dir/said" ||
				fail "nothing is said of what is left: $(cat "$dev_dir/said")"
		fi
		tidy
		failed=$((failed + 1))
	done
	say "failed $failed times"
	((failed > 10)) || fail "it failed $failed times only"
}

ktap_header
need_kill
ktap_case "create is killed at each step" creating
ktap_case "create fails at each call to device-mapper" errors
ktap_case "detach is killed at each step" ending
ktap_finish
