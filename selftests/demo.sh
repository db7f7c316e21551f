#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tells the story of a mirror: made, used, broken, healed, taken apart; and of a disk that
# is copied in three ways while it is in use. `make demo` runs it in a virtual machine; it needs root, the module and the tools.
set -euo pipefail
shopt -s inherit_errexit

disk_a=/dev/ram0 disk_b=/dev/ram1 cable=/dev/mapper/cable
work=$(mktemp -d)
mnt=/mnt/data copy=/mnt/copy
writer='' listener=''

# ---- telling ----

chapter()
{
	chapters=$((${chapters:-0} + 1))
	printf '\n\n%d. %s\n\n' "$chapters" "$1"
}

say()
{
	printf '%s\n' "$@" | sed '/./s/^/   /'
}

# show COMMAND...: a command and what it says, as a user would see it.
show()
{
	printf '\n   # %s\n' "$*"
	"$@" 2>&1 | sed 's/^/   | /'
}

# show_as TEXT COMMAND...: the same, for commands that are long-winded.
show_as()
{
	printf '\n   # %s\n' "$1"
	shift
	"$@" 2>&1 | sed 's/^/   | /'
}

fail()
{
	printf '\nThe demo has FAILED: %s\n' "$*"
	exit 1
}

cleanup()
{
	[[ -z $writer ]] || kill "$writer" 2>/dev/null || true
	[[ -z $listener ]] || kill "$listener" 2>/dev/null || true
	wait
	! mountpoint -q "$copy" || umount "$copy"
	[[ ! -e /dev/mapper/data ]] || replicactl remove data || true
	[[ ! -e /dev/mapper/noon ]] || replicactl remove noon || true
	[[ ! -e /dev/mapper/home-origin ]] || replicactl remove home || true
	! mountpoint -q "$mnt" || umount "$mnt"
	[[ ! -e /dev/mapper/home ]] || dmsetup remove --retry home || true
	[[ ! -e $cable ]] || dmsetup remove --retry cable || true
	rm -rf "$work"
}

# ---- the application ----

# Writes file after file, each synced to disk, and notes the checksum of every
# file that the system has promised to be safe.
application()
{
	local n
	for ((n = 0; ; n++)); do
		[[ ! -e $work/stop ]] || return 0
		head -c 128K /dev/urandom >"$work/data"
		dd if="$work/data" of="$mnt/file-$((n % 100))" bs=128K conv=fsync status=none || break
		printf '%s  %s\n' "$(sha256sum <"$work/data" | cut -d' ' -f1)" "file-$((n % 100))" \
			>>"$work/promises"
	done
	echo "write $n failed" >"$work/application-error"
}

# promises: the last checksum of each file.
promises()
{
	tac "$work/promises" | sort -u -k2,2
}

files_written()
{
	wc -l <"$work/promises"
}

still_writing()
{
	[[ ! -e $work/application-error ]] || fail "the application has seen: $(<"$work/application-error")"
	local before
	before=$(files_written)
	for _ in {1..300}; do
		(($(files_written) <= before)) || return 0
		sleep 0.2
	done
	fail "the application hangs"
}

start_application()
{
	rm -f "$work/stop"
	application &
	writer=$!
	still_writing
}

stop_application()
{
	touch "$work/stop"
	wait "$writer"
	writer=''
}

# check_files DIRECTORY: has it all that was promised?
check_files()
{
	(cd "$1" && promises | sha256sum --quiet --check) || fail "$1 lacks what was written"
	say "" "All $(promises | wc -l) files are there, and their checksums are right."
}

# ---- the cable ----

# cable TABLE: puts another table under the replica's leg.
cable()
{
	dmsetup suspend --nolockfs --noflush cable
	dmsetup load cable --table "0 $sectors $1"
	dmsetup resume cable
}

# ---- the story ----

prologue()
{
	cat <<-END

	This is a story about two disks and a program that never stops writing. It shows what
	dm-replica does when all is well, when a disk vanishes, and when it comes back; then, how
	a disk that is mounted and busy gets a replica, a clone and a snapshot. Lines with a # are commands that you could type; lines with a | are their answers.
	END
	trap cleanup EXIT
	mkdir -p "$mnt" "$copy"
	touch "$work/promises"
	modprobe brd rd_nr=2 rd_size=65536 max_part=0
	sectors=$(blockdev --getsz $disk_b)
	[[ -e /sys/module/dm_replica ]] || modprobe dm-replica
}

two_disks()
{
	chapter "Two disks"
	say "Disk A is the one that matters, the origin. Disk B is to become its copy, the replica." \
		"B is behind a \"cable\" (a linear mapping) so that we can pull it out later."
	head -c 64M /dev/urandom >$disk_b
	show lsblk -o NAME,SIZE $disk_a $disk_b
	show_as "dmsetup create cable --table '0 $sectors linear $disk_b 0'" \
		dmsetup create cable --table "0 $sectors linear $disk_b 0"
	say "" "B is full of noise: nothing on it is equal to A by chance."
}

make_mirror()
{
	chapter "The mirror is made"
	say "One command. (The rate is limited to 4 MiB/s, so that there is something to see.)"
	show replicactl create $disk_a $cable --name data --settings resync_rate=4
	replicactl events data --no-snapshot >"$work/events" 2>&1 &
	listener=$!
}

use_it()
{
	chapter "It can be used at once"
	say "The copy runs in the kernel, and /dev/mapper/data is a disk already: it gets a file" \
		"system, and a program starts that writes files, syncs each and notes its checksum."
	show mkfs.ext4 -q /dev/mapper/data
	show mount /dev/mapper/data "$mnt"
	start_application
	show replicactl status
	sleep 1
	show replicactl status data
	say "" "Enough seen; the limit goes, while it runs:"
	show replicactl set data resync_rate=auto
	show replicactl wait data --timeout 300
	show replicactl status
	say "" "Synchronized: from now on no write is complete before both disks have it."
	still_writing
}

break_it()
{
	chapter "The cable is pulled"
	say "Every request to disk B fails from here on."
	show_as "dmsetup load cable --table '0 $sectors error'; dmsetup resume cable" cable error
	show replicactl wait data --for broken --timeout 60
	show replicactl status data
	still_writing
	say "" "The replica is Broken, the reason stands there, and the parts of the disk that change" \
		"now are remembered. And the program? It has written $(files_written) files and seen no error."
	sleep 2
	still_writing
	say "Two seconds later it has written $(files_written)."
	show replicactl status
}

heal_it()
{
	chapter "The cable is put back"
	say "Nobody has to tell dm-replica: it tries the disk again from time to time. It copies" \
		"only what has changed meanwhile."
	show_as "dmsetup load cable --table '0 $sectors linear $disk_b 0'; dmsetup resume cable" \
		cable "linear $disk_b 0"
	show replicactl wait data --timeout 300
	show replicactl jobs data
	show replicactl status
	still_writing
	say "" "Synchronized again, and the program has written $(files_written) files without an error."
}

look_back()
{
	chapter "What the kernel told meanwhile"
	say "\"replicactl events\" has listened all the time, as a monitoring system would:"
	show_as "replicactl events data --no-snapshot" cat "$work/events"
}

prove_it()
{
	chapter "The proof"
	say "The program is stopped, and the mirror is taken apart in order."
	stop_application
	show sync
	check_files "$mnt"
	show umount "$mnt"
	kill "$listener"
	wait "$listener" || true
	listener=''
	show replicactl detach data
	show dmsetup remove cable
	say "" "Two plain disks are left. Are they equal, in every byte?"
	show cmp $disk_a $disk_b
	show sha256sum $disk_a $disk_b
	say "" "They are. So disk B alone has all that the program was promised:"
	show mount -o ro $disk_b "$mnt"
	check_files "$mnt"
	show umount "$mnt"
}

home_table()
{
	dmsetup table home | cut -c1-60
}

delete_all()
{
	find "$mnt" -mindepth 1 -delete
	sync
}

a_disk_in_use()
{
	chapter "A disk in use"
	say "Disk A once more. This time it was set up long ago, without a thought of replicas: as" \
		"\"home\", a mapped device like those of dm-crypt. It is mounted, and the program writes."
	wipefs -qa $disk_b
	dmsetup create home --table "0 $sectors linear $disk_a 0"
	mount /dev/mapper/home "$mnt"
	start_application
	show findmnt -o SOURCE,TARGET,FSTYPE "$mnt"
	show dmsetup table home
	say "" "Nothing has to be unmounted or stopped:"
	show replicactl create /dev/mapper/home $disk_b
	still_writing
	show replicactl wait home --timeout 300
	show replicactl status
	show_as "dmsetup table home | cut -c1-60" home_table
	still_writing
	stop_application
	say "" "The name has the table of a replica now, and its users have not noticed. They do not" \
		"notice the end either; the program has a break, so that its files can be checked."
	show replicactl detach home
	show dmsetup table home
	say "" "That is the very table that it had. And disk B has what was on A at that moment:"
	show mount -o ro $disk_b "$copy"
	check_files "$copy"
	show umount "$copy"
}

a_clone()
{
	chapter "A clone of it"
	say "A clone is a copy of one instant: now. What the program overwrites while the copy" \
		"runs is copied before."
	start_application
	show replicactl create /dev/mapper/home $disk_b --sync-type clone --force
	still_writing
	show replicactl wait home --timeout 300
	show replicactl finish home
	still_writing
	say "" "The clone is a disk of its own, and its file system needs no repair:"
	show e2fsck -fn $disk_b
}

a_snapshot()
{
	chapter "A snapshot, and a mistake"
	say "A snapshot takes no time and no copy: disk B has only to hold what is overwritten later."
	stop_application
	show replicactl create /dev/mapper/home $disk_b --sync-type snapshot --name noon --force
	say "" "Now somebody makes a mistake."
	show_as "rm -rf $mnt/*; sync" delete_all
	show df --output=iused,target "$mnt"
	show replicactl status noon
	say "" "Back to noon:"
	show umount "$mnt"
	show replicactl restore noon
	show mount /dev/mapper/home "$mnt"
	check_files "$mnt"
	show umount "$mnt"
	show dmsetup remove home
}

epilogue()
{
	printf '\n\n'
	say "That is the whole story: the disk failed, the program never noticed, nothing was lost." \
		"README.md says how to make a first mirror of your own, in three lines." ""
}

main()
{
	prologue
	two_disks
	make_mirror
	use_it
	break_it
	heal_it
	look_back
	prove_it
	a_disk_in_use
	a_clone
	a_snapshot
	epilogue
}

main "$@"
