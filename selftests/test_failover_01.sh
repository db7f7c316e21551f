#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=650
#
# A failover is tested with a copy of the replica, while it is written to: the copy is one
# point in time of the source and stays it, can be written to, is not taken for a replica,
# and the replica itself goes on as if nothing had been. What cannot be copied so, or is not
# usable as it is, is refused.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/lvm.sh"
. "$(dirname "$0")/lib/snapshot.sh"

schema=/usr/share/dm-replica/replicactl.schema.json
[[ -e $schema ]] || schema=$(dirname "$0")/../Documentation/replicactl.schema.json

test_gone()
{
	replicactl test-failover --end "$1" >/dev/null 2>&1 || true
}

ended()
{
	! kill "$1" 2>/dev/null || wait "$1" || true
}

# tail_of DEVICE: how many bytes of its last block are not zero?
tail_of()
{
	dd if="$1" bs=4096 skip=$(($(dev_sectors "$1") / 8 - 1)) count=1 iflag=direct status=none |
		tr -d '\0' | wc -c
}

# copied LEG COPY [OPTION]...: a test of data, under load; COPY is what it is to be called.
copied()
{
	local leg=$1 copy=/dev/mapper/$2 writer before
	run dd if=/dev/zero of=/dev/mapper/data bs=1M count=2 oflag=direct status=none
	write_rounds /dev/mapper/data &
	writer=$!
	defer ended "$writer"
	wait_for 30 "the writer" round_is /dev/mapper/data 2
	cli test-failover data "${@:3}"
	defer test_gone data
	same "return_value" "$(get .return_value)" 0
	run "$(dirname "$0")/lib/json-check.py" "$schema" <<<"$json"
	same "the copy" "$(get .Device)" "$copy"
	same "its name" "$(get .TestElementName)" "$2"
	same "the replica" "$(get '"\(.CopyStateDescription) \(.ConsistentNow)"')" "Synchronized true"
	[[ $(get .PointInTime) == 20*Z ]] || fail "no point in time: $(get .PointInTime)"
	run check_rounds "$copy"
	before=$(sum "$copy")
	wait_for 30 "the writer to go on" round_is /dev/mapper/data $(($(od -An -tu8 -N8 "$copy") + 3))
	same "the copy, three rounds later" "$(sum "$copy")" "$before"
	run dd if=/dev/urandom of="$copy" bs=64k count=9 seek=3 oflag=direct status=none
	[[ $(sum "$copy") != "$before" ]] || fail "the copy cannot be written to"
	ended "$writer"
	run replicactl confirm data --timeout 60s
	in_state data Synchronized || fail "the replica is not Synchronized any more"
	compare_legs "$origin" "$leg" "$(dev_sectors /dev/mapper/data)"
	same "what udev is told of the copy" "$(replicactl __udev "$copy")" ""
}

# over LEG: the end of the test, after which the replica is as before.
over()
{
	cli test-failover --end data
	same "return_value" "$(get .return_value)" 0
	run "$(dirname "$0")/lib/json-check.py" "$schema" <<<"$json"
	run dd if=/dev/urandom of=/dev/mapper/data bs=64k count=5 seek=11 oflag=direct status=none
	run replicactl confirm data --timeout 60s
	compare_legs "$origin" "$1" "$(dev_sectors /dev/mapper/data)"
}

# volume_is_replica POOL MODE [OPTION]...: with a log, and so with a label behind the data.
volume_is_replica()
{
	local leg=/dev/mapper/vgt-data--replica before
	new_vg vgt 96M
	[[ $1 == vgt ]] || new_thin_pool vgt tp 32M
	new_loop origin 4M
	defer dm_gone data
	run replicactl create "$origin" --name data --pool "$1" --meta pool --mode "$2" \
		--wait-for synchronized --timeout 60s
	before=$(volumes vgt)
	copied "$leg" vgt-data--test "${@:3}"
	same "what is kept where" "$(get .TargetStoragePool)" "$1"
	(($(tail_of "$leg"))) || fail "the replica has no label"
	same "the label of the copy" "$(tail_of /dev/mapper/vgt-data--test)" 0
	cli status
	same "all there are" "$(get '[.Replicas[].ElementName] | join(" ")')" "data vgt-data--test"
	if [[ $1 == vgt ]]; then		# a thin one would not go with it
		cli_returns 4 4 return-to-pool data
		complains "has snapshots"
	fi
	over "$leg"
	same "what went back" "$(get '[.Volumes[].StorageVolume] | join(" ")')" vgt/data-test
	same "the volumes" "$(volumes vgt)" "$before"
	(($(tail_of "$leg"))) || fail "the replica has lost its label"
}

mapping_is_replica()
{
	local origin disk leg store
	new_vg vgt 64M
	new_loop origin 4M
	new_loop disk 4M
	new_linear leg "$disk"
	new_loop store 8M
	new_replica data "$origin" "$leg" --mode "$1"
	cli_returns 5 5 test-failover data
	complains "is missing, or a pool"
	copied "$leg" data-test --store "$store"
	same "what is kept where" "$(get .TargetStorageVolume)" "$store"
	over "$leg"
	same "signatures on the store" "$(wipefs "$store")" ""
	copied "$leg" data-test --pool vgt --store-size 101%
	same "what is kept where" "$(get .TargetStoragePool)" vgt
	over "$leg"
	same "the volumes" "$(volumes vgt)" ""
	same "the table of the leg" "$(dmsetup table "$leg" | cut -d' ' -f3)" linear
}

file_system()
{
	local origin disk leg store
	need mkfs.ext4 -V
	new_loop origin 16M
	new_loop disk 16M
	new_linear leg "$disk"
	new_loop store 8M
	new_replica data "$origin" "$leg" --mode async
	run mkfs.ext4 -q /dev/mapper/data
	mkdir -p "$dev_dir/mnt" "$dev_dir/copy"
	run mount /dev/mapper/data "$dev_dir/mnt"
	defer unmounted "$dev_dir/mnt"
	echo before >"$dev_dir/mnt/file"
	sync
	run replicactl confirm data --timeout 60s
	run replicactl test-failover data --store "$store"
	defer test_gone data
	run mount /dev/mapper/data-test "$dev_dir/copy"
	defer unmounted "$dev_dir/copy"
	same "the file in the copy" "$(cat "$dev_dir/copy/file")" before
	echo tested >"$dev_dir/copy/file"
	same "the file" "$(cat "$dev_dir/mnt/file")" before
	cli_returns 4 4 test-failover --end data
	complains "is in use"
	run umount "$dev_dir/copy"
	run replicactl test-failover --end data
	run umount "$dev_dir/mnt"
	run replicactl confirm data --timeout 60s
	compare_legs "$origin" "$leg"
}

split_replica()
{
	local origin disk leg store before
	new_loop origin 4M
	new_loop disk 4M
	new_linear leg "$disk"
	new_loop store 8M
	new_replica data "$origin" "$leg"
	run dd if=/dev/urandom of=/dev/mapper/data bs=1M count=4 oflag=direct status=none
	run replicactl split data
	before=$(sum "$disk")
	run dd if=/dev/urandom of=/dev/mapper/data bs=1M count=4 oflag=direct status=none
	cli_text test-failover data --store "$store"
	defer test_gone data
	same "the exit status" "$status" 0
	[[ $text == *"as it was when it was split"* ]] || fail "the moment: $text"
	same "the copy" "$(sum /dev/mapper/data-test)" "$before"
	run replicactl test-failover --end data
	cli test-failover data --store "$store"
	same "the moment" "$(get .PointInTime)" null
	run replicactl resync data
	run replicactl wait data --timeout 60s
	same "the copy while the replica goes on" "$(sum /dev/mapper/data-test)" "$before"
	run replicactl test-failover --end data
	compare_legs "$origin" "$leg"
}

# refused_test RETURN EXIT SENTENCE ARG...: and nothing has changed.
refused_test()
{
	local value=$1 exit=$2 sentence=$3 before
	shift 3
	before=$(dmsetup ls | sort)
	cli_returns "$value" "$exit" test-failover "$@"
	complains "$sentence"
	same "the mappings" "$(dmsetup ls | sort)" "$before"
}

refusals()
{
	local origin disk leg store raw slow
	new_loop origin 4M
	new_loop raw 4M
	new_loop store 8M
	new_replica data "$origin" "$raw"
	refused_test 1 1 "$raw, is no mapped device" data
	refused_test 1 1 "linear $raw 0" data --store "$store" --force
	refused_test 8 8 "no failover of \"data\" is being tested" data --end
	refused_test 8 8 "" nobody
	run replicactl remove data
	new_loop disk 64M
	new_delay slow "$disk" 200 0
	new_loop raw 64M
	new_linear leg "$raw"
	defer dm_gone data
	run replicactl create "$slow" "$leg" --name data --settings region_size=1M
	refused_test 4 4 "is Unsynchronized, and not usable as it is now" data --store "$store"
	run replicactl suspend data		# and it stays so
	refused_test 4 4 "is Suspended, and not usable as it is now" data --store "$store"
	cli test-failover data --store "$store" --force
	defer test_gone data
	same "return_value" "$(get .return_value)" 0
	same "is it consistent?" "$(get .ConsistentNow)" false
	refused_test 5 5 "is being tested already, with \"data-test\"" data --store "$store" --force
	refused_test 1 1 "is a snapshot" data-test --store "$store"
	run replicactl test-failover --end data
	mkfs.ext4 -q "$store"
	refused_test 4 4 "is Suspended" data --store "$store"
	run replicactl remove data
	run replicactl create "$slow" "$leg" --name data --sync-type clone
	refused_test 1 1 "is a clone" data --store "$store"
}

without_its_replica()
{
	local origin disk leg store before
	new_loop origin 4M
	new_loop disk 4M
	new_linear leg "$disk"
	new_loop store 8M
	new_replica data "$origin" "$leg"
	run replicactl test-failover data --store "$store"
	defer test_gone data
	run dd if=/dev/urandom of=/dev/mapper/data bs=1M count=2 oflag=direct status=none
	run replicactl detach data
	before=$(sum "$disk")
	run replicactl test-failover --end data
	mapping_gone data-test || fail "the copy is there"
	same "what was the replica" "$(sum "$disk")" "$before"
	compare_legs "$origin" "$leg"
}

# Origin and replica change places while there is a copy of what was the replica: it is the
# copy still, and its end is found; the next one is of what is the replica then.
after_reverse()
{
	local disk other source leg store before
	new_loop other 4M
	new_linear source "$other"
	new_loop disk 4M
	new_linear leg "$disk"
	new_loop store 8M
	new_replica data "$source" "$leg"
	run replicactl test-failover data --store "$store"
	defer test_gone data
	before=$(sum /dev/mapper/data-test)
	run replicactl reverse data
	run dd if=/dev/urandom of=/dev/mapper/data bs=64k count=9 oflag=direct status=none
	cli_returns 5 5 test-failover data --store "$store" --force
	complains "is being tested already, with \"data-test\""
	same "the copy" "$(sum /dev/mapper/data-test)" "$before"
	run replicactl test-failover --end data
	mapping_gone data-test || fail "the copy is there"
	run replicactl test-failover data --store "$store" --force
	[[ $(dmsetup table "$source") == *snapshot-origin* ]] || fail "it is not of the present replica"
	same "the copy" "$(sum /dev/mapper/data-test)" "$(sum /dev/mapper/data)"
	run replicactl test-failover --end data
	run replicactl confirm data --timeout 60s
	compare_legs "$other" "$disk"
}

# A snapshot of that name that somebody has made himself, of the replica's device, is not the copy.
of_somebody()
{
	local origin disk leg store
	new_loop origin 4M
	new_loop disk 4M
	new_linear leg "$disk"
	new_loop store 8M
	new_replica data "$origin" "$leg"
	take data-test "$leg" "$store"
	cli_returns 8 8 test-failover --end data
	complains "no failover of \"data\" is being tested"
	run replicactl detach data
	cli_returns 8 8 test-failover --end data
	complains "no failover of \"data\" is being tested"
	same "the snapshot" "$(dmsetup table data-test | cut -d' ' -f3)" snapshot
	run replicactl remove data-test
}

# The same of LVM; its copy is ended, and an own one of that name is not.
volume_of_somebody()
{
	local origin
	new_vg vgt 96M
	new_loop origin 4M
	defer dm_gone data
	run replicactl create "$origin" --name data --pool vgt --meta pool \
		--wait-for synchronized --timeout 60s
	run replicactl test-failover data --store-size 101%
	defer test_gone data
	[[ $(lvs --noheadings -o lv_tags vgt/data-test) == *dm-replica-test* ]] ||
		fail "the copy has no mark"
	run replicactl test-failover --end data
	run replicactl create --sync-type snapshot --name data-test /dev/mapper/vgt-data--replica
	defer snapshot_gone vgt-data--test
	cli_returns 8 8 test-failover --end data
	complains "no failover of \"data\" is being tested"
	run replicactl detach data
	cli_returns 8 8 test-failover --end data
	complains "no failover of \"data\" is being tested"
	same "the snapshot" "$(dmsetup table vgt-data--test | cut -d' ' -f3)" snapshot
	run replicactl remove vgt-data--test
}

# The tool is killed at its calls to device-mapper: the replica goes on, and the rest goes.
killed_test()
{
	local origin disk leg store n step calls kills=0
	need strace -V
	need pgrep -V
	new_loop origin 4M
	new_loop disk 4M
	new_linear leg "$disk"
	new_loop store 8M
	new_replica data "$origin" "$leg" --mode async
	first_kill ioctl 8 10 test-failover data --store "$store"
	run replicactl test-failover --end data
	while killed_alone ioctl "$n" test-failover data --store "$store"; do
		run dd if=/dev/urandom of=/dev/mapper/data bs=64k count=3 seek="$kills" oflag=direct status=none
		run replicactl confirm data --timeout 60s
		compare_legs "$origin" "$disk"
		replicactl test-failover --end data || mapping_gone data-test || run replicactl remove data-test
		mapping_gone data-test || fail "the copy is left"
		mapping_gone data-test-base || fail "its base is left"
		kills=$((kills + 1))
		n=$((n + step))
	done
	((kills >= 5)) || fail "it was killed $kills times"
	run replicactl test-failover --end data
	compare_legs "$origin" "$disk"
}

ktap_header
if command -v lvcreate >/dev/null; then
	ktap_case "a volume from a pool, in mode async" volume_is_replica vgt async --store-size 101%
	ktap_case "a volume from a pool, in mode sync" volume_is_replica vgt sync --store-size 101%
	ktap_case "a thin volume" volume_is_replica vgt/tp async
	ktap_case "a volume's snapshot that somebody has made himself" volume_of_somebody
	ktap_case "a mapped device, in mode async" mapping_is_replica async
	ktap_case "a mapped device, in mode sync" mapping_is_replica sync
else
	ktap_skip "volumes" "needs LVM"
fi
ktap_case "a file system in the copy is used" file_system
ktap_case "a replica that was split" split_replica
ktap_case "what cannot be copied, or is not usable, is refused" refusals
ktap_case "the end of a test whose replica has gone" without_its_replica
ktap_case "origin and replica change places meanwhile" after_reverse
ktap_case "a snapshot that somebody has made himself" of_somebody
ktap_case "killed while it makes the copy" killed_test
ktap_finish
