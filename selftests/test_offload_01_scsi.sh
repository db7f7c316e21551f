#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=600
#
# Redeems of a token by SCSI EXTENDED COPY, of the kernel's own target: whatever the source
# does meanwhile, and whatever the device refuses, the target is, byte by byte, what the source
# was at the capture; and what is said of who copied how much is true.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/snapshot.sh"
. "$(dirname "$0")/lib/token.sh"
. "$(dirname "$0")/lib/offload.sh"

# Nothing was written: the device copies everything, and the kernel nothing.
all_by_the_device()
{
	local disk target source table store file before by_device by_kernel reason
	scsi_token 32M
	cli create --token "$file" "$target" --dry-run
	[[ $(get '[.Findings[] | select(.CheckDescription == "offload")][0].Description') == *"SCSI EXTENDED COPY"* ]] ||
		fail "the dry run does not tell: $json"
	cli capabilities --source "$source" --target "$target"
	same "what capabilities tells" "$(get .DevicesCopyDescription)" "SCSI EXTENDED COPY"
	redeem r "$file" "$target" --offload must
	complete r
	same "by the device" "$by_device" $((32 << 20))
	same "by the kernel" "$by_kernel" 0
	same "the reason" "$reason" null
	same "the state of it" "$(get .Replica.OffloadStateDescription)" Over
	cli jobs r
	same "in the job" "$(get '[.Jobs[] | select(.ReplicaEnded == null)][0].BytesOffloaded')" $((32 << 20))
	replicactl status r | grep -q "copied by the device: 32.0 MiB; by the kernel: 0 B" ||
		fail "status does not tell it"
	end_redeem r
	same "the target" "$(sum "$target")" "$before"
	run replicactl token release tok
	no_token tok "$store"
}

# Chunks that were overwritten before and during it are the kernel's.
under_load()
{
	local disk target source table store file before by_device by_kernel reason
	scsi_token 32M 20
	write_rounds "$source" &
	defer kill_and_wait $!
	wait_for 20 "the writer" round_is "$source" 2
	redeem r "$file" "$target"
	complete r
	((by_device > 0)) || fail "the device copied nothing"
	((by_kernel > 0)) || fail "the kernel copied nothing"
	same "of both" "$((by_device + by_kernel >= 32 << 20))" 1
	same "the target" "$(sum "$target")" "$before"
	end_redeem r
	same "the token" "$(sum /dev/mapper/tok)" "$before"
}

# A write to a chunk, again and again, while the command that copies it is under way.
in_the_middle()
{
	local disk target source table store file before by_device by_kernel reason
	scsi_token 16M 50
	(while true; do
		dd if=/dev/urandom of="$source" bs=4k count=1 seek=$((RANDOM % 4096)) \
			oflag=direct conv=notrunc status=none
	done) &
	defer kill_and_wait $!
	redeem r "$file" "$target" --settings region_size=64K
	complete r
	((by_device > 0)) || fail "the device copied nothing"
	same "the target" "$(sum "$target")" "$before"
	end_redeem r
}

# Two snapshots of one source lie one upon the other, and the older one ends meanwhile.
stacked()
{
	local disk target source table store more file before by_device by_kernel reason
	new_scsi disk 40M
	new_scsi target 32M 20
	new_source_on "$disk" 32M
	new_loop more 64M
	new_loop store 64M
	take old "$source" "$more"
	run dd if=/dev/urandom of="$source" bs=1M count=2 oflag=direct status=none
	file=$dev_dir/token
	capture tok "$source" "$store" "$file"
	before=$(sum /dev/mapper/tok)
	redeem r "$file" "$target" --offload must
	wait_for 60 "the device to copy" offload_is r $((2 << 20))
	run replicactl remove old
	run dd if=/dev/urandom of="$source" bs=1M count=1 seek=20 oflag=direct status=none
	complete r
	((by_device > 0)) || fail "the device copied nothing"
	same "the target" "$(sum "$target")" "$before"
	end_redeem r
}

# It never could.
cannot()
{
	local disk target source table store file before by_device by_kernel reason
	scsi_token 16M
	copies target no
	cli capabilities --source "$source" --target "$target"
	same "what capabilities tells" "$(get .DevicesCopy)" false
	refuse_token 1 1 "does no third-party copies" "$file" "$target" --offload must
	redeem r "$file" "$target"
	complete r
	same "by the device" "$by_device" 0
	same "the reason" "$reason" null
	end_redeem r
	same "the target" "$(sum "$target")" "$before"
	copies target yes
	redeem r "$file" "$target" --offload never
	complete r
	same "by the device" "$by_device" 0
	end_redeem r
	same "the target" "$(sum "$target")" "$before"
}

# It says that it can, does for a while, and then refuses.
refuses_later()
{
	local disk target source table store file before by_device by_kernel reason
	scsi_token 32M 20
	redeem r "$file" "$target"
	wait_for 60 "the device to copy" offload_is r $((2 << 20))
	copies target no
	complete r
	copies target yes
	((by_device >= 2 << 20 && by_kernel > 0)) || fail "it was not refused in the middle"
	[[ $reason == *"EXTENDED COPY refused: "* ]] || fail "no reason: $reason"
	same "the target" "$(sum "$target")" "$before"
	end_redeem r
}

# A claim of the usual size would take longer than the kernel gives a request.
short_timeout()
{
	local disk target source table store file before by_device by_kernel reason
	scsi_token 32M 40
	redeem r "$file" "$target" --settings replica_timeout=250ms,region_size=64K
	complete r
	same "given up" "$(counter_of r ReplicaTimeouts)" 0
	same "by the device" "$by_device" $((32 << 20))
	same "the target" "$(sum "$target")" "$before"
	end_redeem r
}

# Others have the name of the source's disk: the device reads one of them, and says that all
# is well.
reads_another()
{
	local disk target source table store file before by_device by_kernel reason
	# shellcheck disable=SC2034 # new_scsi sets them, by name
	local twin another
	new_scsi twin 40M 0 77
	new_scsi disk 40M 0 77
	new_scsi another 40M 0 77
	new_scsi target 16M
	new_source_on "$disk" 16M
	new_loop store 32M
	file=$dev_dir/token
	capture tok "$source" "$store" "$file"
	before=$(sum /dev/mapper/tok)
	redeem r "$file" "$target"
	complete r
	same "the reason" "$reason" "a disk says that it has copied what is not there"
	same "by the device" "$by_device" 0
	same "the target" "$(sum "$target")" "$before"
	end_redeem r
}

# The name of the target's disk is that of the source's.
one_name()
{
	local disk target source table store file before by_device by_kernel reason
	new_scsi disk 40M 0 78
	new_scsi target 16M 0 78
	new_source_on "$disk" 16M
	new_loop store 32M
	file=$dev_dir/token
	capture tok "$source" "$store" "$file"
	before=$(sum /dev/mapper/tok)
	refuse_token 1 1 "has the name that the source's disk has" "$file" "$target" --offload must
	redeem r "$file" "$target"
	complete r
	same "by the device" "$by_device" 0
	same "the target" "$(sum "$target")" "$before"
	end_redeem r
}

other_disks()
{
	local disk source table store file before target by_device by_kernel reason
	new_scsi disk 40M
	new_source_on "$disk" 16M
	new_loop store 32M
	new_loop target 16M
	file=$dev_dir/token
	capture tok "$source" "$store" "$file"
	before=$(sum /dev/mapper/tok)
	refuse_token 1 1 "is neither SCSI nor NVMe" "$file" "$target" --offload must
	redeem r "$file" "$target"
	complete r
	same "by the device" "$by_device" 0
	end_redeem r
	same "the target" "$(sum "$target")" "$before"
}

# Part of the source is striped over two disks, the target is linear, on a disk of its own.
in_pieces()
{
	local disk other third target source table store file before by_device by_kernel reason
	new_scsi disk 16M
	new_scsi other 16M
	new_scsi third 40M
	new_dm source mixed "0 16384 linear $disk 4096
16384 16384 striped 2 128 $disk 20480 $other 2048"
	run dd if=/dev/urandom of="$source" bs=1M count=16 oflag=direct status=none
	table=$(dmsetup table "$source")
	new_dm target linear "0 32768 linear $third 8"
	new_loop store 32M
	file=$dev_dir/token
	capture tok "$source" "$store" "$file"
	before=$(sum /dev/mapper/tok)
	redeem r "$file" "$target" --offload must
	complete r
	same "by the device" "$by_device" $((16 << 20))
	end_redeem r
	same "the target" "$(sum "$target")" "$before"
}

# The store runs full: the token is lost, and its job fails as it does without all this.
overflows()
{
	local disk target source table store file status
	new_scsi disk 40M
	new_scsi target 32M 50
	new_source_on "$disk" 32M
	new_loop store 2M
	file=$dev_dir/token
	capture tok "$source" "$store" "$file"
	redeem r "$file" "$target"
	wait_for 60 "the device to copy" offload_is r $((1 << 20))
	run dd if=/dev/urandom of="$source" bs=1M count=32 oflag=direct status=none
	wait_for 120 "its end" job_failed r
	cli status r
	same "the state of it" "$(get .Replica.OffloadStateDescription)" Over
	run replicactl token expire
	wait_for 60 "the redeem to be given up" in_state r Aborted
	run replicactl remove r
}

job_failed()
{
	replicactl --json jobs "$1" | jq -e '[.Jobs[] | select(.ReplicaEnded == null)] |
		any(.JobStateDescription == "Exception")'
}

# The kernel waits, and then does it.
nobody_comes()
{
	local disk target source table store file before by_device by_kernel reason
	scsi_token 8M
	# shellcheck disable=SC2016 # lines of another script
	with_tool '[[ $1 != __offload ]] || exit 0' 'exec "$real" "$@"'
	redeem r "$file" "$target"
	same "the state" "$(dmsetup status r | grep -o 'offload=[a-z]*')" offload=awaited
	complete r
	same "by the device" "$by_device" 0
	same "the reason" "$reason" "nobody came to have the devices copy"
	same "the target" "$(sum "$target")" "$before"
	end_redeem r
}

# The table of the target, or what is below it, leads elsewhere in the middle.
reloaded()
{
	local disk third target source table store file before by_device by_kernel reason
	new_scsi disk 40M
	new_scsi third 40M 20
	new_source_on "$disk" 16M
	new_dm target linear "0 32768 linear $third 0"
	new_loop store 32M
	file=$dev_dir/token
	capture tok "$source" "$store" "$file"
	before=$(sum /dev/mapper/tok)
	redeem r "$file" "$target" --settings region_size=256K
	wait_for 60 "the device to copy" offload_is r $((1 << 20))
	set_table "$target" "0 32768 linear $third 40960"
	complete r
	same "the reason" "$reason" "the tables of the devices have changed"
	say "what was copied before went to the old place, as what dm-kcopyd had copied would have"
	end_redeem r
}

usage()
{
	cli_text create --offload must /dev/null /dev/zero
	same "the exit status" "$status" 64
	cli_text create --token x --offload perhaps /dev/null
	same "the exit status" "$status" 64
}

ktap_header
ktap_case "the device copies everything" all_by_the_device
ktap_case "while the source is written to" under_load
ktap_case "written to in the middle of commands" in_the_middle
ktap_case "snapshots upon snapshots" stacked
ktap_case "a device that cannot" cannot
ktap_case "a device that refuses after a while" refuses_later
ktap_case "a replica_timeout of less than a claim takes" short_timeout
ktap_case "a device that lies" reads_another
ktap_case "two disks of one name" one_name
ktap_case "disks of different kinds" other_disks
ktap_case "linear and striped pieces" in_pieces
ktap_case "a store that runs full" overflows
ktap_case "nobody comes" nobody_comes
ktap_case "a table is exchanged meanwhile" reloaded
ktap_case "options that say nothing" usage
ktap_finish
