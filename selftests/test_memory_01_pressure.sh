#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300 disks=128M,128M mem=512
#
# Memory pressure (P7): a replica under swap and under writeback, in a small memory group
# that does not let go. Nothing may hang, and what was swapped comes back as it was.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/memory.sh"

disks()
{
	local disk
	new_disk origin 0
	new_disk disk 1
	new_linear replica "$disk"
	weak=$replica
}

ktap_header
ktap_case "swap on a replica" swapping
ktap_case "swap on a replica with payload shared" swapping payload shared
ktap_case "writeback in a small memory group" writeback
ktap_case "the machine out of memory, the replica failing" whole_machine
ktap_finish
