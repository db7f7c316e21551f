#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# What status shows is what the kernel says: the table, the block and the JSON against
# "dmsetup status", in several states.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"

# kernel KEY: of the replica r.
kernel()
{
	dmsetup status r | tr ' ' '\n' | sed -n "s/^$1=//p"
}

legs()
{
	new_loop source 8M
	new_loop target 8M
	new_replica r "$source" "$target"
}

agrees()
{
	cli status r
	same "CopyState" "$(get .Replica.CopyState)" "$(kernel copy_state)"
	same "its name" "$(get .Replica.CopyStateDescription)" "$(kernel state)"
	same "PercentSynced" "$(get .Replica.PercentSynced)" "$(kernel percent)"
	same "ProgressStatus" "$(get .Replica.ProgressStatus)" "$(kernel progress)"
	same "DirtyBytes" "$(get .Replica.DirtyBytes)" "$(kernel dirty_bytes)"
	same "DirtyRegions" "$(get .Replica.DirtyRegions)" "$(kernel dirty_regions)"
	same "Size" "$(get .Replica.Size)" "$(kernel size)"
	same "RegionSize" "$(get .Replica.RegionSize)" "$(kernel region_size)"
	same "Reason" "$(get .Replica.Reason | tr ' ' _)" "$(kernel reason)"
	same "Writes" "$(get .Replica.Counters.Writes)" "$(kernel writes)"
	same "TrackedWrites" "$(get .Replica.Counters.TrackedWrites)" "$(kernel tracked_writes)"
	same "ConsistentNow" "$(get '.Replica.ConsistentNow | if . then 1 else 0 end')" "$(kernel consistent_now)"
}

# What the queue has does not move while the replica hangs.
queue_agrees()
{
	cli status r
	same "AckMode" "$(get .Replica.Queue.AckModeDescription)" "$(kernel ack)"
	same "Entries" "$(get .Replica.Queue.Entries)" "$(kernel queue_entries)"
	same "Bytes" "$(get .Replica.Queue.Bytes)" "$(kernel queue_bytes)"
	same "HighEntries" "$(get .Replica.Queue.HighEntries)" "$(kernel queue_high_entries)"
	same "HighBytes" "$(get .Replica.Queue.HighBytes)" "$(kernel queue_high_bytes)"
	same "Delays" "$(get '.Replica.Queue.Delays | map(.Writes | tostring) | join(",")')" \
		"$(kernel delays)"
	same "Switches" "$(get .Replica.Queue.Switches)" "$(kernel switches)"
	same "SwitchReason" "$(get '.Replica.Queue.SwitchReason // "-"' | tr ' ' _)" \
		"$(kernel switch_reason)"
}

acknowledges_alone()
{
	[[ $(kernel ack) == async ]]
}

queue()
{
	local disk weak load
	new_loop source 8M
	new_loop disk 8M
	new_linear weak "$disk"
	new_delay target "$weak" 0 20
	new_replica r "$source" "$target"
	run dmsetup message r 0 reset_to_adaptive
	fio --name=load --filename=/dev/mapper/r --direct=1 --rw=randwrite --bs=4k --size=8M \
		--time_based --runtime=60 --output=/dev/null &
	load=$!
	defer eval "kill $load 2>/dev/null || true"
	wait_for 30 "the origin alone to acknowledge" acknowledges_alone
	hang_dev "$weak"
	defer unhang_dev "$weak"
	kill "$load"
	wait "$load" || true
	run dd if=/dev/urandom of=/dev/mapper/r bs=4k count=3 oflag=direct status=none
	(($(kernel queue_entries) >= 3)) || fail "the queue has no 3 entries"
	queue_agrees
	same "SwitchReason" "$(get .Replica.Queue.SwitchReason)" \
		"the replica is slower than the origin"
}

with_kernel()
{
	legs
	agrees
	run dd if=/dev/urandom of=/dev/mapper/r bs=64k count=16 oflag=direct status=none
	agrees
	same "Writes" "$(get .Replica.Counters.Writes)" 16
	run replicactl split r
	run dd if=/dev/urandom of=/dev/mapper/r bs=1M count=2 seek=3 oflag=direct status=none
	agrees
	same "DirtyBytes" "$(get .Replica.DirtyBytes)" 2097152
	same "the state" "$(get .Replica.CopyState)" 7
}

# numbers STATE REQUESTED PROGRESS METHODOLOGY: what the association is by the numbers of CIM.
numbers()
{
	cli status r
	same "CopyState, RequestedCopyState, ProgressStatus, CopyMethodology" \
		"$(get '.Replica | [.CopyState, .RequestedCopyState, .ProgressStatus, .CopyMethodology] |
			map(tostring) | join(" ")')" "$*"
}

# Each property of the association, from the initial copy on.
properties()
{
	local made
	slow_replica r
	numbers 3 4 6 3
	same "SyncType, Mode, CopyType" "$(get '.Replica | "\(.SyncType) \(.Mode) \(.CopyTypeDescription)"')" \
		"6 2 Sync"
	(($(get .Replica.PercentSynced) < 100)) || fail "it is said to be complete"
	same "when it was in step, and suspended" \
		"$(get '.Replica | "\(.WhenSynced) \(.WhenSuspended)"')" "null null"
	made=$(get .Replica.WhenEstablished)
	[[ $made == 20*Z ]] || fail "it was made at $made"
	run replicactl wait r --timeout 120
	numbers 4 15 2 4
	same "PercentSynced" "$(get .Replica.PercentSynced)" 100
	[[ $(get .Replica.WhenSynced) > $made ]] || fail "it was in step before it was made"
	run replicactl mode r async
	cli status r
	same "Mode, CopyType" "$(get '.Replica | "\(.Mode) \(.CopyTypeDescription)"')" "3 Async"
	run replicactl suspend r
	numbers 9 15 25 4
	[[ $(get .Replica.WhenSuspended) > $(get .Replica.WhenSynced) ]] || fail "it was suspended before"
	run replicactl deactivate r
	numbers 8 15 19 4
	run replicactl activate r
	run replicactl wait r --timeout 60
	run replicactl fracture r
	numbers 6 15 18 4
	run replicactl resync r
	run replicactl wait r --timeout 60
	run replicactl resync r --force
	numbers 3 4 7 3
	same "WhenEstablished" "$(get .Replica.WhenEstablished)" "$made"
	run replicactl abort r
	numbers 12 15 18 4
}

table()
{
	legs
	run replicactl fracture r
	run dd if=/dev/urandom of=/dev/mapper/r bs=1M count=1 oflag=direct status=none
	cli_text status
	[[ ${text%%$'\n'*} =~ ^NAME\ +STATE\ +SYNCED\ +MODE\ +ORIGIN\ +REPLICA\ +DIRTY\ +LAG$ ]] ||
		fail "the heading is '${text%%$'\n'*}'"
	[[ ${text#*$'\n'} =~ ^r\ +Fractured\ +[0-9]+\ %\ +sync\ +$source\ +$target\ +1\.0\ MiB\ +[0-9.]+\ m?s$ ]] ||
		fail "the row is '${text#*$'\n'}'"
}

# one MEMBER: of the replica, with its description.
one()
{
	get ".Replica | \"\\(.$1) \\(.$1Description)\""
}

# associated STATE SYNC_STATE: "null null" where SyncState has no value for it.
associated()
{
	local kept=false
	[[ $1 != Synchronized ]] || kept=true
	cli status r
	same "CopyState" "$(get .Replica.CopyStateDescription)" "$1"
	same "SyncState in $1" "$(one SyncState)" "$2"
	same "SyncMaintained in $1" "$(get .Replica.SyncMaintained)" "$kept"
	same "ReplicaType" "$(one ReplicaType)" "2 Full Copy"
	same "WhenActivated, WhenDeactivated" \
		"$(get '.Replica | "\(.WhenActivated) \(.WhenDeactivated)"')" "null null"
	same "WhenSynchronized" "$(get .Replica.WhenSynchronized)" "$(get .Replica.WhenSynced)"
}

# since TIME MEMBER: it is a time from then on, and has come.
since()
{
	local at now
	at=$(get ".Replica.$2[:19]")
	now=$(date -u +%FT%T)
	[[ $at != null && ! $at < $1 && ! $at > $now ]] || fail "$2 is $at, not from $1 to $now"
}

# By each operation that leads to another state, there and back.
association()
{
	local began
	began=$(date -u +%FT%T)
	legs
	associated Synchronized "6 Synchronized"
	same "RequestedCopyState" "$(one RequestedCopyState)" "15 Not Applicable"
	since "$began" WhenEstablished
	since "$began" WhenSynchronized
	same "WhenSuspended" "$(get .Replica.WhenSuspended)" null
	run replicactl fracture r
	associated Fractured "13 Fractured"
	run replicactl resync r
	run replicactl wait r --timeout 60
	run replicactl split r
	associated Split "13 Fractured"
	run replicactl resync r
	run replicactl wait r --timeout 60
	run replicactl suspend r
	associated Suspended "9 Quiesced"
	since "$began" WhenSuspended
	run replicactl deactivate r
	associated Inactive "9 Quiesced"
	run replicactl prepare r
	associated Prepared "4 Prepared"
	run replicactl activate r
	run replicactl wait r --timeout 60
	associated Synchronized "6 Synchronized"
	run replicactl failover r
	associated Failedover "null null"
}

association_while_copied()
{
	slow_replica r
	associated Unsynchronized "5 ResyncInProgress"
	same "WhenSynchronized" "$(get .Replica.WhenSynchronized)" null
	same "RequestedCopyState" "$(one RequestedCopyState)" "4 Synchronized"
	run replicactl abort r
	associated Aborted "null null"
	same "WhenSynchronized" "$(get .Replica.WhenSynchronized)" null
}

# shows LABEL VALUE
shows()
{
	grep -qE "^ *$1: +$2$" <<<"$text" || fail "no line '$1: $2'"
}

block()
{
	legs
	cli_text status r --counters
	shows Name r
	shows State Synchronized
	shows Synced '100 %'
	shows Origin "$source \(7:[0-9]+\)"
	shows Replica "$target \(7:[0-9]+\)"
	shows Size '8\.0 MiB \(8388608 bytes\)'
	shows 'May differ' nothing
	shows 'Replica usable' yes
	shows replica_timeout '30 s'
	shows 'Resync bytes' 8388608
	run replicactl status r | grep -q Counters && fail "counters that nobody asked for"
	run dmsetup suspend r
	defer dmsetup resume r
	cli_text status r
	shows Warning 'the mapped device is suspended: I/O waits'
}

# A node may stand for the name.
by_path()
{
	legs
	cli status /dev/mapper/r
	same "ElementName" "$(get .Replica.ElementName)" r
}

nothing_there()
{
	cli status
	same "Replicas" "$(get '.Replicas | length')" 0
	cli_text status
	[[ $text == "There are no replicas"* ]] || fail "'$text'"
}

# No colours but on a terminal, and not with NO_COLOR.
colours()
{
	local esc=$'\033'
	legs
	cli_text status
	[[ $text != *"$esc"* ]] || fail "colours in a pipe"
	script -qec "TERM=xterm replicactl status" /dev/null | grep -qF "${esc}[32mSynchronized" ||
		fail "no colours on a terminal"
	script -qec "NO_COLOR=1 TERM=xterm replicactl status" /dev/null | grep -F "$esc" &&
		fail "colours with NO_COLOR"
	return 0
}

full_disk()
{
	local status=0
	legs
	run replicactl status >/dev/full || status=$?
	same "the exit status" "$status" 74
}

ktap_header
ktap_case "JSON agrees with the kernel's status line" with_kernel
ktap_case "so it does for a queue" queue
ktap_case "every property of the association" properties
ktap_case "the properties of the association follow the state" association
ktap_case "so they do while it is copied" association_while_copied
ktap_case "the table has a row for each replica" table
ktap_case "the block has units and exact numbers" block
ktap_case "the path of the node is a name too" by_path
ktap_case "no replicas are no error" nothing_there
ktap_case "colours are for terminals" colours
ktap_case "an output that cannot be written is told" full_disk
ktap_finish
