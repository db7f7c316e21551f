#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=long timeout=1800
#
# The process that has the devices of a redeem copy is killed: in each of its calls, and at any
# time. Its commands end first; then the kernel copies what it has not, and the target is, byte
# by byte, what the source was at the capture.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/snapshot.sh"
. "$(dirname "$0")/lib/token.sh"
. "$(dirname "$0")/lib/offload.sh"

# With a kill in each of its calls: to device-mapper and to the disks, and to the kernel module.
killed()
{
	local call=$1 disk target source table store file before n=1 hits=0
	local by_device by_kernel reason
	need strace -V
	scsi_token 8M
	# shellcheck disable=SC2016 # lines of another script
	with_tool '[[ $1 == __offload ]] || exec "$real" "$@"' \
		"exec strace -f -qq -o /dev/null -e trace=$call \\" \
		"	-e inject=$call:signal=KILL:when=\$(cat $dev_dir/when) \"\$real\" \"\$@\""
	defer rm -f "$dev_dir/when"
	while ((n < 200)); do
		echo "$n" >"$dev_dir/when"
		redeem r "$file" "$target"
		run dd if=/dev/urandom of="$source" bs=64k count=1 seek=$((n % 128)) \
			oflag=direct conv=notrunc status=none
		complete r
		same "the target after $n calls" "$(sum "$target")" "$before"
		end_redeem r
		[[ $reason == *"has ended"* || $reason == "nobody came"* ]] || break
		hits=$((hits + 1))
		n=$((n + (n > 20 ? 7 : 1)))
	done
	((hits > 3)) || fail "it was killed $hits times only"
}

# At any time, also in the middle of a command.
killed_at_work()
{
	local disk target source table store file before mib helper kills=0
	local by_device by_kernel reason
	scsi_token 16M 50
	for mib in 0 1 3 6 9; do
		redeem r "$file" "$target" --settings region_size=256K
		wait_for 60 "$mib MiB by the device" offload_is r $((mib << 20))
		helper=$(helper_of r)
		say "killing ${helper:-nobody}"
		kill -9 ${helper:+"$helper"} 2>/dev/null || true
		complete r
		[[ $reason != *"has ended"* ]] || kills=$((kills + 1))
		same "the target" "$(sum "$target")" "$before"
		end_redeem r
	done
	((kills > 2)) || fail "it was killed at its work $kills times only"
}

ktap_header
ktap_case "in each ioctl" killed ioctl
ktap_case "in each message to the module" killed sendmsg
ktap_case "while it works" killed_at_work
ktap_finish
