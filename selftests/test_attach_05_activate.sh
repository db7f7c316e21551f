#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# After a reboot the source is there with its own table, and what is written then the
# log does not know: activate puts the replica under its name again, in use or not, and
# copies everything. When the kernel refuses to start it, the source has its table.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/attach.sh"

# The target has room for a label.
attached()
{
	new_loop disk 8M
	new_loop target 9M
	new_loop meta 1M
	new_source src "0 $(dev_sectors "$disk") linear $disk 0"
	run replicactl create /dev/mapper/src "$target" --meta "$meta" --name src \
		--wait-for synchronized --timeout 60s
	is_attached src
	run dd if=/dev/urandom of=/dev/mapper/src bs=64k count=8 oflag=direct status=none
}

# As a machine comes up again: the mapped devices are gone, and the source is there.
reboot()
{
	run dmsetup remove src
	run dmsetup remove src-origin
	run dmsetup create src --uuid TEST-src --table "$plain"
}

equal()
{
	run replicactl wait src --timeout 60s
	in_state src Synchronized || fail "it is not Synchronized"
	compare_legs /dev/mapper/src "$target" 16384
}

again()
{
	attached
	reboot
	# Without the replica.
	run dd if=/dev/urandom of=/dev/mapper/src bs=64k count=1 seek=20 oflag=direct status=none
	cmp -s -n $((8 << 20)) /dev/mapper/src "$target" && fail "the legs do not differ"
	run mkfs.ext4 -q /dev/mapper/src
	mkdir -p "$dev_dir/mnt"
	run mount /dev/mapper/src "$dev_dir/mnt"
	defer unmounted "$dev_dir/mnt"
	cli activate src
	same "return_value" "$(get .return_value)" 4096
	is_attached src
	run umount "$dev_dir/mnt"
	equal
	run replicactl detach src
	is_plain src
	same "the log" "$(replicactl --json scan "$meta" | jq -c .MetaDevices)" "[]"
}

# A copy that was cut off on purpose stays so.
split()
{
	attached
	run replicactl split src
	reboot
	run replicactl activate src
	in_state src Split || fail "it is not Split any more"
	run replicactl resync src
	equal
}

taken_down()
{
	attached
	exec {hold}</dev/mapper/src
	run replicactl deactivate src
	is_plain src
	run dd if=/dev/urandom of=/dev/mapper/src bs=64k count=1 oflag=direct status=none
	run replicactl activate "$meta"
	is_attached src
	exec {hold}<&-
	equal
}

# The kernel starts it, finds another replica, and stops: the source is suspended by then.
start_fails()
{
	attached
	reboot
	run dd if=/dev/zero of="$target" bs=1M seek=8 count=1 oflag=direct status=none
	run mkfs.ext4 -q /dev/mapper/src
	mkdir -p "$dev_dir/mnt"
	run mount /dev/mapper/src "$dev_dir/mnt"
	defer unmounted "$dev_dir/mnt"
	cli_returns 4 4 activate src
	complains "replica has lost its label"
	is_plain src
	run dd if=/dev/urandom of="$dev_dir/mnt/f" bs=4k count=1 oflag=direct status=none
	run replicactl activate src --force
	is_attached src
	run umount "$dev_dir/mnt"
	equal
}

larger()
{
	local more
	attached
	run dmsetup remove src
	run dmsetup remove src-origin
	new_loop more 12M
	run dmsetup create src --uuid TEST-src --table "0 $(dev_sectors "$more") linear $more 0"
	plain=$(dmsetup table src)
	cli_returns 5 5 activate src
	complains "it was made larger without the replica"
	is_plain src
}

# The source and its replica change places: it cannot have its table back before they change
# back, and after a reboot what it has is older than what the log is about.
reversed()
{
	local before order
	attached
	run replicactl reverse src
	run dd if=/dev/urandom of=/dev/mapper/src bs=64k count=4 oflag=direct status=none
	for order in detach remove deactivate; do
		cli_returns 4 4 "$order" src
		complains 'the roles of replica "src" are reversed'
	done
	in_state src Synchronized || fail "it is not Synchronized any more"
	run replicactl reverse src
	is_attached src
	run replicactl reverse src
	reboot
	before=$(sha256sum "$target" "$meta"; dmsetup table)
	cli_returns 4 4 activate src
	complains 'the roles of "src" were reversed when it went down: its data is on'
	cli_returns 4 4 activate src --force
	same "devices and mappings" "$(sha256sum "$target" "$meta"; dmsetup table)" "$before"
	is_plain src
}

# The source fails, and nobody wants it back: the name leads to the other device from then on.
left()
{
	local before
	attached
	exec {hold}</dev/mapper/src
	break_dev /dev/mapper/src-origin
	run replicactl failover src --force
	run dd if=/dev/urandom of=/dev/mapper/src bs=64k count=4 seek=3 oflag=direct status=none
	before=$(dd if=/dev/mapper/src bs=1M iflag=direct status=none | sha256sum)
	cli_returns 4 4 detach src
	complains "detach with force leaves it there"
	run replicactl detach src --force
	exec {hold}<&-
	same "its table" "$(dmsetup table src)" \
		"0 16384 linear $(lsblk -dno MAJ:MIN "$target" | tr -d ' ') 0"
	same "its data" "$(dd if=/dev/mapper/src bs=1M iflag=direct status=none | sha256sum)" "$before"
	[[ ! -e /dev/mapper/src-origin ]] || fail "the hidden device is left"
	same "the log" "$(replicactl --json scan "$meta" | jq -c .MetaDevices)" "[]"
}

ktap_header
ktap_case "after a reboot it is put back, and everything is copied" again
ktap_case "a split replica stays split" split
ktap_case "deactivate gives the source its table, activate takes it" taken_down
ktap_case "a replica that cannot be started" start_fails
ktap_case "a source that has grown meanwhile" larger
ktap_case "a source that has changed places with its replica" reversed
ktap_case "a source that has failed is left for good" left
ktap_finish
