#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=750
#
# Targets, logs and stores cut from a dm-thin pool that LVM does not manage: of the right
# size, equal to the source, told by their numbers, found after a boot, given back when
# anything fails and by return-to-pool; what others have in the pool is left alone.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/lvm.sh"
. "$(dirname "$0")/lib/thin.sh"
. "$(dirname "$0")/lib/snapshot.sh"

schema=/usr/share/dm-replica/replicactl.schema.json
[[ -e $schema ]] || schema=$(dirname "$0")/../Documentation/replicactl.schema.json

fits_schema()
{
	run "$(dirname "$0")/lib/json-check.py" "$schema" <<<"$json"
}

made()
{
	new_pool 64M
	new_loop source 8M
	fill "$source" 3
	defer dm_gone r
	cli create "$source" --pool "$pool" --name r --meta pool --wait-for synchronized --timeout 60
	same "return_value" "$(get .return_value)" 0
	fits_schema
	same "the target" "$(get .TargetStorageVolume)" /dev/mapper/r-replica
	same "the meta device" "$(get .MetaDevice)" /dev/mapper/r-meta
	same "the pool" "$(get .TargetStoragePool)" "$pool"
	same "the volumes" "$(ours)" "r-meta r-replica"
	same "the size, with room for the label" "$(blockdev --getsize64 /dev/mapper/r-replica)" \
		$(((8 << 20) + 65536))
	compare_legs "$source" /dev/mapper/r-replica $((8 << 11))
}

told()
{
	made
	cli status r
	fits_schema
	same "pool and numbers" "$(get '.Replica | "\(.ThinPool) \(.TargetThinID) \(.MetaThinID)"')" \
		"$pool $((thin_first + 1)) $((thin_first + 2))"
	[[ $(dmsetup table r-replica) == *" thin "*" $((thin_first + 1))" ]] ||
		fail "the table: $(dmsetup table r-replica)"
	cli_text status r
	[[ $text == *"$((thin_first + 1)), meta device $((thin_first + 2)), of $pool"* ]] ||
		fail "the numbers are not in the text"
}

kept()
{
	made
	cli detach r
	same "return_value" "$(get .return_value)" 0
	same "the volumes" "$(ours)" r-replica
	has_volume "$pool" $((thin_first + 1)) || fail "the target has gone"
	! has_volume "$pool" $((thin_first + 2)) || fail "the meta device is left"
	! has_volume "$pool" "$thin_first" || fail "the directory is left"
	cli return-to-pool --left "$pool" --force
	same "return_value" "$(get .return_value)" 0
	same "the volumes that are left over" "$(get '.Volumes | length')" 0
	compare_legs "$source" /dev/mapper/r-replica $((8 << 11))
	# Its number is taken, and that of the directory is the same.
	defer dm_gone q
	cli create "$source" --pool "$pool" --name q --wait-for synchronized --timeout 60
	same "return_value" "$(get .return_value)" 0
	same "the number" "$(get .Replica.TargetThinID)" $((thin_first + 2))
	compare_legs "$source" /dev/mapper/r-replica $((8 << 11))
	compare_legs "$source" /dev/mapper/q-replica $((8 << 11))
}

# The directory of the pool takes what LVM takes; a name that it does not would make it unreadable.
odd_names()
{
	local name
	new_pool 64M
	new_loop source 8M
	fill "$source" 3
	for name in r:1 a@b=c _tmeta; do
		defer dm_gone "$name"
		cli create "$source" --pool "$pool" --name "$name" --meta pool --protect snapshot \
			--wait-for synchronized --timeout 60
		same "return_value for $name" "$(get .return_value)" 0
		run replicactl fracture "$name"
		dd if=/dev/urandom of="/dev/mapper/$name" bs=64k count=9 oflag=direct status=none
		run replicactl resync "$name"
		run replicactl wait "$name" --timeout 60s
		cli return-to-pool --left "$pool"
		same "return_value of a look at the pool" "$(get .return_value)" 0
		compare_legs "$source" "$(replicactl --json status "$name" |
			jq -r .Replica.TargetStorageVolume)" $((8 << 11))
		cli return-to-pool "$name"
		same "return_value of the return of $name" "$(get .return_value)" 0
		all_free "$pool"
	done
}

let_go()
{
	exec 9<&-
}

awake()
{
	[[ ! -e $1 ]] || unhang_dev "$1"
}

# Somebody opens it while the detach waits for the replica: it goes on, and is found after a boot.
detached_in_vain()
{
	local detaching status=0
	made
	hang_dev /dev/mapper/r-replica
	defer awake /dev/mapper/r-replica
	replicactl detach r --timeout 120s &
	detaching=$!
	ktap_pause 2
	exec 9</dev/mapper/r
	defer let_go
	unhang_dev /dev/mapper/r-replica
	wait "$detaching" || status=$?
	same "the exit status of the detach" "$status" 4
	let_go
	in_state r Synchronized || fail "it does not go on"
	boot
	cli activate r --pool "$pool"
	[[ $(get .return_value) == @(0|4096) ]] || fail "return_value: $(get .return_value)"
	wait_for 30 "the replica to be in sync" in_state r Synchronized
	cli return-to-pool r
	same "return_value" "$(get .return_value)" 0
	all_free "$pool"
}

returned()
{
	made
	cli return-to-pool --left "$pool"
	same "what a live replica has" "$(get '[.Volumes[] | .Removed] | any')" false
	cli return-to-pool r
	same "return_value" "$(get .return_value)" 0
	fits_schema
	same "what went back" \
		"$(get '[.Volumes[] | select(.Removed) | "\(.StorageVolume) \(.ThinID)"] | sort | join(" ")')" \
		"/dev/mapper/r-meta $((thin_first + 2)) /dev/mapper/r-replica $((thin_first + 1))"
	[[ ! -e /dev/mapper/r ]] || fail "the mapping is still there"
	all_free "$pool"
}

# boot: the mapped devices are gone, the pool is made by who looks after it.
boot()
{
	run dmsetup remove r
	run dmsetup remove r-replica
	run dmsetup remove r-meta
	run dmsetup remove "${pool##*/}"
	run dmsetup create "${pool##*/}" --table "$pool_table"
}

rebooted()
{
	made
	boot
	cli_returns 8 8 activate r
	complains "no meta device holds the log"
	cli return-to-pool --left "$pool" --dry-run
	same "what a dry run says" "$(get '[.Volumes[] | .Reason] | unique | .[]')" \
		"it is not active, so that logs on it are not seen"
	same "mapped devices" "$(ours)" ""
	# A program that is sent away from the log has nothing but that.
	cli return-to-pool --left "$pool"
	same "what their log protects" "$(get '[.Volumes[] | .Removed] | any')" false
	run dmsetup remove r-replica
	run dmsetup remove r-meta
	cli activate r --pool "$pool"
	[[ $(get .return_value) == @(0|4096) ]] || fail "return_value: $(get .return_value)"
	fits_schema
	wait_for 30 "the replica to be in sync" in_state r Synchronized
	dd if=/dev/urandom of=/dev/mapper/r bs=64k count=9 seek=40 oflag=direct status=none
	compare_legs "$source" /dev/mapper/r-replica $((8 << 11))
	cli return-to-pool r
	same "return_value" "$(get .return_value)" 0
	all_free "$pool"
	cli_returns 8 8 activate r --pool /dev/mapper/nope
	complains 'there is no mapped device "nope"'
}

# One volume that cannot be had does not keep the others down.
one_bad()
{
	made
	boot
	run dmsetup create r-replica --table "0 8 zero"
	defer dm_gone r-replica
	cli_text activate --all --pool "$pool"
	cli activate --all --pool "$pool"
	fits_schema
	[[ $(get .return_value) != @(0|4096) ]] || fail "nothing is said of r-replica"
	complains 'the kernel refused the mapping "r-replica"'
	same "the volumes" "$(ours)" r-meta
	run dmsetup remove r-replica
	cli activate --all --pool "$pool"
	[[ $(get .return_value) == @(0|4096) ]] || fail "return_value: $(get .return_value)"
	wait_for 30 "the replica to be in sync" in_state r Synchronized
	cli return-to-pool r
	same "return_value" "$(get .return_value)" 0
	all_free "$pool"
}

# The target has the table of its snapshots then, and is the same volume.
lent()
{
	made
	new_loop store 8M
	cli test-failover r --store "$store"
	defer snapshot_gone r-test
	same "return_value" "$(get .return_value)" 0
	[[ $(dmsetup table r-replica) == *snapshot-origin* ]] || fail "$(dmsetup table r-replica)"
	cli status r
	same "its number" "$(get .Replica.TargetThinID)" $((thin_first + 1))
	run replicactl activate r --pool "$pool"
	cli_returns 4 4 return-to-pool r
	complains "is the source of a snapshot"
	same "SMErrorCode" "$(get .error.SMErrorCode)" 6
	cli return-to-pool --left "$pool" --force
	same "what goes" "$(get '[.Volumes[] | .Removed] | any')" false
	[[ $(dmsetup table r-replica) == *snapshot-origin* ]] || fail "$(dmsetup table r-replica)"
	run replicactl test-failover r --end
	cli return-to-pool r
	same "return_value" "$(get .return_value)" 0
	all_free "$pool"
}

# It has become the origin, with what is in use on it: it stays, and stays its owner's.
origin_now()
{
	made
	run replicactl reverse r
	run dd if=/dev/urandom of=/dev/mapper/r bs=64k count=9 seek=3 oflag=direct status=none
	cli_returns 4 4 return-to-pool r
	complains "which was cut from a pool, is its origin now"
	cli return-to-pool --left "$pool" --force
	same "what goes" "$(get '[.Volumes[] | .Removed] | any')" false
	run replicactl detach r
	same "the volumes" "$(ours)" r-replica
	cli return-to-pool --left "$pool" --force
	same "the volumes that are left over" "$(get '.Volumes | length')" 0
	compare_legs "$source" /dev/mapper/r-replica $((8 << 11))
}

# grown [OPERATION]: made longer by hand, as resize wants it; it remembers that.
grown()
{
	local bytes=$(((12 << 20) + 65536))
	made
	[[ -z ${1:-} ]] || run replicactl "$1" r
	run truncate -s 12M "$(losetup -n -O BACK-FILE "$source")"
	run losetup -c "$source"
	set_table /dev/mapper/r-replica "0 $((bytes / 512)) thin $pool $((thin_first + 1))"
	cli resize r
	[[ $(get .return_value) == @(0|4096) ]] || fail "return_value: $(get .return_value)"
	run replicactl wait r --timeout 60
	run dd if=/dev/urandom of=/dev/mapper/r bs=64k count=9 seek=170 oflag=direct status=none
	run replicactl deactivate r
	run dmsetup remove r-replica
	run dmsetup remove r-meta
	cli activate r --pool "$pool"
	[[ $(get .return_value) == @(0|4096) ]] || fail "return_value: $(get .return_value)"
	same "its size" "$(blockdev --getsize64 /dev/mapper/r-replica)" "$bytes"
	wait_for 30 "the replica to be in sync" in_state r Synchronized
	compare_legs "$source" /dev/mapper/r-replica $((12 << 11))
}

# As the manual says it is done without us.
by_hand()
{
	made
	local table
	table=$(dmsetup table r-replica)
	same "the table that the numbers make" "$table" \
		"0 $((((8 << 20) + 65536) / 512)) thin $(dmsetup info -c --noheadings --separator : -o major,minor "$pool") $((thin_first + 1))"
	boot
	run dmsetup create mine --table \
		"0 $((((8 << 20) + 65536) / 512)) thin $pool $((thin_first + 1))"
	compare_legs "$source" /dev/mapper/mine $((8 << 11))
	run dmsetup remove mine
}

# given_back RETURN EXIT SENTENCE ARG...: and nothing has changed.
given_back()
{
	local value=$1 exit=$2 sentence=$3 before
	shift 3
	before=$(dmsetup table; dmsetup status "$pool")
	cli_returns "$value" "$exit" create "$source" "$@"
	complains "$sentence"
	same "mappings and the pool" "$(dmsetup table; dmsetup status "$pool")" "$before"
}

refusals()
{
	new_pool 16M
	new_loop source 8M
	new_loop large 64M
	new_linear other "$large"
	given_back 8 8 'there is no mapped device "nope"' --pool /dev/mapper/nope
	given_back 5 5 "is a mapped device of target linear, not thin-pool" --pool "$other"
	given_back 5 5 "asks for a full target" --pool "$pool" --settings ThinProvisioningPolicy=3
	given_back 5 5 "asks for a full target" --pool "$pool" --settings ThinProvisioningPolicy=5
	given_back 5 5 "already a mapped device" --pool "$pool" --name "${pool##*/}"
	dm_gone "${other##*/}"
	set_table "$pool" "${pool_table/% 0/ 1 read_only}"
	given_back 4 4 "is read-only" --pool "$pool"
	set_table "$pool" "$pool_table"
	run dmsetup suspend "$pool"
	given_back 4 4 "is suspended" --pool "$pool"
	run dmsetup resume "$pool"
	source=$large
	given_back 40002 12 "has 16646144 bytes free, and 67174400 are needed" --pool "$pool"
	all_free "$pool"
}

little_metadata()
{
	new_pool 64M 64K 160K
	new_loop source 32M
	given_back 40002 12 "bytes of metadata free, and" --pool "$pool"
}

of_lvm()
{
	command -v lvcreate >/dev/null || skip "needs LVM"
	new_pool 16M
	new_vg vgt 64M
	new_thin_pool vgt tp 32M
	new_loop source 8M
	given_back 5 5 "is a device of LVM, whose pools are given as VG or VG/THINPOOL" \
		--pool /dev/mapper/vgt-tp
}

# The preflight passes without the module; the deed does not.
late_failure()
{
	new_pool 64M
	new_loop source 8M
	run modprobe -r dm-replica
	defer modprobe dm-replica
	mkdir -p /run/modprobe.d
	echo "install dm-replica /bin/false" >/run/modprobe.d/no-replica.conf
	defer rm -f /run/modprobe.d/no-replica.conf
	cli_returns 1 1 create "$source" --pool "$pool" --meta pool
	complains "not loaded"
	all_free "$pool"
}

# Numbers that somebody else uses are left to him, data or not.
others()
{
	new_pool 64M
	new_loop source 4M
	fill "$source" 9
	run dmsetup message "$pool" 0 "create_thin $((thin_first + 1))"
	run dmsetup create theirs --table "0 2048 thin $pool $((thin_first + 1))"
	fill /dev/mapper/theirs 5
	local before
	before=$(sum /dev/mapper/theirs)
	defer dm_gone r
	cli create "$source" --pool "$pool" --name r --wait-for synchronized --timeout 60
	same "the number" "$(get .Replica.TargetThinID)" $((thin_first + 2))
	cli return-to-pool r
	same "return_value" "$(get .return_value)" 0
	cli return-to-pool --left "$pool" --force
	same "what is found" "$(get '.Volumes | length')" 0
	same "their volume" "$(sum /dev/mapper/theirs)" "$before"
	run dmsetup remove theirs
	# That of the directory.
	run dmsetup message "$pool" 0 "create_thin $thin_first"
	run dmsetup create theirs --table "0 2048 thin $pool $thin_first"
	run dd if=/dev/urandom of=/dev/mapper/theirs bs=64k count=1 seek=9 oflag=direct status=none
	before=$(sum /dev/mapper/theirs)
	given_back 4 4 "volume $thin_first of pool $pool is somebody else's" --pool "$pool"
	cli_returns 4 4 return-to-pool --left "$pool" --force
	complains "is somebody else's"
	same "their volume" "$(sum /dev/mapper/theirs)" "$before"
	run dmsetup remove theirs
	run dmsetup message "$pool" 0 "delete $thin_first"
	run dmsetup message "$pool" 0 "delete $((thin_first + 1))"
	all_free "$pool"
}

# Parts of blocks that are new hold what was there before, an old log and label among it.
stale()
{
	new_pool 64M 256K 4M "1 skip_block_zeroing"
	new_loop source 4M
	local round
	for round in 1 2 3; do
		fill "$source" "$round"
		cli create "$source" --pool "$pool" --name r --meta pool --wait-for synchronized \
			--timeout 60
		same "return_value" "$(get .return_value)" 0
		defer dm_gone r
		compare_legs "$source" /dev/mapper/r-replica $((4 << 11))
		cli return-to-pool r
		same "return_value" "$(get .return_value)" 0
	done
	all_free "$pool"
}

# What the pool promised to others too it may not have when it is written.
overcommitted()
{
	new_pool 16M 64K 4M "1 error_if_no_space"
	new_loop source 8M
	fill "$source" 4
	run dmsetup message "$pool" 0 "create_thin 0"
	run dmsetup create theirs --table "0 32768 thin $pool 0"
	new_delay slow "$source" 200 0
	defer dm_gone r
	cli create "$slow" --pool "$pool" --name r --settings region_size=64K
	same "return_value" "$(get .return_value)" 4096
	run replicactl suspend r
	! dd if=/dev/zero of=/dev/mapper/theirs bs=64k oflag=direct status=none 2>/dev/null ||
		fail "the pool does not run full"
	run replicactl resume r
	wait_for 60 "the replica to be Broken" in_state r Broken
	run dd if=/dev/urandom of=/dev/mapper/r bs=64k count=4 oflag=direct status=none
	same "an error of the source" "$(replicactl --json status r | jq .Replica.Counters.OriginErrors)" 0
	run replicactl remove r
	run replicactl return-to-pool --left "$pool"
	same "the volumes" "$(ours)" ""
}

snapshot_store()
{
	local source leg table before
	new_pool 64M
	new_source 8M
	before=$(sum "$source")
	cli create --sync-type snapshot --name snap "$source" --pool "$pool"
	defer snapshot_gone snap
	same "return_value" "$(get .return_value)" 0
	fits_schema
	same "the store" "$(get .TargetStorageVolume)" /dev/mapper/snap-store
	same "its size, a fifth and whole blocks" "$(blockdev --getsize64 /dev/mapper/snap-store)" \
		$((26 * 65536))
	same "its number" "$(get .Replica.TargetThinID)" $((thin_first + 1))
	run dd if=/dev/urandom of="$source" bs=64k count=20 seek=17 oflag=direct status=none
	same "the snapshot" "$(sum /dev/mapper/snap)" "$before"
	cli return-to-pool --left "$pool" --force
	same "what is said of it" "$(get '.Volumes[0].Reason')" 'it belongs to replica "snap"'
	cli return-to-pool snap
	same "return_value" "$(get .return_value)" 0
	same "what went back" "$(get '.Volumes[] | select(.Removed) | .StorageVolume')" /dev/mapper/snap-store
	all_as_before
	all_free "$pool"
	take snap "$source" --pool "$pool"
	run dd if=/dev/urandom of="$source" bs=64k count=5 seek=2 oflag=direct status=none
	before=$(sum /dev/mapper/snap)
	cli restore snap
	same "return_value" "$(get .return_value)" 0
	same "the source" "$(sum "$source")" "$before"
	all_as_before
	all_free "$pool"
}

# checked RETURN EXIT SENTENCE SOURCE OPTION...: as create does, and nothing has changed.
checked()
{
	local value=$1 exit=$2 sentence=$3 before
	shift 3
	before=$(dmsetup table; dmsetup status "$pool")
	cli_returns "$value" "$exit" check "$@"
	fits_schema
	complains "$sentence"
	local said
	said=$(get .error.Description)
	cli create "$@" --dry-run
	same "what create says" "$(get '"\(.return_value) \(.error.Description)"')" "$value $said"
	same "mappings and the pool" "$(dmsetup table; dmsetup status "$pool")" "$before"
}

# sizes: in JSON.
sizes()
{
	get '"\(.SourceBytes) \(.TargetBytes) \(.MetaDeviceBytes) \(.NeededBytes) \(.PoolFreeBytes)"'
}

checks()
{
	local source leg table
	new_pool 32M
	new_source 8M
	new_loop large 64M
	cli check "$source" --pool "$pool"
	same "return_value" "$(get .return_value)" 0
	fits_schema
	same "the sizes" "$(sizes)" "8388608 8454144 null 8454144 33423360"
	cli check "$source" --pool "$pool" --sync-type snapshot --store-size 1M
	same "the sizes of a store" "$(sizes)" "8388608 1048576 null 1048576 33423360"
	cli check "$source" --pool "$pool" --meta pool
	local target meta needed
	read -r _ target meta needed _ <<<"$(sizes)"
	same "both" "$needed" $((target + meta))
	((meta >= 65536)) || fail "the log would have $meta bytes"
	cli_text check "$source" --pool "$pool"
	[[ $text == *"The target would have 8454144 bytes"*"It has free 33423360 bytes"* ]] ||
		fail "the sizes are not in the text"
	checked 40002 12 "bytes free, and" "$large" --pool "$pool"
	same "the sizes of what does not fit" "$(cli check "$large" --pool "$pool" >&2; sizes)" \
		"67108864 67174400 null 67174400 33423360"
	checked 8 8 'there is no mapped device "nope"' "$source" --pool /dev/mapper/nope
	checked 5 5 "asks for a full target" "$source" --pool "$pool" --settings ThinProvisioningPolicy=3
	cli_returns 5 64 check "$source" "$large" --pool "$pool"
	cli_returns 5 64 check "$source" "$large" --sync-type clone
	all_free "$pool"
}

checks_lvm()
{
	command -v lvcreate >/dev/null || skip "needs LVM"
	local source leg table
	new_pool 16M
	new_vg vgt 24M
	new_source 8M
	new_loop large 64M
	cli check "$source" --pool vgt
	same "return_value" "$(get .return_value)" 0
	same "the sizes" "$(sizes)" "8388608 9437184 null 9437184 $((23 << 20))"
	cli check "$source" --pool vgt --sync-type snapshot
	same "the sizes of a store" "$(sizes)" "8388608 2097152 null 2097152 $((23 << 20))"
	checked 40002 12 "are needed" "$large" --pool vgt --meta pool
	checked 8 8 'there is no LVM volume group "nope"' "$source" --pool nope
	checked 5 5 "asks for a thin target" "$source" --pool vgt --settings ThinProvisioningPolicy=4
	same "the volumes" "$(volumes vgt)" ""
}

ktap_header
modprobe -q dm-replica || true
ktap_case "what is cut has the right size, and the copy equals the source" made
ktap_case "pool and numbers are told" told
ktap_case "detach keeps the target" kept
ktap_case "names that LVM does not take" odd_names
ktap_case "a detach that fails changes nothing" detached_in_vain
ktap_case "return-to-pool removes what was cut" returned
ktap_case "after a boot activate --pool finds them" rebooted
ktap_case "after a boot dmsetup does, by what was told" by_hand
ktap_case "one volume that is not to be had does not keep the others down" one_bad
ktap_case "a target that is the source of a snapshot stays" lent
ktap_case "a target that has become the origin stays" origin_now
ktap_case "a volume that grew is found as it is" grown
ktap_case "so is one that has become the origin" grown reverse
ktap_case "refusals leave nothing behind" refusals
ktap_case "metadata that is too little for the copy" little_metadata
ktap_case "a pool of LVM is refused by its path" of_lvm
ktap_case "a failure after the cut leaves nothing behind" late_failure
ktap_case "volumes of others are left alone" others
ktap_case "a pool that does not zero its blocks" stale
ktap_case "a pool that runs full breaks the replica, and not the source" overcommitted
ktap_case "the store of a snapshot" snapshot_store
ktap_case "check tells what create would cut and return" checks
ktap_case "check does so for a volume group" checks_lvm
ktap_finish
