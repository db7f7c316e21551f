#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300 disks=nvme:96M,nvme:96M
#
# Redeems of a token by NVMe Copy, from one part of a namespace to another.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/snapshot.sh"
. "$(dirname "$0")/lib/token.sh"
. "$(dirname "$0")/lib/offload.sh"

nvme_disk()
{
	[[ -d /sys/bus/pci ]] || skip "needs a machine with NVMe"
	new_nvme "$1" "$2"
}

nvme_token()
{
	nvme_disk disk 0
	new_source_on "$disk" 32M
	new_dm target linear "0 65536 linear $disk 98304"
	new_loop store 64M
	file=$dev_dir/token
	capture tok "$source" "$store" "$file"
	before=$(sum /dev/mapper/tok)
}

all_by_the_device()
{
	local disk target source table store file before by_device by_kernel reason
	nvme_token
	cli create --token "$file" "$target" --dry-run
	[[ $(get '[.Findings[] | select(.CheckDescription == "offload")][0].Description') == *"NVMe Copy"* ]] ||
		fail "the dry run does not tell: $json"
	redeem r "$file" "$target" --offload must
	complete r
	same "by the device" "$by_device" $((32 << 20))
	same "by the kernel" "$by_kernel" 0
	end_redeem r
	same "the target" "$(sum "$target")" "$before"
}

under_load()
{
	local disk target source table store file before by_device by_kernel reason
	nvme_token
	write_rounds "$source" &
	defer kill_and_wait $!
	wait_for 20 "the writer" round_is "$source" 2
	redeem r "$file" "$target"
	complete r
	((by_device > 0)) || fail "the device copied nothing"
	same "the target" "$(sum "$target")" "$before"
	end_redeem r
}

other_namespace()
{
	local disk target source table store file before by_device by_kernel reason
	nvme_disk disk 0
	nvme_disk target 1
	new_source_on "$disk" 32M
	new_loop store 64M
	file=$dev_dir/token
	capture tok "$source" "$store" "$file"
	before=$(sum /dev/mapper/tok)
	refuse_token 1 1 "copies within itself only" "$file" "$target" --offload must
	redeem r "$file" "$target"
	complete r
	same "by the device" "$by_device" 0
	end_redeem r
	same "the target" "$(head -c 32M "$target" | md5sum)" "$before"
}

ktap_header
ktap_case "the device copies everything" all_by_the_device
ktap_case "while the source is written to" under_load
ktap_case "to another namespace the kernel copies" other_namespace
ktap_finish
