#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=200 mem=2048
#
# The meta device fails, or hangs, in the middle of the write that exchanges origin and
# replica, so that of its two copies of the superblock one tells of it and one does not. The
# legs stay where they are, I/O goes on, and after a cut no table turns the copy around: what
# was written since is on the origin alone to know of, and the log is not believed.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/crash.sh"

numbers()
{
	lsblk -dno MAJ:MIN "$1" | tr -d ' '
}

in_place()
{
	same "the legs" "$(dmsetup table r | cut -d ' ' -f 4,5)" \
		"$(numbers "${legs[0]}") $(numbers "${legs[1]}")"
}

# swaps_told COPY: how often the legs have changed places, by a copy of the superblock.
swaps_told()
{
	dd if=/dev/nbd2 bs=4096 skip=$(($1 * 16)) count=1 iflag=direct status=none |
		od -An -tu4 -j 4072 -N 4 | tr -d ' '
}

# told FIRST SECOND: by each of them.
told()
{
	same "swaps in the two copies" "$(swaps_told 0) $(swaps_told 1)" "$1 $2"
}

# setup ROOM: in step, and the labels are written.
setup()
{
	origin_room=$1 legs=(/dev/nbd0 /dev/nbd1)
	start_disks "$log"
	defer end
	begin resync_rate auto
	wait_for 60 "the legs to be in step" in_sync r
	put /dev/mapper/r 0 1
}

# interrupted WORD EVENTS: the order fails, and nothing has changed.
interrupted()
{
	disks "$1" "$2"
	dmesg_mark
	timed 60 refuse message r reverse_roles
	dmesg_has "the meta device could not be written" || fail "no sentence"
	in_place
	same "state" "$(status r state dirty_regions)" $'Synchronized\n0'
	# Acknowledged, and known to no log.
	put /dev/mapper/r 1 1
}

cut_power()
{
	disks off
	end
	disks on
	disks heal 2
}

# refused_now REGEX: the legs as they stand in $legs.
refused_now()
{
	dmesg_mark
	refuse begin
	dmesg_has "$1" || fail "refused for another reason"
	dm_gone r
}

turn()
{
	legs=("${legs[1]}" "${legs[0]}")
}

# The one way out is a full copy, which an administrator orders.
accepted()
{
	local before
	before=$(data "${legs[0]}")
	begin stale accept resync_rate auto
	wait_for 60 "the legs to be in step" in_sync r
	end
	same "the origin" "$(data "${legs[0]}")" "$before"
	same "the replica" "$(data "${legs[1]}")" "$before"
}

# between_copies ROOM: the first copy tells of it, the second does not.
between_copies()
{
	local written
	setup "$1"
	interrupted break_at_swap 2
	run sync /dev/mapper/r
	written=$(data /dev/mapper/r)
	cut_power
	told 1 0
	refused_now "origin and replica are swapped"
	turn
	refused_now "went separate ways|is an old copy"
	turn
	same "what was written" "$(data "${legs[0]}")" "$written"
	accepted
	stop_disks
}

# Neither copy tells of it, and that the log is dead could not be written either.
before_copies()
{
	setup 64
	interrupted break_at_swap 0
	cut_power
	told 0 0
	refused_now "went separate ways|is an old copy"
	turn
	refused_now "origin and replica are swapped"
	turn
	accepted
	stop_disks
}

works_again()
{
	dmesg_has "meta device works again"
}

# The device comes back by itself: what it says is written anew, and it is true.
comes_back()
{
	setup 64
	interrupted break_at_swap 2
	disks heal 2
	wait_for 30 "the meta device to be used" works_again
	told 0 0
	put /dev/mapper/r 2 1
	cut_power
	begin
	wait_for 60 "the legs to be in step" in_sync r
	in_place
	run message r reverse_roles
	turn
	in_place
	end
	told 1 1
	stop_disks
}

# No limit was set: it is waited for all the same only as long as I/O may stand still. What
# lands late is overwritten.
hangs()
{
	timeout_ms=0
	setup 64
	interrupted hang_at_swap 0
	timed 5 dd if=/dev/mapper/r of=/dev/null bs=4k count=1 iflag=direct status=none
	dmesg_mark
	disks unhang 2
	wait_for 30 "the meta device to be used" works_again
	told 0 0
	cut_power
	begin
	wait_for 60 "the legs to be in step" in_sync r
	in_place
	end
	same "the replica" "$(data "${legs[1]}")" "$(data "${legs[0]}")"
	stop_disks
}

log=$dev_dir/crash-log-$$
ktap_header
defer rm -f "$log"
ktap_case "between two copies, labels on both legs" between_copies 64
ktap_case "between two copies, a label on the replica" between_copies 0
ktap_case "before the first copy" before_copies
ktap_case "it comes back" comes_back
ktap_case "it hangs" hangs
ktap_finish
