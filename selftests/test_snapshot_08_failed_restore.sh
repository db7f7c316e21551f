#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=600
#
# A device that gives an error while the source is restored: what was not restored is in
# the store alone, so it must not be lost by 'remove', and 'restore' must go on with it;
# also when the tool is killed at any of its calls to device-mapper.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/lvm.sh"
. "$(dirname "$0")/lib/snapshot.sh"

# refuse_writes DEVICE FIRST LENGTH: of these sectors of a new_linear.
refuse_writes()
{
	local last=$(($2 + $3)) all
	all=$(dev_sectors "$1")
	dmsetup table "$1" >"$dev_dir/table-${1##*/}"
	set_table "$1" "0 $2 linear $leg 0
$2 $3 flakey $leg $2 0 1000 1 error_writes
$last $((all - last)) linear $leg $last"
}

# failed [POOL]: the first chunks are restored last, and fail. The store is from the pool.
failed()
{
	new_loop leg 4M
	new_linear weak "$leg"
	new_linear source "$weak"
	table=$(dmsetup table "$source")
	run dd if=/dev/urandom of="$source" bs=1M count=4 oflag=direct status=none
	before=$(sum "$source")
	if [[ -n ${1:-} ]]; then
		take snap "$source" --pool "$1" --store-size 101%
		store=/dev/mapper/$1-snap--store
	else
		new_loop store 8M
		take snap "$source" "$store"
	fi
	run write_scattered "$source" 24
	modprobe -q dm-flakey
	refuse_writes "$weak" 64 64
	restore_fails
}

restore_fails()
{
	cli restore snap
	[[ $(get .error.Description) == *"the restore from \"snap\" has failed"* ]] ||
		fail "restore: $(get .error)"
	same return_value "$(get .return_value)" 4
}

# has_rest [SENTENCE]
has_rest()
{
	local how=${1:-"'replicactl detach --force snap' gives the source its table back as it is"}
	cli status snap
	same CopyState "$(get .Replica.CopyStateDescription)" Broken
	cli_returns 4 4 remove snap
	complains "its source is partly restored: the rest is on $store alone"
	cli_returns 4 4 detach snap
	complains "$how"
	[[ $(wipefs "$store") == *DM_snapshot_cow* ]] || fail "the store has lost its header"
}

# offers OPERATIONS FORCED
offers()
{
	cli capabilities snap
	same "what is offered" "$(get '[.SupportedOperations[].Value] | join(" ")')" "$1"
	same "with force" "$(get '[.OperationsWithForce[].Value] | join(" ")')" "$2"
}

goes_on()
{
	local source leg weak table store before
	failed
	has_rest
	offers 15 "8 15"
	exec 9<"$source"
	cli_returns 4 4 restore snap
	complains "is in use"
	exec 9<&-
	restore_fails
	has_rest
	heal_dev "$weak"
	cli restore snap
	same return_value "$(get .return_value)" 0
	same "the source" "$(sum "$source")" "$before"
	all_as_before "$store"
}

given_up()
{
	local source leg weak table store before rest
	failed
	run replicactl detach --force snap
	heal_dev "$weak"
	same "the table of the source" "$(dmsetup table "$source")" "$table"
	mapping_gone snap || fail "the snapshot is left"
	[[ $(sum "$source") != "$before" ]] || fail "all was restored"
	cli create --sync-type snapshot --name other "$source" "$store"
	[[ $status != 0 && $(get .error.Description) == *DM_snapshot_cow* ]] ||
		fail "the store is taken for a free one: $json"
	merge_rest
}

merge_rest()
{
	new_dm rest rest "0 $(dev_sectors "$source") snapshot-merge $source $store P 8"
	wait_for 30 "the rest to be merged" merged "$rest"
	same "the source" "$(sum "$source")" "$before"
}

# stays REASON: whatever is forced.
stays()
{
	cli return-to-pool --left vgt --force
	same "what is said of the store" "$(get '.Volumes[0].Reason')" "$1"
	same "the volumes" "$(volumes vgt)" snap-store
}

tags()
{
	lvs --noheadings -o lv_tags vgt/snap-store
}

# The volume looks like a stale one, which force removes.
from_a_pool()
{
	local source leg weak table store before rest
	need lvcreate --version
	new_vg vgt 32M
	failed vgt
	[[ $(tags) == *dm-replica-rest* ]] || fail "the store is not marked while it is needed"
	cli_returns 4 4 return-to-pool snap
	complains "holds what is not restored yet"
	stays 'it belongs to replica "snap"'
	run lvchange -qq --deltag dm-replica-rest vgt/snap-store
	run replicactl detach --force snap
	heal_dev "$weak"
	all_as_before
	stays "it has what a restore has not copied; force removes it without the tag dm-replica-rest"
	merge_rest
	run dmsetup remove --retry "${rest##*/}"
	run wipefs -qa "$store"
	run replicactl return-to-pool --left vgt
	same "the volumes" "$(volumes vgt)" ""
}

# merged DEVICE
merged()
{
	local used metadata
	read -r _ _ _ used metadata < <(dmsetup status "$1")
	[[ ${used%%/*} == "$metadata" ]]
}

# The tool reads all mappings, and its calls are to have the same numbers the next time.
away()
{
	run dmsetup remove --retry "${source##*/}"
	run dmsetup remove --retry "${weak##*/}"
}

# killed_each MIN CHECK ARG...: before each call by which it changes a mapping, and after it.
killed_each()
{
	local source leg weak table store before n count=0 least=$1 check=$2
	shift 2
	need strace -V
	failed
	heal_dev "$weak"
	run strace -qq -o "$dev_dir/calls" -e trace=ioctl replicactl "$@"
	away
	for n in $(changes); do
		failed
		heal_dev "$weak"
		! killed "$n" "$@" || count=$((count + 1))
		same "the state of the source after call $n" \
			"$(dmsetup info -c --noheadings -o suspended "$source")" Active
		"$check" "$n"
		away
	done
	say "killed $count times"
	((count >= least)) || fail "it was killed $count times only"
}

# When it is over the rest is merged, which takes as many calls as it takes.
again()
{
	mapping_gone snap || replicactl restore snap || mapping_gone snap ||
		run replicactl remove snap
	same "the source after call $1" "$(sum "$source")" "$before"
	all_as_before "$store"
}

# Nobody may think that the store is free, or that the source is whole.
rest_is_told()
{
	local how=
	if ! mapping_gone snap; then
		# It has its table back.
		[[ $(dmsetup table "$source") != "$table" ]] ||
			how="'replicactl detach --force snap' ends the snapshot"
		has_rest "$how"
		[[ -z $how ]] || offers "" 8
		run replicactl detach --force snap
	fi
	[[ $(wipefs "$store") == *DM_snapshot_cow* ]] || fail "the rest is lost after call $1"
	all_as_before
}

ktap_header
ktap_case "a restore that failed goes on, and its store is not lost before" goes_on
ktap_case "one that is given up leaves the rest on the store" given_up
ktap_case "a store from a pool stays as long as it has the rest" from_a_pool
ktap_case "killed at each of its calls while it goes on" killed_each 13 again restore snap
ktap_case "killed at each of its calls while it is given up" \
	killed_each 6 rest_is_told detach --force snap
ktap_finish
