#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=400
#
# Snapshots whose store is cut from an LVM volume group or thin pool: of the size that was
# asked for, true byte for byte while the source is written to, and given back at every
# end: by remove, return-to-pool, a restore, and when the creation fails at any step.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/lvm.sh"
. "$(dirname "$0")/lib/snapshot.sh"

schema=/usr/share/dm-replica/replicactl.schema.json
[[ -e $schema ]] || schema=$(dirname "$0")/../Documentation/replicactl.schema.json

# The size of the store of snapshot "snap" in bytes.
store_bytes()
{
	lvs --noheadings --nosuffix --units b -o lv_size vgt/snap-store | tr -d ' '
}

makes_one()
{
	local source leg table before
	new_vg vgt 64M
	new_source 8M
	before=$(sum "$source")
	cli create --sync-type snapshot --name snap "$source" --pool vgt --dry-run
	same "return_value" "$(get .return_value)" 0
	run "$(dirname "$0")/lib/json-check.py" "$schema" <<<"$json"
	same "the pool in a dry run" "$(get .TargetStoragePool)" vgt
	same "the volumes after it" "$(volumes vgt)" ""
	cli create --sync-type snapshot --name snap "$source" --pool vgt
	defer snapshot_gone snap
	same "return_value" "$(get .return_value)" 0
	same "the store" "$(get .TargetStorageVolume)" /dev/mapper/vgt-snap--store
	same "the pool" "$(get .TargetStoragePool)" vgt
	same "its size, a fifth and whole extents" "$(store_bytes)" $((2 << 20))
	same "tags" "$(lvs --noheadings -o lv_tags vgt/snap-store | tr -d ' ' | sed 's/cut-[0-9a-f]*/cut/')" \
		dm-replica,dm-replica-store,dm-replica.cut,dm-replica.snap
	same "the snapshot" "$(sum /dev/mapper/snap)" "$before"
	run dd if=/dev/urandom of="$source" bs=64k count=20 seek=17 oflag=direct status=none
	same "the snapshot after writes to the source" "$(sum /dev/mapper/snap)" "$before"
	[[ $(sum "$source") != "$before" ]] || fail "the source does not change"
	cli status snap
	same "the store in the status" "$(get .Replica.TargetStorageVolume)" /dev/mapper/vgt-snap--store
	same "its size there" "$(get .Replica.Store.Bytes)" $((2 << 20))
	cli return-to-pool --left vgt --force
	same "what is said of it" "$(get '.Volumes[0].Reason')" 'it belongs to replica "snap"'
	before=$(sum "$source")
	cli remove snap
	same "return_value" "$(get .return_value)" 0
	same "the volumes" "$(volumes vgt)" ""
	all_as_before
	same "the source" "$(sum "$source")" "$before"
}

under_load()
{
	local source leg table before
	new_vg vgt 64M
	new_source 4M
	run dd if=/dev/zero of="$source" bs=1M count=2 oflag=direct status=none
	write_rounds "$source" &
	defer kill_and_wait $!
	wait_for 20 "the writer" round_is "$source" 2
	take snap "$source" --pool vgt --store-size 101%
	before=$(sum /dev/mapper/snap)
	run check_rounds /dev/mapper/snap
	wait_for 20 "the writer to go on" round_is "$source" \
		$(($(od -An -tu8 -N8 /dev/mapper/snap) + 3))
	same "the snapshot, three rounds later" "$(sum /dev/mapper/snap)" "$before"
	cli return-to-pool snap
	same "return_value" "$(get .return_value)" 0
	same "what went back" "$(get '.Volumes[] | select(.Removed) | .StorageVolume')" vgt/snap-store
	same "the volumes" "$(volumes vgt)" ""
	all_as_before
}

restores()
{
	local source leg table before
	new_vg vgt 64M
	new_thin_pool vgt tp 16M
	new_source 4M
	before=$(sum "$source")
	take snap "$source" --pool vgt/tp --store-size 3M
	same "its pool" "$(lvs --noheadings -o pool_lv vgt/snap-store | tr -d ' ')" tp
	same "its size" "$(store_bytes)" $((3 << 20))
	run dd if=/dev/urandom of="$source" bs=64k count=20 seek=7 oflag=direct status=none
	same "the snapshot" "$(sum /dev/mapper/snap)" "$before"
	cli restore snap
	same "return_value" "$(get .return_value)" 0
	same "the source" "$(sum "$source")" "$before"
	same "the volumes" "$(volumes vgt)" tp
	all_as_before
}

full()
{
	local source leg table
	new_vg vgt 64M
	new_source 8M
	take snap "$source" --pool vgt --store-size 1M
	run dd if=/dev/urandom of="$source" bs=1M count=4 oflag=direct status=none
	in_state snap Broken
	same "the source" "$(sum "$source")" "$(sum "$leg")"
	cli return-to-pool snap
	same "return_value" "$(get .return_value)" 0
	same "the volumes" "$(volumes vgt)" ""
	all_as_before
}

# given_back RETURN EXIT SENTENCE ARG...: and nothing has changed.
given_back()
{
	local value=$1 exit=$2 sentence=$3 before
	shift 3
	before=$(volumes vgt; dmsetup table)
	cli_returns "$value" "$exit" create --sync-type snapshot "$source" "$@"
	complains "$sentence"
	same "volumes and mappings" "$(volumes vgt; dmsetup table)" "$before"
}

refusals()
{
	local source leg table store
	new_vg vgt 8M
	new_source 64M
	given_back 40002 12 "bytes free, and 13631488 are needed" --pool vgt
	given_back 8 8 'there is no LVM volume group "nope"' --pool nope
	given_back 5 5 "less than the 65536 of the smallest store" --pool vgt --store-size 60k
	given_back 5 5 "with which it can never be full" --pool vgt --store-size 70M
	given_back 5 5 "is 200 percent of the source" --pool vgt --store-size 200%
	given_back 5 5 "already a mapped device" --pool vgt --name "${source##*/}"
	new_loop store 8M
	given_back 5 5 "has a size of its own" "$store" --store-size 1M
	cli_returns 5 5 create "$leg" "$store" --store-size 1M
	complains "is for snapshots"
	source=$leg
	given_back 1 1 "is no mapped device" --pool vgt
}

not_from_a_pool()
{
	local source leg table store
	new_source 4M
	new_loop store 4M
	take snap "$source" "$store"
	cli_returns 1 1 return-to-pool snap
	complains "was not cut from a pool"
	in_state snap Synchronized
	cli capabilities snap
	same "does it offer 19?" "$(get '[.SupportedOperations[].Value] | index(19)')" null
}

# The preflight passes without the kernel's module for snapshots; the deed does not.
late_failure()
{
	local source leg table
	new_vg vgt 64M
	new_source 4M
	run modprobe -r dm-snapshot
	mkdir -p /run/modprobe.d
	echo "install dm-snapshot /bin/false" >/run/modprobe.d/no-snapshot.conf
	defer rm -f /run/modprobe.d/no-snapshot.conf
	given_back 5 5 "the kernel refused the mapping" --pool vgt
	all_as_before
}

# As after a reboot: the tables are gone, and the store may be needed.
stale()
{
	local source leg table
	new_vg vgt 64M
	new_source 4M
	take snap "$source" --pool vgt
	run dd if=/dev/urandom of="$source" bs=64k count=1 oflag=direct status=none
	run dmsetup remove snap
	run dmsetup load "$source" --table "$table"
	run dmsetup resume "$source"
	run dmsetup remove snap-base
	cli return-to-pool --left vgt
	same "what is said of it" "$(get '.Volumes[0].Reason')" \
		"it carries data: DM_snapshot_cow; force removes it"
	same "the volumes" "$(volumes vgt)" snap-store
	cli return-to-pool --left vgt --force
	same "the volumes" "$(volumes vgt)" ""
}

# LVM refuses volumes of these names, or of names that hold these.
reserved_names()
{
	local source leg table
	new_vg vgt 64M
	new_source 4M
	take snapshot1 "$source" --pool vgt
	same "the volumes" "$(volumes vgt)" replica-snapshot1-store
	take pvmove_mlog "$source" --pool vgt
	same "the volumes" "$(volumes vgt)" "replica-pvmove-mlog-store replica-snapshot1-store"
	run replicactl remove pvmove_mlog
	run replicactl remove snapshot1
	all_as_before
}

# ended SENTENCE ARG...: the command ends the snapshot, and cannot do more.
ended()
{
	LVM_SYSTEM_DIR=$conf cli "${@:2}"
	same "the exit status" "$status" 4
	same "return_value" "$(get .return_value)" 4
	[[ $(get .error.Description) == "snapshot \"snap\" has ended, but $1: "* ]] ||
		fail "the error: $(get .error)"
	mapping_gone snap || fail "the snapshot is there"
	all_as_before
}

# Where LVM fails the snapshot has ended all the same, and it must not look as if it had not.
lvm_fails()
{
	local source leg table conf
	new_vg vgt 64M
	new_source 4M
	conf=$dev_dir/lvm-other-$BASHPID
	mkdir -p "$conf"
	defer rm -rf "$conf"
	sed 's/^global {/&\n\twait_for_locks = 0/' "$lvm_dir/lvm.conf" >"$conf/lvm.conf"
	take snap "$source" --pool vgt
	exec 9>"$lvm_dir/V_vgt"
	run flock --shared 9
	ended "its store is not given back to its pool" remove snap
	exec 9>&-
	[[ $(get .error.SMMessage) == *"lock"* ]] || fail "what LVM said: $(get .error.SMMessage)"
	same "what helps" "$(get .error.SMDetails)" \
		"when that is mended, 'replicactl return-to-pool --left vgt' removes it"
	run replicactl return-to-pool --left vgt
	same "the volumes" "$(volumes vgt)" ""
	sed 's/a|^.dev.loop|/r|.*|/' "$lvm_dir/lvm.conf" >"$conf/lvm.conf"
	run lvcreate -qy -L 4M -n mine vgt
	take snap "$source" /dev/mapper/vgt-mine
	ended "whether its store was cut from a pool, and has to go back, is not known" restore snap
	same "the volumes" "$(volumes vgt)" mine
}

# Who looks for what is left may find the store before it is given back.
gone_before()
{
	local source leg table said=$dev_dir/said-$BASHPID pid
	new_vg vgt 64M
	new_source 4M
	take snap "$source" --pool vgt
	exec 9>/run/dm-replica-pool.lock
	run flock 9
	replicactl remove snap >"$said" 2>&1 9>&- &
	pid=$!
	wait_for 20 "the end of the snapshot" mapping_gone snap
	run lvremove -qqfy vgt/snap-store
	exec 9>&-
	wait "$pid" || fail "remove failed: $(<"$said")"
	all_as_before
}

ktap_header
command -v lvcreate >/dev/null || ktap_skip_all "needs LVM"
ktap_case "a snapshot with a store from a volume group" makes_one
ktap_case "under load it is one point in time, and stays it" under_load
ktap_case "a restore gives the store back to its thin pool" restores
ktap_case "a store that is full goes back" full
ktap_case "what cannot be is refused, and nothing is left" refusals
ktap_case "a store that was not cut from a pool is not returned" not_from_a_pool
ktap_case "a failure after the cut leaves nothing behind" late_failure
ktap_case "a store without its snapshot is found, and kept without force" stale
ktap_case "names that LVM has for itself" reserved_names
ktap_case "an end at which LVM fails is told as an end" lvm_fails
ktap_case "a store that is gone when it is given back" gone_before
ktap_finish
