# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# For the tests of snapshots; sourced after ktap.sh, dev.sh and cli.sh.
#
#	new_source [SIZE]		a mapped device with random data: $source on $leg, $table
#	take NAME SOURCE STORE [OPTION]...	a snapshot, removed at the end of the case
#	write_scattered DEVICE N	to every other of its first N blocks of 4 KiB
#	sum DEVICE			md5sum of what is on it
#	write_rounds DEVICE		writes for ever; to be run beside the test
#	round_is DEVICE N		has it come so far?
#	check_rounds DEVICE		is it one point in time of what write_rounds does?
#	all_as_before [STORE]		the source has its table, and nothing of ours is left
#	kill_and_wait PID
#	killed N ARG...			does replicactl die at its Nth call to device-mapper?
#	works N				the source takes writes and gives them back
#	tidy				$store and $source are free again, by 'remove' if need be

new_source()
{
	local size=${1:-16M}
	new_loop leg "$size"
	new_linear source "$leg"
	run dd if=/dev/urandom of="$source" bs=1M count=$(($(dev_bytes "$size") >> 20)) \
		oflag=direct status=none
	table=$(dmsetup table "$source")
}

take()
{
	run replicactl create --sync-type snapshot --name "$@"
	defer snapshot_gone "$1"
}

snapshot_gone()
{
	! replicactl status "$1" >/dev/null 2>&1 || replicactl remove "$1"
}

# So that each chunk is merged by itself.
write_scattered()
{
	local block
	for ((block = 0; block < $2; block += 2)); do
		dd if=/dev/urandom of="$1" bs=4k seek="$block" count=1 oflag=direct status=none
	done
}

sum()
{
	dd if="$1" bs=1M iflag=direct status=none | md5sum
}

all_as_before()
{
	same "the table of the source" "$(dmsetup table "$source")" "$table"
	same "the state of the source" "$(dmsetup info -c --noheadings -o suspended "$source")" Active
	[[ $(dmsetup ls) != *-base* ]] || fail "a hidden device is left: $(dmsetup ls)"
	[[ -z ${1:-} ]] || same "signatures on the store" "$(wipefs "$1")" ""
}

# In every block that one writer fills, in order, stands one number more than in the last
# round: in a point in time the numbers fall once and never rise again.
write_rounds()
{
	exec python3 - "$1" <<'EOF'
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_DIRECT)
page, count = mmap.mmap(-1, 4096), 512
for number in range(1, 100000):
    page[:] = number.to_bytes(8, 'little') * 512
    for block in range(count):
        os.pwrite(fd, page, block * 4096)
EOF
}

check_rounds()
{
	python3 - "$1" <<'EOF'
import sys
with open(sys.argv[1], 'rb') as f:
    numbers = [int.from_bytes(f.read(4096)[:8], 'little') for _ in range(512)]
falls = sum(a != b for a, b in zip(numbers, numbers[1:]))
print(f'# from {numbers[0]} to {numbers[-1]}, {falls} steps')
sys.exit(falls > 1 or numbers[0] - numbers[-1] not in (0, 1) or numbers[0] == 0)
EOF
}

round_is()
{
	(($(od -An -tu8 -N8 "$1") >= $2))
}

kill_and_wait()
{
	kill "$1"
	wait "$1" || true
}

killed()
{
	local n=$1 status=0
	shift
	strace -f -qq -o /dev/null -e trace=ioctl -e inject=ioctl:signal=KILL:when="$n" \
		replicactl "$@" >/dev/null 2>&1 || status=$?
	((status == 137 || status == 9))
}

# The word N of the source becomes N.
works()
{
	same "the state of the source" "$(dmsetup info -c --noheadings -o suspended "$source")" Active
	printf "%04d" "$1" | dd of="$source" bs=4 seek="$1" conv=notrunc,fsync status=none
	same "what was written" "$(dd if="$source" bs=4 skip="$1" count=1 status=none)" "$(printf "%04d" "$1")"
}

mapping_gone()
{
	! dmsetup info "$1" >/dev/null 2>&1
}

tidy()
{
	mapping_gone snap || run replicactl remove snap
	all_as_before "$store"
	mapping_gone snap || fail "the snapshot is left"
	mapping_gone snap-base || fail "the base is left"
}
