#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=400
#
# What is no token, or none any more, is refused with a sentence of its own, and the target
# is as it was; a store that is full costs the token and nothing else.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/snapshot.sh"
. "$(dirname "$0")/lib/token.sh"
key=/var/lib/dm-replica/token.key

# flipped OFFSET: a copy of the token with one bit changed.
flipped()
{
	cp "$file" "$dev_dir/other"
	flip_bit "$dev_dir/other" "$1"
}

# As it was made, whatever the case has got to.
key_back()
{
	[[ ! -e $key.away ]] || mv "$key.away" "$key"
	chmod 600 "$key"
}

no_tokens()
{
	local source leg table store target small other file=$dev_dir/token at
	new_source 4M
	new_loop store 4M
	new_loop target 4M
	new_loop small 2M
	capture tok "$source" "$store" "$file"
	refuse_token 8 8 "cannot be opened" /nonexistent "$target"
	refuse_token 5 5 "is not a plain file" "$dev_dir" "$target"
	for at in 0 9 17; do
		flipped "$at"
		refuse_token 5 5 "is no token of this machine: " "$dev_dir/other" "$target"
	done
	for at in 21 125 500; do
		flipped "$at"
		refuse_token 5 5 "its hash is not that of its contents" "$dev_dir/other" "$target"
	done
	head -c 511 "$file" >"$dev_dir/other"
	refuse_token 5 5 "has 511 bytes, and a token 512" "$dev_dir/other" "$target"
	refuse_token 5 5 "less than the 4194304" "$file" "$small"
	cli_returns 8 8 create --token "$file" "$dev_dir/none"
	complains "does not exist"
	refuse_token 5 5 "are the same device" "$file" /dev/mapper/tok
	refuse_token 5 5 "overlap" "$file" "$leg"
	refuse_token 5 5 "overlap" "$file" "$store"
	refuse_token 5 5 "overlap" "$file" "$source" --force
	refuse_token 5 5 "a log of its redeem would be of no use" "$file" "$target" --meta "$small"
	run mkfs.ext4 -q "$target"
	refuse_token 4 4 "carries data: ext4" "$file" "$target"
	run wipefs -qa "$target"
	run chmod 644 "$key"
	refuse_token 40001 11 "and mode 0644" "$file" "$target"
	run mv "$key" "$key.away"
	defer key_back
	refuse_token 5 5 "there is no key" "$file" "$target"
	run cp "$file" "$dev_dir/keep"
	new_loop other 4M
	key_back
	cli_returns 5 5 create --sync-type tokenized-clone "$source" --store "$other" --token "$file"
	complains "the file of a token is never overwritten"
	run cmp "$file" "$dev_dir/keep"
	same "what lies on the source" "$(dmsetup table "$source" | cut -d' ' -f3)" snapshot-origin
}

no_captures()
{
	local source leg table store before
	new_source 4M
	new_loop store 4M
	before=$(world "$leg" "$store")
	refused_capture 1 1 "is no mapped device" "$leg" --store "$store" --token "$dev_dir/t"
	refused_capture 5 5 "store of what the source overwrites is missing" "$source" --token "$dev_dir/t"
	refused_capture 1 1 "made from a pool" "$source" --pool vg --token "$dev_dir/t"
	refused_capture 5 5 "a capture has no target volume" "$source" "$leg" --store "$store" \
		--token "$dev_dir/t"
	refused_capture 8 8 "cannot be made" "$source" --store "$store" --token /nonexistent/t
	refused_capture 5 5 "overlap" "$source" --store "$leg" --token "$dev_dir/t"
	refused_capture 5 5 "is the zero token" "$source" --store "$store" --token zero
	cli_returns 5 64 create "$source" --store "$store" --token "$dev_dir/t"
	cli_returns 5 64 create --sync-type tokenized-clone "$source" --store "$store"
	same "all the rest" "$(world "$leg" "$store")" "$before"
}

refused_capture()
{
	cli_returns "$1" "$2" create --sync-type tokenized-clone "${@:4}"
	complains "$3"
	[[ ! -e $dev_dir/t ]] || fail "a file is left"
	same "all the rest" "$(world "$leg" "$store")" "$before"
}

# Ends of a token, each with a sentence.
ended()
{
	local source leg table store target file=$dev_dir/token
	new_source 4M
	new_loop store 4M
	new_loop target 4M
	capture tok "$source" "$store" "$file" --token-timeout 5s
	wait_for 60 "the end of the timeout" expired tok
	no_token tok "$store"
	refuse_token 8 8 "has expired" "$file" "$target"
	cli_returns 8 8 token release "$file"
	complains "has expired"
	run rm "$file"
	capture tok "$source" "$store" "$file" --token-timeout 1s
	say "nobody looks, and the redeem itself finds it out"
	sleep 1.2
	refuse_token 8 8 "has expired" "$file" "$target"
	no_token tok "$store"
	run rm "$file"
	capture tok "$source" "$store" "$file"
	run replicactl token release "$file"
	no_token tok "$store"
	refuse_token 8 8 "was released" "$file" "$target"
	run rm "$file"
	capture tok "$source" "$store" "$file"
	run replicactl remove tok
	refuse_token 8 8 "was released" "$file" "$target"
	cat /proc/sys/kernel/random/uuid >"$dev_dir/boot"
	run mount --bind "$dev_dir/boot" /proc/sys/kernel/random/boot_id
	defer umount /proc/sys/kernel/random/boot_id
	refuse_token 8 8 "is of an earlier boot of this machine" "$file" "$target"
}

# A boot leaves the store alone; another capture takes it as it is, unless it carries data.
booted()
{
	local source leg table store file=$dev_dir/token
	new_source 4M
	new_loop store 4M
	capture tok "$source" "$store" "$file"
	run dd if=/dev/urandom of="$source" bs=64k count=1 oflag=direct status=none
	lose tok
	run rm "$file"
	same "what is on the store" "$(wipefs -i -O TYPE "$store")" DM_snapshot_cow
	cli_returns 4 4 create --sync-type snapshot "$source" "$store"
	complains "carries data"
	capture tok "$source" "$store" "$file"
	lose tok
	run rm "$file"
	run dd if=/dev/zero of="$store" bs=512 seek=1 count=1 oflag=direct status=none
	cli_returns 4 4 create --sync-type tokenized-clone "$source" --store "$store" --token "$file"
	complains "carries data: DM_snapshot_cow"
}

# As with a boot, nothing is tidied up.
lose()
{
	run dmsetup suspend "$source"
	run dmsetup load "$source" --table "$table"
	run dmsetup resume "$source"
	run dmsetup remove "$1"
	run dmsetup remove "$1-base"
}

# Whoever suspends a source wants it to rest, whatever time it is.
suspended()
{
	local source leg table store file=$dev_dir/token
	new_source 4M
	new_loop store 4M
	new_loop other 4M
	capture tok "$source" "$store" "$file" --token-timeout 1s
	run dmsetup suspend "$source"
	defer dmsetup resume "$source"
	wait_for 30 "the end of the timeout" cannot_expire
	cli_returns 4 4 token expire
	complains "is suspended, and the end of token \"tok\" would let it go on"
	cli_returns 4 4 token release tok
	cli_returns 4 4 remove tok
	complains "is suspended"
	still_suspended
	cli_returns 4 4 create --sync-type tokenized-clone "$source" --store "$other" \
		--token "$dev_dir/second"
	complains "is suspended"
	still_suspended
	run dmsetup resume "$source"
	run replicactl token expire
	no_token tok "$store"
}

cannot_expire()
{
	! replicactl token expire
}

still_suspended()
{
	same "the state of the source" "$(dmsetup info -c --noheadings -o suspended "$source")" \
		Suspended
}

# What gets a file system while the capture waits for its turn is not wiped.
data_meanwhile()
{
	local source leg table store lock pid status=0
	new_source 4M
	new_loop store 4M
	exec {lock}>/run/dm-replica-tables.lock
	run flock "$lock"
	replicactl create --sync-type tokenized-clone "$source" --store "$store" \
		--token "$dev_dir/t" >"$dev_dir/capture" 2>&1 {lock}>&- &
	pid=$!
	wait_for 20 "the wait for the lock" waits_for_lock "$pid"
	run mkfs.ext4 -q "$store"
	exec {lock}>&-
	wait "$pid" || status=$?
	run cat "$dev_dir/capture"
	same "the exit status" "$status" 4
	[[ $(cat "$dev_dir/capture") == *"carries data: ext4"* ]] || fail "it does not say so"
	run e2fsck -fn "$store"
	all_as_before
	[[ ! -e $dev_dir/t ]] || fail "a file is left"
}

waits_for_lock()
{
	[[ $(ls -l "/proc/$1/fd") == *dm-replica-tables.lock* ]]
}

# The store of a token that is alive, by another name of the same disk.
alive_elsewhere()
{
	local source leg table store twin other file=$dev_dir/token before
	new_source 4M
	new_loop store 4M
	capture tok "$source" "$store" "$file"
	before=$(sum /dev/mapper/tok)
	twin=$(losetup -f --show --direct-io=on "$store")
	defer losetup -d "$twin"
	cli_returns 4 4 create --sync-type tokenized-clone "$source" --store "$twin" \
		--token "$dev_dir/second"
	complains "carries data: DM_snapshot_cow"
	same "the token" "$(sum /dev/mapper/tok)" "$before"
}

expired()
{
	replicactl token expire >/dev/null
	mapping_gone "$1"
}

# Written to the source until the store has no room any more, while somebody waits for a redeem.
full_store()
{
	local source leg table store target other slow pid file=$dev_dir/token before status=0
	new_source 16M
	new_loop store 1M
	new_loop other 16M
	new_loop target 16M
	new_delay slow "$target" 0 200
	run dd if=/dev/urandom of="$dev_dir/new" bs=1M count=4 status=none
	capture tok "$source" "$store" "$file"
	defer dm_gone r-leg
	defer dm_gone r
	replicactl create --token "$file" "$slow" --name r --settings region_size=64k,resync_rate=1 \
		--wait-for synchronized >"$dev_dir/redeem" 2>&1 &
	pid=$!
	wait_for 20 "the redeem" in_state r Unsynchronized
	run dd if="$dev_dir/new" of="$source" bs=1M seek=4 oflag=direct status=none
	cli status tok
	same CopyState "$(get .Replica.CopyState)" 5
	[[ $(get .Replica.Reason) == "the store is full"* ]] || fail "reason: $(get .Replica.Reason)"
	run cmp "$dev_dir/new" <(dd if="$source" bs=1M skip=4 count=4 iflag=direct status=none)
	wait "$pid" || status=$?
	run cat "$dev_dir/redeem"
	same "the exit status of the redeem" "$status" 4
	[[ $(cat "$dev_dir/redeem") == *"job 1 of replica \"r\" ended as Exception"* ]] ||
		fail "it does not say so"
	cli jobs r
	same "the job" "$(get '[.Jobs[] | select(.ReplicaEnded == null)][0] | [.JobStateDescription,
		.ErrorCode, [.OperationalStatus[].Value], .JobStatus == .ErrorDescription] | tojson')" \
		'["Exception",4,[17,6],true]'
	refuse_token 4 4 "is lost: its store is full" "$file" "$other"
	wait_for 30 "the end of all tries" no_more_tries r
	run replicactl remove r
	redeem_gone r || fail "the leg is left"
	before=$(sum "$source")
	run replicactl token release "$file"
	no_token tok "$store"
	same "the source" "$(sum "$source")" "$before"
	same "and below" "$(sum "$leg")" "$before"
}

no_more_tries()
{
	replicactl token expire >/dev/null
	in_state "$1" Aborted
}

ktap_header
ktap_case "what is no token" no_tokens
ktap_case "captures that cannot be" no_captures
ktap_case "expired, released, of an earlier boot" ended
ktap_case "the store of a token that a boot has ended" booted
ktap_case "a store that is full" full_store
ktap_case "a source that is suspended" suspended
ktap_case "a store that gets data meanwhile" data_meanwhile
ktap_case "the store of a token that is alive, by another name" alive_elsewhere
ktap_finish
