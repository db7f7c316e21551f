#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=long timeout=1800
#
# replicactl is killed as it makes a mirror with a target and a log from a pool, of a source in
# use, and as it returns them: before and after each call by which it changes a mapping or a
# volume, for LVM also while it waits for its programs; where these are many, at other ones in each
# run, spread over all (unit/test_thin_killed takes each). The source reads and writes at once;
# 'return-to-pool --left' does no harm, and gives all back, after 'remove' where there is a
# replica.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/attach.sh"
. "$(dirname "$0")/lib/lvm.sh"
. "$(dirname "$0")/lib/thin.sh"
. "$(dirname "$0")/lib/kill.sh"

# In use for as long as the case runs.
mounted_source()
{
	local disk
	new_loop disk 1M
	new_source src "0 2048 linear $disk 0"
	mkfs.ext4 -q -O ^has_journal /dev/mapper/src
	mkdir -p "$dev_dir/mnt"
	mount /dev/mapper/src "$dev_dir/mnt"
	defer unmounted "$dev_dir/mnt"
}

from_lvm()
{
	command -v lvcreate >/dev/null || skip "needs LVM"
	new_vg vgt 16M
	pool=vgt
	mounted_source
}

from_thin()
{
	new_pool 16M
	mounted_source
}

works()
{
	same "suspended" "$(dmsetup info -c --noheadings -o suspended src)" Active
	timeout 20 dd if=/dev/urandom of="$dev_dir/mnt/f" bs=4k count=4 oflag=direct status=none ||
		fail "the source cannot be written"
	timeout 20 dd if=/dev/mapper/src of=/dev/null bs=64k iflag=direct status=none ||
		fail "the source cannot be read"
}

all_back()
{
	is_plain src
	if [[ $pool == vgt ]]; then
		[[ -z $(volumes vgt) ]] || say "return-to-pool --left: $(<"$dev_dir/said")"
		same "the volumes" "$(volumes vgt)" ""
	else
		all_free "$pool"
	fi
}

has_replica()
{
	[[ -e /dev/mapper/src-origin || $(dmsetup table src) == *replica* ]]
}

# Without force while nobody has written a label; a replica that was there has one.
give_all_back()
{
	local force=()
	dmsetup mknodes		# without udev the tool has to, and was killed
	works
	replicactl return-to-pool --left "$pool" >"$dev_dir/said" 2>&1 ||
		fail "return-to-pool --left: $(<"$dev_dir/said")"
	works
	if has_replica; then
		[[ $(dmsetup table src) != *replica* ]] || force=(--force)
		run replicactl remove src
		run replicactl return-to-pool --left "$pool" "${force[@]}"
		works
	fi
	all_back
}

# steps CALL MOST: numbers of calls, no more than so many, spread over all that there are and
# other ones in each run. Of ioctl those that change something, and those that follow them.
steps()
{
	awk -v call="$1" -v most="$2" -v from="$RANDOM" '
		index($0, call "(") != 1 { next }
		{ n++ }
		call != "ioctl" { at[++count] = n; next }
		changed || /DM_(DEV_CREATE|DEV_REMOVE|DEV_SUSPEND|TABLE_LOAD|TABLE_CLEAR|TARGET_MSG)/ {
			at[++count] = n
		}
		{ changed = /DM_(DEV_CREATE|DEV_REMOVE|DEV_SUSPEND|TABLE_LOAD|TABLE_CLEAR|TARGET_MSG)/ }
		END {
			step = count > most ? count / most : 1
			for (i = 1 + (step > 1 ? from % int(step) : 0); i <= count; i += step)
				print at[int(i)]
		}' "$dev_dir/calls"
}

after_kill()
{
	[[ $pool != vgt ]] || wait_for 60 "LVM to end" lvm_ended
}

# creating POOL CALL MOST
creating()
{
	local n pool kills=0 create
	"from_$1"
	create=(create /dev/mapper/src --pool "$pool" --meta pool)
	traced ioctl,poll,pwrite64 "${create[@]}"
	give_all_back
	for n in $(steps "$2" "$3"); do
		say "killed at $2 $n"
		kill_at "$2" "$n" "${create[@]}"
		give_all_back
	done
	say "killed $kills times"
	((kills >= 6)) || fail "it was killed $kills times only"
	run replicactl "${create[@]}"
	is_attached src
	give_all_back
}

made()
{
	run replicactl create /dev/mapper/src --pool "$pool" --meta pool --wait-for synchronized \
		--timeout 120
}

# returning POOL CALL MOST
returning()
{
	local n pool kills=0
	"from_$1"
	made
	traced ioctl,poll,pwrite64 return-to-pool src
	all_back
	for n in $(steps "$2" "$3"); do
		say "killed at $2 $n"
		made
		kill_at "$2" "$n" return-to-pool src
		give_all_back
	done
	say "killed $kills times"
	((kills >= 4)) || fail "it was killed $kills times only"
	made
	run replicactl return-to-pool src
	all_back
}

ktap_header
need_kill
pgrep -V >/dev/null 2>&1 || ktap_skip_all "needs pgrep"
modprobe -q dm-replica || true
ktap_case "killed as it makes a mirror from a dm-thin pool" creating thin ioctl 80
ktap_case "killed as it writes what it has cut from there" creating thin pwrite64 16
ktap_case "killed as it returns it" returning thin ioctl 24
ktap_case "killed as it makes a mirror from a volume group" creating lvm ioctl 20
ktap_case "killed as it writes what LVM has cut from there" creating lvm pwrite64 16
ktap_case "killed while LVM cuts the volumes" creating lvm poll 10
ktap_case "killed while LVM takes them back" returning lvm poll 8
ktap_finish
