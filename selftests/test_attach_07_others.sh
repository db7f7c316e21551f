#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=180
#
# A source in use and the other things that replicactl makes: targets from a pool, clones,
# snapshots, and a second replica. Each works, or is refused with its sentence, and the
# source has its own table again at the end.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/lvm.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/attach.sh"

mounted()
{
	new_loop disk 8M
	new_source src "0 $(dev_sectors "$disk") linear $disk 0"
	on_file_system src
}

write_file()
{
	run dd if=/dev/urandom of="$dev_dir/mnt/$1" bs=64k count=4 conv=fsync status=none
}

# Cut for the source under its own name, kept by detach, given back by return-to-pool.
pool()
{
	local target=/dev/mapper/vgt-src--replica
	new_vg vgt 64M
	mounted
	cli_returns 5 5 create /dev/mapper/src --pool vgt --name other
	complains 'its replica has its name, "src"'
	cli_returns 5 5 create /dev/mapper/src --pool vgt --settings payload=shared
	same "the volumes" "$(volumes vgt)" ""
	is_plain src
	run replicactl create /dev/mapper/src --pool vgt --meta pool --wait-for synchronized --timeout 60s
	is_attached src
	same "the volumes" "$(volumes vgt)" "src-meta src-replica"
	write_file f
	cli return-to-pool --left vgt
	same "what a live replica has" "$(get '[.Volumes[] | .Removed] | any')" false
	run umount "$dev_dir/mnt"
	compare_legs /dev/mapper/src "$target" 16384
	run mount /dev/mapper/src "$dev_dir/mnt"
	run replicactl detach src
	is_plain src
	same "the volumes" "$(volumes vgt)" src-replica
	run lvremove -q -f vgt/src-replica
	run replicactl create /dev/mapper/src --pool vgt --meta pool
	write_file g
	run replicactl wait src --timeout 60s
	run replicactl return-to-pool src
	is_plain src
	same "the volumes" "$(volumes vgt)" ""
	write_file h
}

# The clone is of the moment of the exchange, file systems and all.
clone()
{
	local target meta
	new_loop target 8M
	new_loop meta 1M
	mounted
	write_file f
	cp "$dev_dir/mnt/f" "$dev_dir/f"
	run replicactl create /dev/mapper/src "$target" --sync-type clone --meta "$meta" \
		--settings resync_rate=1
	is_attached src
	write_file f
	cp "$dev_dir/mnt/f" "$dev_dir/now"
	refuse replicactl deactivate src
	cli_returns 4 4 finish src
	is_attached src
	run replicactl set src resync_rate=auto
	run replicactl wait src --timeout 60s
	run replicactl finish src
	is_plain src
	same "the log" "$(replicactl --json scan "$meta" | jq -c .MetaDevices)" "[]"
	cmp "$dev_dir/mnt/f" "$dev_dir/now"
	umount "$dev_dir/mnt"
	run e2fsck -fn "$target"
	run mount -o ro "$target" "$dev_dir/mnt"
	run cmp "$dev_dir/mnt/f" "$dev_dir/f"
	run umount "$dev_dir/mnt"
}

# As after a reboot: the log speaks of an instant that is over.
clone_is_over()
{
	local target meta
	new_loop target 8M
	new_loop meta 1M
	mounted
	run umount "$dev_dir/mnt"
	run replicactl create /dev/mapper/src "$target" --name src --sync-type clone \
		--meta "$meta" --settings resync_rate=1
	run dmsetup remove src
	run dmsetup remove src-origin
	run dmsetup create src --uuid TEST-src --table "$plain"
	cli_returns 1 1 activate src
	complains "it is of no instant any more"
	is_plain src
	run replicactl create /dev/mapper/src "$target" --name src --meta "$meta" --force \
		--wait-for synchronized --timeout 60s
	run replicactl remove src
	is_plain src
}

snapshots()
{
	local target store
	new_loop target 8M
	new_loop store 8M
	mounted
	run replicactl create /dev/mapper/src "$store" --sync-type snapshot --name snap
	defer replicactl_gone snap
	cli_returns 4 4 create /dev/mapper/src "$target"
	complains "it has snapshots"
	run replicactl remove snap
	is_plain src
	run replicactl create /dev/mapper/src "$target"
	cli_returns 1 1 create /dev/mapper/src "$store" --sync-type snapshot
	complains "is a mirror under the name of its source"
	cli_returns 1 1 create /dev/mapper/src-origin "$store" --sync-type snapshot
	complains "is the hidden origin of a mirror"
	is_attached src
	write_file f
	run replicactl remove src
	is_plain src
	run replicactl create /dev/mapper/src "$store" --sync-type snapshot --name snap
	run replicactl remove snap
	is_plain src
}

replicactl_gone()
{
	! replicactl status "$1" >/dev/null 2>&1 || replicactl remove "$1"
}

second()
{
	local target other
	new_loop target 8M
	new_loop other 8M
	mounted
	run replicactl create /dev/mapper/src "$target" --wait-for synchronized --timeout 60s
	cli_returns 4 4 create /dev/mapper/src "$other"
	complains "it is a replica already"
	cli_returns 4 4 create /dev/mapper/src-origin "$other"
	cli_returns 4 4 create /dev/mapper/src-origin "$other" --name src-origin
	is_attached src
	in_state src Synchronized || fail "the first replica is not Synchronized any more"
	run replicactl detach src
	is_plain src
}

ktap_header
ktap_case "a target from a pool, for a source in use" pool
ktap_case "a clone of a source in use is of one instant" clone
ktap_case "a clone that was without its source is over" clone_is_over
ktap_case "snapshots and a replica take turns" snapshots
ktap_case "a second replica is refused" second
ktap_finish
