# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# For the tests of sources in use; sourced after ktap.sh, dev.sh and cli.sh.
#
#	new_source NAME TABLE		a mapped device, removed at the end with all of ours
#	identity NAME			what must never change of it
#	on_file_system NAME		ext4, mounted on $dev_dir/mnt
#	start_files, more_files, stop_files	files written there all the time and read back;
#					until there are more; the end of it
#	is_attached NAME, is_plain NAME	which table it has; $plain is its own one

new_source()
{
	say "+ source $1"
	dmsetup create "$1" --uuid "TEST-$1" --table "$2"
	defer source_gone "$1"
	plain=$(dmsetup table --showkeys "$1")
}

# Whatever state a test leaves it in.
source_gone()
{
	[[ $(dmsetup info -c --noheadings -o suspended "$1") == Active ]] || dmsetup resume "$1"
	[[ ! -e /dev/mapper/$1-origin ]] || replicactl remove "$1"
	dm_gone "$1"
	dm_gone "$1-origin"
}

identity()
{
	dmsetup info -c --noheadings -o name,uuid,major,minor "$1"
	dev_sectors "/dev/mapper/$1"
}

on_file_system()
{
	run mkfs.ext4 -q "/dev/mapper/$1"
	mkdir -p "$dev_dir/mnt"
	run mount "/dev/mapper/$1" "$dev_dir/mnt"
	defer unmounted "$dev_dir/mnt"
}

# In the background: file after file, each read back past the page cache.
write_files()
{
	local n=0 sum
	while [[ ! -e $dev_dir/enough ]]; do
		n=$((n + 1))
		head -c $((n % 7 * 50000 + 4096)) /dev/urandom >"$dev_dir/piece"
		dd if="$dev_dir/piece" of="$dev_dir/mnt/f$((n % 20))" bs=64k conv=fsync status=none
		dd if="$dev_dir/mnt/f$((n % 20))" of=/dev/null iflag=nocache count=0 status=none
		sum=$(md5sum <"$dev_dir/mnt/f$((n % 20))")
		[[ $sum == "$(md5sum <"$dev_dir/piece")" ]]
		echo "$n" >"$dev_dir/files"
	done
}

start_files()
{
	rm -f "$dev_dir/enough"
	echo 0 >"$dev_dir/files"
	write_files &
	files_pid=$!
	defer touch "$dev_dir/enough"
}

file_count_is_over()
{
	kill -0 "$files_pid" || fail "a file could not be written or read back"
	(($(cat "$dev_dir/files") > $1))
}

more_files()
{
	wait_for 30 "files to be written" file_count_is_over $(($(cat "$dev_dir/files") + 4))
}

stop_files()
{
	touch "$dev_dir/enough"
	wait "$files_pid" || fail "a file could not be written or read back"
}

# The last word of the uuid tells the hidden device.
is_attached()
{
	local table
	table=$(dmsetup table "$1")
	[[ $table == *" replica $(dmsetup info -c --noheadings --separator : -o major,minor "$1-origin") "* ]] ||
		fail "$1 is not attached: $table"
	same "the hidden table" "$(dmsetup table --showkeys "$1-origin")" "$plain"
}

is_plain()
{
	[[ $(dmsetup table --showkeys "$1") == "$plain" ]] || fail "$1 has another table than it had"
	[[ ! -e /dev/mapper/$1-origin ]] || fail "the hidden device is left"
}
