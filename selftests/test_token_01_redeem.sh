#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300 systemd=yes
#
# A token of a mapped device that is mounted and written to: whatever is redeemed later is,
# byte for byte, what the device was at the capture, the redeems of one token go side by
# side, and each leaves a disk of its own.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/snapshot.sh"
. "$(dirname "$0")/lib/token.sh"

under_load()
{
	local source leg table store one two before
	new_source 8M
	new_loop store 16M
	new_loop one 8M
	new_loop two 12M
	run dd if=/dev/zero of="$source" bs=1M count=2 oflag=direct status=none
	write_rounds "$source" &
	defer kill_and_wait $!
	wait_for 20 "the writer" round_is "$source" 2
	capture tok "$source" "$store" "$dev_dir/token"
	before=$(sum /dev/mapper/tok)
	run check_rounds /dev/mapper/tok
	same "mode and size of the file" "$(stat -c '%a %s' "$dev_dir/token")" "600 512"
	wait_for 20 "another round" round_is "$source" \
		$(($(od -An -tu8 -N8 /dev/mapper/tok) + 2))
	run replicactl create --token "$dev_dir/token" "$one" --wait-for synchronized --timeout 60
	redeem_gone tok-redeem || fail "the association is left"
	same "the first target" "$(sum "$one")" "$before"
	wait_for 20 "another round" round_is "$source" \
		$(($(od -An -tu8 -N8 "$source") + 2))
	run replicactl create --token "$dev_dir/token" "$two" --wait-for synchronized --timeout 60
	same "the second target" "$(head -c 8M "$two" | md5sum)" "$before"
	run check_rounds "$two"
	[[ $(sum "$source") != "$before" ]] || fail "the source did not change"
	run dd if=/dev/zero of="$one" bs=64k count=3 oflag=direct status=none
	same "the token" "$(sum /dev/mapper/tok)" "$before"
	run replicactl token release "$dev_dir/token"
	no_token tok "$store"
}

# The instant is that which stands in the file.
properties()
{
	local source leg table store at
	new_source 4M
	new_loop store 4M
	capture tok "$source" "$store" "$dev_dir/token"
	at=$(($(od -An -tu8 --endian=big -j32 -N8 "$dev_dir/token")))
	cli status tok
	same "WhenActivated" "$(get .Replica.WhenActivated)" \
		"$(date -u -d "@$((at / 1000))" +%FT%T).$(printf %03d $((at % 1000)))Z"
	for at in WhenSynchronized WhenEstablished WhenSynced; do
		same "$at" "$(get ".Replica.$at")" "$(get .Replica.WhenActivated)"
	done
	same "WhenDeactivated, WhenSuspended" \
		"$(get '.Replica | "\(.WhenDeactivated) \(.WhenSuspended)"')" "null null"
	same "SyncState, ReplicaType, SyncMaintained, CopyType" \
		"$(get '.Replica | "\(.SyncState) \(.ReplicaType) \(.SyncMaintained) \(.CopyType)"')" \
		"11 4 false 4"
	cli_text status tok
	grep -qE "^ *Captured: +20" <<<"$text" || fail "no time of the capture: $text"
	run replicactl token release tok
	no_token tok "$store"
}

# What is at the path of a file system is the device that is mounted, and no token.
mounted()
{
	local source leg table store target uuid seen
	need mkfs.ext4 -V
	new_source
	new_loop store 16M
	new_loop target 16M
	run mkfs.ext4 -q "$source"
	mkdir -p "$dev_dir/mnt" "$dev_dir/old"
	run mount "$source" "$dev_dir/mnt"
	defer umount "$dev_dir/mnt"
	echo before >"$dev_dir/mnt/file"
	capture tok "$source" "$store" "$dev_dir/token"
	echo after >"$dev_dir/mnt/file"
	sync
	same "the token is read-only" "$(blockdev --getro /dev/mapper/tok)" 1
	refuse dd if=/dev/zero of=/dev/mapper/tok bs=4k count=1 oflag=direct status=none
	if [[ -e /run/udev/control ]]; then
		run udevadm trigger "$(realpath /dev/mapper/tok)"
		run udevadm settle
		uuid=$(blkid -o value -s UUID "$source")
		same "by its uuid" "$(realpath "/dev/disk/by-uuid/$uuid")" "$(realpath "$source")"
		seen=$(udevadm info /dev/mapper/tok)
		[[ $seen == *DM_NAME=tok* && $seen != *ID_FS_TYPE* ]] ||
			fail "udev looked into it: $seen"
	fi
	run replicactl create --token "$dev_dir/token" "$target" --wait-for synchronized --timeout 60
	run e2fsck -fn "$target"
	run mount -o ro,noload "$target" "$dev_dir/old"
	defer umount "$dev_dir/old"
	same "the file in the target" "$(cat "$dev_dir/old/file")" before
	same "the file in the source" "$(cat "$dev_dir/mnt/file")" after
}

side_by_side()
{
	local source leg table store one two before
	new_source 4M
	new_loop store 8M
	new_loop one 4M
	new_loop two 4M
	before=$(sum "$source")
	capture tok "$source" "$store" "$dev_dir/token"
	run dd if=/dev/urandom of="$source" bs=1M count=3 oflag=direct status=none
	defer dm_gone b-leg
	defer dm_gone b
	defer dm_gone a-leg
	defer dm_gone a
	cli create --token "$dev_dir/token" "$one" --name a --settings resync_rate=1
	same return_value "$(get .return_value)" 4096
	cli create --token "$dev_dir/token" "$two" --name b --settings resync_rate=1
	same return_value "$(get .return_value)" 4096
	cli status tok
	same SyncType "$(get .Replica.SyncType)" 9
	same Redeems "$(get .Replica.Token.Redeems)" 2
	cli_returns 4 4 token release tok
	complains "is being redeemed by"
	refuse dd if=/dev/zero of=/dev/mapper/a bs=4k count=1 oflag=direct status=none
	refuse dd if=/dev/zero of=/dev/mapper/a-leg bs=4k count=1 oflag=direct status=none
	cli jobs a
	same "the kind of job" "$(get '[.Jobs[] | select(.ReplicaEnded == null)][0].JobTypeDescription')" Clone
	run replicactl wait a --timeout 60
	run replicactl finish a
	redeem_gone a || fail "the association is left"
	run replicactl wait b --timeout 60
	say "the other one is there for those who ask, for 15 minutes"
	run replicactl status
	run replicactl token expire
	cli jobs b
	same "its job" "$(get '[.Jobs[] | select(.ReplicaEnded == null)][0].JobStateDescription')" Completed
	later 960 run replicactl token expire
	redeem_gone b || fail "the association is left after 16 minutes"
	same "the first target" "$(sum "$one")" "$before"
	same "the second target" "$(sum "$two")" "$before"
	cli status tok
	same Redeems "$(get .Replica.Token.Redeems)" 0
	(($(get .Replica.Token.ExpiresIn) > 800000)) || fail "its end is $(get .Replica.Token.ExpiresIn) ms away"
	run replicactl remove tok
	no_token tok "$store"
}

# later SECONDS COMMAND...: by the time of day, as the kernel tells when a copy was complete.
later()
{
	local seconds=$1 status=0
	shift
	run date -s "+$seconds seconds"
	"$@" || status=$?
	run date -s "-$seconds seconds"
	return "$status"
}

# Of the name nobody has said anything, and each gets one of its own.
unnamed()
{
	local source leg table store one two before first second
	new_source 4M
	new_loop store 8M
	new_loop one 4M
	new_loop two 4M
	before=$(sum "$source")
	capture tok "$source" "$store" "$dev_dir/token"
	replicactl create --token "$dev_dir/token" "$one" --wait-for synchronized --timeout 60 &
	first=$!
	replicactl create --token "$dev_dir/token" "$two" --wait-for synchronized --timeout 60 &
	second=$!
	run wait "$first"
	run wait "$second"
	same "the first target" "$(sum "$one")" "$before"
	same "the second target" "$(sum "$two")" "$before"
	run replicactl token release tok
	no_token tok "$store"
}

# Of one source, and both without a name.
captures_at_once()
{
	local source leg table store more target before file first second
	new_source 4M
	new_loop store 4M
	new_loop more 4M
	before=$(sum "$source")
	defer replicactl token expire
	defer rm -f "$dev_dir/one" "$dev_dir/two"
	replicactl create --sync-type tokenized-clone "$source" --store "$store" \
		--token "$dev_dir/one" &
	first=$!
	replicactl create --sync-type tokenized-clone "$source" --store "$more" \
		--token "$dev_dir/two" &
	second=$!
	run wait "$first"
	run wait "$second"
	run dd if=/dev/urandom of="$source" bs=1M count=2 oflag=direct status=none
	for file in one two; do
		new_loop target 4M
		run replicactl create --token "$dev_dir/$file" "$target" \
			--wait-for synchronized --timeout 60
		same "what $file names" "$(sum "$target")" "$before"
	done
	run replicactl token release "$dev_dir/two"
	run replicactl token release "$dev_dir/one"
	all_as_before
	[[ $(dmsetup ls) != *-token* ]] || fail "a token is left: $(dmsetup ls)"
}

# Tokens and snapshots of one source, in any order.
stacked()
{
	local source leg table store more third target before
	new_source 4M
	new_loop store 8M
	new_loop more 8M
	new_loop third 8M
	new_loop target 4M
	capture tok "$source" "$store" "$dev_dir/token"
	run dd if=/dev/urandom of="$source" bs=1M count=1 oflag=direct status=none
	take snap "$source" "$more"
	run dd if=/dev/urandom of="$source" bs=1M count=1 seek=1 oflag=direct status=none
	before=$(sum "$source")
	capture late "$source" "$third" "$dev_dir/late"
	run dd if=/dev/urandom of="$source" bs=1M count=1 seek=2 oflag=direct status=none
	cli_returns 4 4 restore snap
	complains "snapshot \"late\" of the same source is newer"
	cli_returns 1 1 restore tok
	complains "is a token, and nothing is restored from it"
	run replicactl token release tok
	run replicactl remove snap
	run replicactl create --token "$dev_dir/late" "$target" --wait-for synchronized --timeout 60
	same "the target" "$(sum "$target")" "$before"
	run replicactl token release late
	no_token late "$third"
}

zeroes()
{
	local target
	new_loop target 4M
	run dd if=/dev/urandom of="$target" bs=1M count=4 oflag=direct status=none
	cli create --token zero "$target"
	same return_value "$(get .return_value)" 0
	same "bytes that are no zeroes" "$(tr -d '\0' <"$target" | wc -c)" 0
	printf '\xff\xff\x00\x01\x00\x00\x01\xf8' >"$dev_dir/zeroes"
	truncate -s 512 "$dev_dir/zeroes"
	run mkfs.ext4 -q "$target"
	refuse_token 4 4 "carries data: ext4" "$dev_dir/zeroes" "$target"
	cli create --token "$dev_dir/zeroes" "$target" --force --wait-for synchronized
	same return_value "$(get .return_value)" 0
	blockdev --flushbufs "$target"
	same "bytes that are no zeroes" "$(tr -d '\0' <"$target" | wc -c)" 0
	cli capabilities
	[[ $(get '[.SupportedReplicationTypes[].Value] | index(14)') != null ]] || fail "no type 14"
}

ktap_header
ktap_case "two targets are the source at the capture, which was under load" under_load
ktap_case "when it was captured, and what it is kept as" properties
ktap_case "of a file system in use" mounted
ktap_case "two redeems at once, and who ends them" side_by_side
ktap_case "two at once without a name" unnamed
ktap_case "two captures at once" captures_at_once
ktap_case "among other points in time of the same source" stacked
ktap_case "the zero token" zeroes
ktap_finish
