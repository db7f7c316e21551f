#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=long timeout=1200 mem=2048
#
# Whenever the power goes while origin and replica change places, the log tells afterwards
# which leg is which and where they may differ (P3). The record is made and judged as that of
# test_log_01_crash_replay, whose head has how; while it is made the roles are reversed, the
# replica takes the place of the origin, and the legs get their places back, all with writes
# under way and with cuts in the middle: the recorder knows the write of the superblock with
# which the legs change places, so that cuts fall just before it, behind it, and among the labels.
#
# helpers/crash_check.py wants that after a cut at any event no superblock that may be found
# tells an order that the legs have not had by then or have no more, and that labels do not
# contradict it. helpers/crash_replay.py wants a table with the other order to be refused.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/crash.sh"

# How often the legs have changed places; and after how many cuts they had, or not.
swaps=0 cuts_after=0 cuts_before=0

# may_swap TIMES: from here on so many more are possible.
may_swap()
{
	local words=() n
	for ((n = swaps; n <= swaps + $1; n++)); do
		words+=("$n")
	done
	disks mark "swaps ${words[*]}"
}

# swapped TIMES: and so many there have been.
swapped()
{
	local n
	for ((n = 0; n < $1; n++)); do
		legs=("${legs[1]}" "${legs[0]}")
	done
	swaps=$((swaps + $1))
	disks mark "swaps $swaps"
}

# order TIMES OPERATION [WORD]: it lets the legs change places so often.
order()
{
	may_swap "$1"
	wait_for 30 "$2" message r "${@:2}"
	swapped "$1"
}

# found: the order is one of two after a cut, and the module knows which.
found()
{
	dmesg_mark
	if begin resync_rate 400; then
		cuts_before=$((cuts_before + 1))
		return
	fi
	dmesg_has "origin and replica are swapped" || fail "refused for another reason"
	dm_gone r
	cuts_after=$((cuts_after + 1))
	swapped 1
	begin resync_rate 400
}

# ordered OPERATION [WORD]: it is done, or the power has gone.
ordered()
{
	message r "$@" || is_off
}

# cut_order EVENTS OPERATION [WORD]: the power goes so long after the superblock that tells of it.
cut_order()
{
	wait_for 60 "the legs to be in step" in_sync r
	disks mark "${*:2}"
	writer --workers 2 --hot 60 /dev/mapper/raw
	busy 20
	may_swap 1
	disks off_at_swap "$1"
	wait_for 30 "the order to be cut" ordered "${@:2}"
	wait_for 30 "the cut" is_off
	stop_writers
	end
	disks on
	found
	disks mark "swaps $swaps"
}

# back: a failback, until the legs have their places.
back()
{
	disks mark failback
	may_swap 1
	run message r failback
	wait_for 60 "the legs to have their places" in_step
	swapped 1
	same "the order" "$(first_leg)" "$(numbers "${legs[0]}")"
}

# in_step: also the change of places is over, for which an order has to wait.
in_step()
{
	in_sync r && [[ $(status r progress) == 2 ]] && message r set resync_rate 400
}

first_leg()
{
	dmsetup table r | cut -d ' ' -f 4
}

numbers()
{
	lsblk -dno MAJ:MIN "$1" | tr -d ' '
}

role_record()
{
	local n
	writers=() swaps=0 cuts_after=0 cuts_before=0 legs=(/dev/nbd0 /dev/nbd1)
	start_disks "$log"
	disks late 20 12
	disks mark "swaps 0"
	begin resync_rate 400
	# The very first one, when the origin has no label yet.
	for n in 0 1 3; do
		cut_order "$n" reverse_roles
	done
	writer --workers 3 --hot 40 /dev/mapper/raw
	busy 300
	wait_for 60 "the legs to be in step" in_sync r
	for n in 100 100 50; do
		busy "$n"
		order 1 reverse_roles
	done
	busy 200
	order 1 failover
	busy 300
	back
	busy 100
	stop_writers
	for n in 0 1 2 3 4 6 8 10 12; do
		cut_order "$n" reverse_roles
	done
	cut_order 4 failover
	for n in 1 2 3; do
		[[ $(status r state) == Failedover ]] || order 1 failover
		put /dev/mapper/raw 0 1
		disks mark "failback, and a cut"
		cut_back $((n * 60))
	done
	end
	say "$(disks events) events, $swaps swaps, $cuts_before cuts before one, $cuts_after after"
	at_least "cuts before the legs have changed places" "$cuts_before" 2
	at_least "cuts after it" "$cuts_after" 3
	stop_disks
	keep "roles-$origin_room"
}

# cut_back EVENTS: the power goes while a failback copies, or as it ends.
cut_back()
{
	disks mark failback
	writer --workers 2 --hot 60 /dev/mapper/raw
	may_swap 1
	run message r failback
	disks off_after "$1"
	wait_for 60 "the cut" is_off
	stop_writers
	end
	disks on
	found
	# It goes on, if it was not over.
	may_swap 1
	wait_for 60 "the legs to be in step" in_step
	settle_order
}

# settle_order: the table tells whether they have changed places since.
settle_order()
{
	if [[ $(first_leg) == "$(numbers "${legs[0]}")" ]]; then
		disks mark "swaps $swaps"
	else
		swapped 1
	fi
}

log=$dev_dir/crash-log-$$
ktap_header
defer rm -f "$log"
for origin_room in 0 64; do
	ktap_case "legs change places, room for a label on the origin: $origin_room" role_record
	ktap_case "what is found is the truth, after any cut" every_cut
	ktap_case "a sample of the cuts is activated" sample "${CRASH_POINTS:-100}"
done
ktap_finish
