#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=600
#
# Snapshots of logical volumes, which LVM makes: thick and thin ones hold byte for byte what
# the volume held while it is written to, are found by a tag alone, go as they came, and
# give the volume back what it was; LVM's own snapshots are left alone, and whoever kills the
# tool leaves a volume that works and a snapshot that can be removed.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/lvm.sh"
. "$(dirname "$0")/lib/snapshot.sh"

schema=/usr/share/dm-replica/replicactl.schema.json
[[ -e $schema ]] || schema=$(dirname "$0")/../Documentation/replicactl.schema.json

# report FIELD VOLUME
report()
{
	lvs --noheadings --nosuffix --units b -o "$1" "vgt/$2" | tr -d ' '
}

tags_of()
{
	report lv_tags "$1" | sed 's/cut-[0-9a-f]*/cut/'
}

has_event()
{
	jq -e "select($2)" <"$1" >/dev/null 2>&1
}

ended()
{
	! kill "$1" 2>/dev/null || wait "$1" || true
}

# The volume has its own table and takes writes, and there is no other.
volume_alone()
{
	same "the volumes" "$(volumes vgt)" "$1"
	same "the table of the source" "$(dmsetup table "$source")" "$table"
	works 5
}

thick_one()
{
	local source table before called
	new_vg vgt 64M
	new_volume 8M
	before=$(sum "$source")
	cli create --sync-type snapshot --name snap "$source" --dry-run
	same "return_value" "$(get .return_value)" 0
	run "$(dirname "$0")/lib/json-check.py" "$schema" <<<"$json"
	same "the pool in a dry run" "$(get .TargetStoragePool)" vgt
	same "the name in a dry run" "$(get .ElementName)" vgt-snap
	same "the volumes after it" "$(volumes vgt)" lv
	cli create --sync-type snapshot --name snap "$source" --pool vgt
	defer snapshot_gone snap
	same "return_value" "$(get .return_value)" 0
	run "$(dirname "$0")/lib/json-check.py" "$schema" <<<"$json"
	same "the name" "$(get .ElementName)" vgt-snap
	same "the device" "$(get .Device)" /dev/mapper/vgt-snap
	same "the pool" "$(get .TargetStoragePool)" vgt
	same "the state" "$(get .Replica.CopyStateDescription)" Synchronized
	same "its size, a fifth and whole extents" "$(report lv_size snap)" $((2 << 20))
	same "its tags" "$(tags_of snap)" dm-replica-snapshot,dm-replica.cut
	same "the snapshot" "$(sum /dev/mapper/vgt-snap)" "$before"
	run dd if=/dev/urandom of="$source" bs=64k count=20 seek=17 oflag=direct status=none
	same "the snapshot after writes to the source" "$(sum /dev/mapper/vgt-snap)" "$before"
	[[ $(sum "$source") != "$before" ]] || fail "the source does not change"
	for called in snap vgt-snap vgt/snap /dev/vgt/snap; do
		cli status "$called"
		same "the name of $called" "$(get .Replica.ElementName)" vgt-snap
	done
	run "$(dirname "$0")/lib/json-check.py" "$schema" <<<"$json"
	same "its source" "$(get .Replica.SourceStorageVolume)" "$source"
	same "the size of its store" "$(get .Replica.Store.Bytes)" $((2 << 20))
	(($(get .Replica.Store.UsedBytes) > 20 * 65536)) || fail "no use of the store is told"
	cli status
	same "all there are" "$(get '[.Replicas[].ElementName] | join(" ")')" vgt-snap
	cli return-to-pool --left vgt --force
	same "what is left over" "$(get '.Volumes | length')" 0
	before=$(sum "$source")
	cli detach snap
	same "return_value" "$(get .return_value)" 0
	same "the source" "$(sum "$source")" "$before"
	volume_alone lv
}

# under_load STORE_OPTION...: three rounds later it still is the image that was saved.
under_load()
{
	local writer
	run dd if=/dev/zero of="$source" bs=1M count=2 oflag=direct status=none
	write_rounds "$source" &
	writer=$!
	defer ended "$writer"
	wait_for 20 "the writer" round_is "$source" 2
	take snap "$source" "$@"
	dd if=/dev/mapper/vgt-snap of="$dev_dir/image" bs=1M iflag=direct status=none
	run check_rounds /dev/mapper/vgt-snap
	wait_for 20 "the writer to go on" round_is "$source" \
		$(($(od -An -tu8 -N8 /dev/mapper/vgt-snap) + 3))
	cmp "$dev_dir/image" <(dd if=/dev/mapper/vgt-snap bs=1M iflag=direct status=none) ||
		fail "the snapshot has changed"
	cli return-to-pool snap
	same "return_value" "$(get .return_value)" 0
	same "what went back" "$(get '.Volumes[] | select(.Removed) | .StorageVolume')" vgt/snap
	ended "$writer"
}

thick_under_load()
{
	local source table
	new_vg vgt 64M
	new_volume 4M
	under_load --store-size 101%
	volume_alone lv
}

thin_under_load()
{
	local source table
	new_vg vgt 64M
	new_thin_pool vgt tp 32M
	new_volume 4M tp
	under_load
	volume_alone "lv tp"
}

thin_one()
{
	local source table before
	new_vg vgt 64M
	new_thin_pool vgt tp 32M
	new_volume 8M tp
	before=$(sum "$source")
	cli create --sync-type snapshot "$source" --pool vgt/tp
	defer snapshot_gone lv-snapshot
	same "return_value" "$(get .return_value)" 0
	run "$(dirname "$0")/lib/json-check.py" "$schema" <<<"$json"
	same "the name" "$(get .ElementName)" vgt-lv--snapshot
	same "the pool" "$(get .TargetStoragePool)" vgt/tp
	same "its kind" "$(report segtype lv-snapshot)" thin
	same "its tags" "$(tags_of lv-snapshot)" dm-replica-snapshot,dm-replica.cut
	run dd if=/dev/urandom of="$source" bs=64k count=20 seek=17 oflag=direct status=none
	same "the snapshot" "$(sum /dev/mapper/vgt-lv--snapshot)" "$before"
	[[ $(sum "$source") != "$before" ]] || fail "the source does not change"
	cli status lv-snapshot
	same "the state" "$(get .Replica.CopyStateDescription)" Synchronized
	same "its source" "$(get .Replica.SourceStorageVolume)" "$source"
	same "its store" "$(get '"\(.Replica.Store.Shared) \(.Replica.Store.Bytes)"')" "true $((32 << 20))"
	before=$(sum "$source")
	cli remove lv-snapshot
	same "return_value" "$(get .return_value)" 0
	same "the source afterwards" "$(sum "$source")" "$before"
	volume_alone "lv tp"
}

mounted()
{
	local source table
	need mkfs.ext4 -V
	new_vg vgt 64M
	new_volume 16M
	run mkfs.ext4 -q "$source"
	mkdir -p "$dev_dir/mnt" "$dev_dir/old"
	run mount "$source" "$dev_dir/mnt"
	defer unmounted "$dev_dir/mnt"
	echo before >"$dev_dir/mnt/file"
	take snap "$source" --store-size 4M
	echo after >"$dev_dir/mnt/file"
	sync
	run e2fsck -fn /dev/mapper/vgt-snap
	run mount /dev/mapper/vgt-snap "$dev_dir/old"
	defer unmounted "$dev_dir/old"
	same "the file in the snapshot" "$(cat "$dev_dir/old/file")" before
	cli_returns 4 4 remove snap
	complains "is in use"
	run umount "$dev_dir/old"
	cli_returns 4 4 restore snap
	complains "source \"vgt-lv\" is in use"
	same "the file" "$(cat "$dev_dir/mnt/file")" after
	run umount "$dev_dir/mnt"
	run replicactl restore snap --timeout 60s
	run mount "$source" "$dev_dir/mnt"
	same "the file that was restored" "$(cat "$dev_dir/mnt/file")" before
	run umount "$dev_dir/mnt"
	volume_alone lv
}

thick_restore()
{
	local source table before other
	new_vg vgt 64M
	new_volume 4M
	before=$(sum "$source")
	take snap "$source" --store-size 101%
	write_scattered "$source" 64
	other=$(sum "$source")
	take later "$source" --store-size 101%
	exec 9<"$source"
	cli_returns 4 4 restore snap
	complains "source \"vgt-lv\" is in use"
	exec 9<&-
	exec 9</dev/mapper/vgt-snap
	cli_returns 4 4 restore snap
	complains "snapshot \"vgt-snap\" is in use"
	exec 9<&-
	same "the source so far" "$(sum "$source")" "$other"
	same "what LVM is about to do" "$(report lv_merging snap)" ""
	cli restore snap --timeout 60s
	same "return_value" "$(get .return_value)" 0
	same "the source" "$(sum "$source")" "$before"
	same "a snapshot that is newer" "$(sum /dev/mapper/vgt-later)" "$other"
	cli_returns 8 8 status snap
	run replicactl remove later
	volume_alone lv
}

# LVM that does not answer for a while is no reason not to wait for it.
busy_lvm()
{
	local source table before said=$dev_dir/said-$BASHPID pid look
	need pgrep -V
	new_vg vgt 64M
	new_volume 4M
	before=$(sum "$source")
	take snap "$source" --store-size 101%
	write_scattered "$source" 64
	replicactl restore snap >"$said" 2>&1 9>&- &
	pid=$!
	wait_for 30 "the merge to begin" merges "$source"
	exec 9>"$lvm_dir/V_vgt"
	run flock 9
	wait_for 30 "a look of the tool" pgrep -x lvs
	look=$(pgrep -x lvs)
	wait_for 40 "that look to be given up" gone "$look"
	kill -0 "$pid" || fail "the restore is not waited for any more: $(<"$said")"
	exec 9>&-
	wait "$pid" || fail "the restore has failed: $(<"$said")"
	same "the source" "$(sum "$source")" "$before"
	volume_alone lv
}

merges()
{
	[[ $(dmsetup table "$1") == *" snapshot-merge "* ]]
}

gone()
{
	! kill -0 "$1" 2>/dev/null
}

# What LVM puts off is told and refused, and goes on when the volume is activated next.
put_off()
{
	local source table before command
	new_vg vgt 64M
	new_volume 4M
	before=$(sum "$source")
	take snap "$source" --store-size 101%
	write_scattered "$source" 64
	exec 9<"$source"
	run lvconvert -qy --mergesnapshot vgt/snap
	cli status snap
	[[ $(get .Replica.Reason) == *"when that is activated next" ]] ||
		fail "reason: $(get .Replica.Reason)"
	cli capabilities snap
	same "operations" "$(get '.SupportedOperations | length')" 0
	refused_volume 4 4 "is being restored from a snapshot, or will be" "$source"
	for command in detach return-to-pool restore; do
		cli_returns 4 4 "$command" snap
		complains "when the volume is activated next"
	done
	exec 9<&-
	run lvchange -qan vgt/lv
	run lvchange -qay vgt/lv
	cli restore snap --timeout 90s
	((status == 0 || status == 8)) || fail "the wait for the end of it: $status"
	wait_for 90 "the end of it" mapping_gone vgt-snap
	same "the source" "$(sum "$source")" "$before"
	volume_alone lv
}

# The table names another thin device afterwards.
thin_restore()
{
	local source table before
	new_vg vgt 64M
	new_thin_pool vgt tp 32M
	new_volume 4M tp
	before=$(sum "$source")
	take snap "$source"
	run dd if=/dev/urandom of="$source" bs=64k count=20 seek=7 oflag=direct status=none
	exec 9<"$source"
	cli_returns 4 4 restore snap
	complains "source \"vgt-lv\" is in use"
	exec 9<&-
	cli restore snap
	same "return_value" "$(get .return_value)" 0
	same "the source" "$(sum "$source")" "$before"
	same "the volumes" "$(volumes vgt)" "lv tp"
	same "the tags of the source" "$(report lv_tags lv)" ""
	cli_returns 8 8 status lv
	works 5
}

fills_up()
{
	local source table before block=0 events=$dev_dir/events
	new_vg vgt 64M
	new_volume 8M
	take snap "$source" --store-size 1M
	replicactl --json events snap >"$events" &
	defer kill_and_wait $!
	wait_for 20 "the state of the snapshot" has_event "$events" '.EventType == 256'
	until replicactl --json status snap | jq -e '.Replica.Store.PercentUsed >= 82' >/dev/null; do
		run dd if=/dev/urandom of="$source" bs=32k seek="$block" count=1 oflag=direct status=none
		block=$((block + 1))
	done
	wait_for 20 "the event of 80 percent" has_event "$events" \
		'.EventTypeDescription == "Store" and (.Reason | startswith("the store is 8"))'
	in_state snap Synchronized || fail "it is lost too early"
	run dd if=/dev/urandom of="$source" bs=1M count=4 oflag=direct status=none
	wait_for 20 "the event of the end" has_event "$events" \
		'.EventTypeDescription == "State" and .CopyStateDescription == "Broken"'
	before=$(sum "$source")
	cli status snap
	[[ $(get .Replica.Reason) == "the store is full"* ]] || fail "reason: $(get .Replica.Reason)"
	cli_returns 4 4 restore snap
	complains "is Broken, and nothing can be restored"
	cli return-to-pool snap
	same "return_value" "$(get .return_value)" 0
	wait_for 20 "the event that it is gone" has_event "$events" '.EventTypeDescription == "Removed"'
	same "the source" "$(sum "$source")" "$before"
	volume_alone lv
}

# refused_volume RETURN EXIT SENTENCE SOURCE [OPTION]...: and nothing has changed.
refused_volume()
{
	local value=$1 exit=$2 sentence=$3 before
	shift 3
	before=$(volumes vgt; dmsetup table)
	cli_returns "$value" "$exit" create --sync-type snapshot "$@"
	complains "$sentence"
	same "volumes and mappings" "$(volumes vgt; dmsetup table)" "$before"
}

refusals()
{
	local source table store thin=/dev/mapper/vgt-thin
	new_vg vgt 48M
	new_vg vgu 16M
	new_thin_pool vgt tp 8M
	new_volume 16M
	run lvcreate -qy --type thin --thinpool tp -V 4M -n thin vgt
	new_loop store 4M
	refused_volume 5 5 "give no target" "$source" "$store"
	refused_volume 5 5 "vgt is expected, or no pool" "$source" --pool vgu
	refused_volume 5 5 "vgt is expected, or no pool" "$source" --pool vgt/tp
	refused_volume 5 5 "vgt/tp is expected, or no pool" "$thin" --pool vgu
	refused_volume 5 5 "takes its room from thin pool vgt/tp" "$thin" --store-size 1M
	refused_volume 5 5 "less than the 65536 of the smallest store" "$source" --store-size 60k
	refused_volume 5 5 "with which it can never be full" "$source" --store-size 30M
	refused_volume 40002 12 "bytes free, and" "$source" --store-size 100%
	refused_volume 5 5 "only letters, digits and +_.- are allowed" "$source" --name a@b
	refused_volume 5 5 "LVM has names like that" "$source" --name snapshot1
	refused_volume 5 5 "there is already a volume vgt/thin" "$source" --name thin
	refused_volume 5 5 "has no log" "$source" --meta "$store"
	refused_volume 1 1 "mode async is not supported" "$source" --mode async
	take snap "$source"
	refused_volume 1 1 "is a snapshot itself" /dev/mapper/vgt-snap
	refused_volume 1 1 "is a hidden part of a logical volume" /dev/mapper/vgt-lv-real
	cli_returns 1 1 resync snap
	complains "is not for snapshots"
	cli capabilities snap
	same "operations" "$(get '[.SupportedOperations[].Value] | sort | join(" ")')" "8 9 15 19"
}

# Of LVM's own snapshots nothing is said, and nothing becomes of them.
not_ours()
{
	local source table command
	new_vg vgt 64M
	new_volume 8M
	run lvcreate -qy -s -L 2M -n mine vgt/lv
	for command in status detach remove return-to-pool restore; do
		cli "$command" vgt-mine
		((status)) || fail "$command has done something"
	done
	cli_returns 8 8 status mine
	cli status
	same "all there are" "$(get '.Replicas | length')" 0
	same "the volumes" "$(volumes vgt)" "lv mine"
	same "what LVM is about to do" "$(report lv_merging mine)" ""
	take snap "$source"
	run lvchange -qy --deltag dm-replica-snapshot vgt/snap
	cli_returns 8 8 status snap
	cli remove vgt-snap
	((status)) || fail "it has removed what has no tag"
	same "the volumes" "$(volumes vgt)" "lv mine snap"
}

# killed_in ARG...: while it waits for LVM, at each of some calls; the source works after it.
killed_in()
{
	killed_alone poll "$n" "$@" || return 1
	same "the state of the source" "$(dmsetup info -c --noheadings -o suspended "$source")" Active
	works "$kills"
	kills=$((kills + 1))
	n=$((n + step))
}

to_be_killed()
{
	need strace -V
	need pgrep -V
	new_vg vgt 64M
	new_volume 2M
}

create_killed()
{
	local source table n step calls kills=0
	to_be_killed
	first_kill poll 1 6 create --sync-type snapshot --name snap "$source"
	run replicactl remove snap
	while killed_in create --sync-type snapshot --name snap "$source"; do
		[[ $(volumes vgt) == lv ]] || run replicactl remove snap
		volume_alone lv
	done
	((kills >= 3)) || fail "it was killed $kills times"
	in_state snap Synchronized || fail "it does not end in a snapshot"
	run replicactl remove snap
	volume_alone lv
}

restore_killed()
{
	local source table n step calls kills=0 before
	to_be_killed
	take snap "$source" --store-size 101%
	write_scattered "$source" 32
	first_kill poll 1 6 restore snap
	volume_alone lv
	while :; do
		before=$(sum "$source")
		take snap "$source" --store-size 101%
		write_scattered "$source" 32
		killed_alone poll "$n" restore snap || break
		# LVM hides what it merges.
		mapping_gone vgt-snap || run replicactl restore snap --timeout 60s
		same "the source" "$(sum "$source")" "$before"
		volume_alone lv
		kills=$((kills + 1))
		n=$((n + step))
	done
	((kills >= 3)) || fail "it was killed $kills times"
	same "the source in the end" "$(sum "$source")" "$before"
	volume_alone lv
}

ktap_header
command -v lvcreate >/dev/null || ktap_skip_all "needs LVM"
ktap_case "a thick volume: made, found, and gone without a trace" thick_one
ktap_case "a thin volume: made, found, and gone without a trace" thin_one
ktap_case "a thick volume under load: one point in time, and it stays it" thick_under_load
ktap_case "a thin volume under load: one point in time, and it stays it" thin_under_load
ktap_case "a mounted file system is whole in the snapshot" mounted
ktap_case "a restore of a thick volume" thick_restore
ktap_case "a restore while LVM is busy" busy_lvm
ktap_case "a restore of a thick volume that LVM puts off" put_off
ktap_case "a restore of a thin volume" thin_restore
ktap_case "a store that fills up is told, and then Broken" fills_up
ktap_case "what cannot be is refused, and nothing is left" refusals
ktap_case "LVM's own snapshots are left alone" not_ours
ktap_case "killed while LVM makes a snapshot" create_killed
ktap_case "killed while LVM restores" restore_killed
ktap_finish
