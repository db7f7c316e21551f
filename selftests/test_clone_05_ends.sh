#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=400 systemd=yes
#
# A clone that nobody waits for ends by itself, by udev and systemd: also of a source in use,
# under a name that no unit has, and when the unit that waits is killed. One that a create
# waits for is ended by that and by nobody else, as often as it is tried; one whose create is
# killed is not forgotten; and one that is to be kept, or was given up, stays.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/attach.sh"
. "$(dirname "$0")/lib/udev.sh"

slow=resync_rate=1,region_size=64k

# legs [MIB [NAME]]: 8, or so many that at the slow rate there is time for what is to happen.
legs()
{
	size=${1:-8}
	new_loop source "${size}M"
	new_loop target $((size + 1))M
	new_loop meta 4M
	run dd if=/dev/urandom of="$source" bs=1M count="$size" conv=fsync status=none
	image=$dev_dir/image-$BASHPID
	defer rm -f "$image"
	run dd if="$source" of="$image" bs=1M iflag=direct status=none
	defer dm_gone "${2:-r}"
}

# free NAME: no mapping, no log, no label, and the target is what the source was.
free()
{
	[[ ! -e /dev/mapper/$1 ]] || fail "the mapped device is still there"
	run cmp -n 4096 /dev/zero "$meta"
	run python3 -c 'import os, sys; os.open(sys.argv[1], os.O_RDWR | os.O_EXCL)' "$target"
	blockdev --flushbufs "$target"
	run cmp -n $((size << 20)) "$image" "$target"
	run cmp -n 4096 /dev/zero <(tail -c 4096 "$target")
}

gone()
{
	[[ -z $(dmsetup info -c --noheadings -o name "$1" 2>/dev/null) ]]
}

unit_is()
{
	[[ $(systemctl show -P "$2" "dm-replica-finish@$1.service") == "$3" ]]
}

# The unit is not among those that failed, and has nothing more to do.
unit_rests()
{
	wait_for 20 "the unit to rest" unit_is "$1" ActiveState inactive
	unit_is "$1" Result success || fail "the unit has failed: $(systemctl status "dm-replica-finish@$1" --no-pager)"
}

watched()
{
	[[ $(replicactl --json status "$1" | jq .Replica.EndsByItself) == true ]]
}

by_itself()
{
	legs 32
	cli_text create "$source" "$target" --name r --sync-type clone --meta "$meta" --settings "$slow"
	same "the exit status" "$status" 0
	[[ $text == *"ends by itself when it is complete"* ]] || fail "what was said: $text"
	cli capabilities --sync-type clone
	same "the feature of a clone" "$(get '.SupportedFeatures[] | select(.Value == 18) | .ValueDescription')" \
		"Synchronized clone target detaches automatically"
	wait_for 30 "the unit to wait" watched r
	cli_text status r
	[[ $text == *"by itself, when it is complete"* ]] || fail "what status says: $text"
	run dd if=/dev/zero of=/dev/mapper/r bs=1M seek=30 count=2 oflag=direct status=none
	run replicactl set r resync_rate=auto
	wait_for 60 "the clone to end" gone r
	unit_rests r
	free r
	same "the source" "$(cmp -n 2097152 /dev/zero <(tail -c 2097152 "$source") && echo zero)" zero
}

# That systemd has no place for three of these characters is nobody's business.
names()
{
	legs 8 "a+b=c#d-e@f"
	run replicactl create "$source" "$target" --name "a+b=c#d-e@f" --sync-type clone --meta "$meta"
	wait_for 60 "the clone to end" gone "a+b=c#d-e@f"
	unit_rests "a:2bb:3dc:23d-e@f"
	free "a+b=c#d-e@f"
}

attached()
{
	new_loop disk 32M
	new_loop target 32M
	new_loop meta 1M
	new_source src "0 65536 linear $disk 0"
	on_file_system src
	cp /etc/passwd "$dev_dir/mnt/"
	start_files
	run replicactl create /dev/mapper/src "$target" --sync-type clone --meta "$meta" \
		--settings resync_rate=1
	is_attached src
	wait_for 30 "the unit to wait" watched src
	more_files
	run replicactl set src resync_rate=auto
	wait_for 60 "the source to have its own table" own_table src
	unit_rests src
	is_plain src
	more_files
	stop_files
	run umount "$dev_dir/mnt"
	same "the log" "$(replicactl --json scan "$meta" | jq -c .MetaDevices)" "[]"
	run e2fsck -fn "$target"
	# The second one of the same device is another change for systemd.
	run replicactl create /dev/mapper/src "$target" --name src --sync-type clone --force
	wait_for 60 "the second clone to end" own_table src
	is_plain src
	compare_legs "$disk" "$target"
}

own_table()
{
	[[ $(dmsetup table --showkeys "$1") == "$plain" && ! -e /dev/mapper/$1-origin ]]
}

awaited()
{
	local n
	legs
	for n in 1 2 3 4 5 6 7 8; do
		cli create "$source" "$target" --name r --sync-type clone --meta "$meta" --force \
			--wait-for synchronized --timeout 60
		same "return_value and status" "$(get .return_value) $status" "0 0"
		gone r || fail "the mapped device is still there"
		free r
	done
	unit_rests r
}

# Two wait for the state, one for the end: all hear of it, whoever does it.
waiters()
{
	local n pids=()
	legs 32
	run rm -rf /run/replica/jobs
	run replicactl create "$source" "$target" --name r --sync-type clone --settings "$slow"
	wait_for 30 "the unit to wait" watched r
	for n in 1 2; do
		replicactl wait r --timeout 60 &
		pids+=($!)
	done
	replicactl finish r --wait --timeout 60 &
	pids+=($!)
	run replicactl set r resync_rate=auto
	for n in "${pids[@]}"; do
		wait "$n" || fail "one of the waiters failed"
	done
	wait_for 60 "the clone to end" gone r
	unit_rests r
	# And so does who comes too late.
	run replicactl wait r
	run replicactl finish r
	cli jobs r
	same "the jobs" "$(get '.Jobs[] | "\(.JobTypeDescription) \(.JobStateDescription) \(.ReplicaEnded != null)"')" \
		"Clone Completed true"
}

# By SIGKILL: systemd starts it again, and the clone is not forgotten.
killed_unit()
{
	legs 32
	run replicactl create "$source" "$target" --name r --sync-type clone --meta "$meta" --settings "$slow"
	wait_for 30 "the unit to wait" watched r
	run systemctl kill -s KILL dm-replica-finish@r.service
	run replicactl set r resync_rate=auto
	wait_for 60 "the clone to end" gone r
	wait_for 20 "the unit to rest" unit_is r ActiveState inactive
	free r
}

killed_create()
{
	local pid
	legs 32
	replicactl create "$source" "$target" --name r --sync-type clone --meta "$meta" \
		--settings "$slow" --wait-for synchronized &
	pid=$!
	wait_for 30 "the clone" watched r
	run kill -KILL "$pid"
	wait "$pid" || true
	run replicactl set r resync_rate=auto
	wait_for 60 "the clone to end" gone r
	unit_rests r
	free r
}

# Aborted: people are to see it.
given_up()
{
	legs 32
	run replicactl create "$source" "$target" --name r --sync-type clone --settings "$slow"
	wait_for 30 "the unit to wait" watched r
	run replicactl abort r
	unit_rests r
	cli status r
	same "state, EndsByItself" "$(get '"\(.Replica.CopyStateDescription) \(.Replica.EndsByItself)"')" \
		"Aborted false"
	cli_text status r
	[[ $text == *"'replicactl finish r' ends it"* ]] || fail "what status says: $text"
	run replicactl finish r
}

kept()
{
	legs
	udev_rule 57-keep 'ENV{DM_NAME}=="r", ENV{REPLICA_KEEP}="1"'
	run replicactl create "$source" "$target" --name r --sync-type clone --meta "$meta"
	run replicactl wait r --timeout 60
	run udevadm settle
	unit_is r ActiveState inactive || fail "the unit runs"
	cli status r
	same "state, EndsByItself" "$(get '"\(.Replica.CopyStateDescription) \(.Replica.EndsByItself)"')" \
		"Synchronized false"
	run replicactl finish r
	free r
}

# With the log that deactivate leaves it is the same clone, and ends as it would have.
activated()
{
	legs 32
	run replicactl create "$source" "$target" --name r --sync-type clone --meta "$meta" --settings "$slow"
	wait_for 30 "the unit to wait" watched r
	run replicactl deactivate r
	unit_rests r
	run replicactl activate "$meta"
	wait_for 30 "the unit to wait" watched r
	run replicactl set r resync_rate=auto
	wait_for 60 "the clone to end" gone r
	unit_rests r
	free r
}

# The last event of a clone comes while it can still be found: who it wakes is not to fall asleep.
given_up_often()
{
	local round n pids
	legs
	for ((round = 0; round < 8; round++)); do
		run replicactl create "$source" "$target" --name r --sync-type clone --settings "$slow"
		wait_for 30 "the unit to wait" watched r
		pids=()
		for n in 1 2 3; do
			replicactl __finish r &
			pids+=($!)
		done
		for n in "${pids[@]}"; do
			wait_for 20 "a process to wait" asleep "$n"
		done
		run replicactl remove r
		for n in "${pids[@]}"; do
			wait_for 20 "a process to end" ended "$n"
			wait "$n" || fail "one has failed in round $round"
		done
		unit_rests r
	done
}

# Of its system calls it is in poll(2) only for the next event.
asleep()
{
	[[ $(cat "/proc/$1/wchan") == *poll* ]]
}

ended()
{
	[[ ! -e /proc/$1 || $(awk '/^State/ { print $2 }' "/proc/$1/status") == Z ]]
}

mirrors()
{
	legs
	run replicactl create "$source" "$target" --name r --force --wait-for synchronized
	run udevadm settle
	unit_is r ActiveState inactive || fail "there is a unit for a mirror"
	run replicactl remove r
}

ktap_header
ktap_case "a clone that nobody waits for ends by itself" by_itself
ktap_case "names with any character" names
ktap_case "a source in use gets its own table back by itself" attached
ktap_case "one that a create waits for" awaited
ktap_case "all who wait hear of the end" waiters
ktap_case "the unit is killed" killed_unit
ktap_case "a create that waits is killed" killed_create
ktap_case "one that was given up stays" given_up
ktap_case "one that is to be kept stays" kept
ktap_case "deactivate and activate" activated
ktap_case "all who wait hear of its removal, again and again" given_up_often
ktap_case "a mirror does not end" mirrors
ktap_finish
