#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=core timeout=300
#
# Sync means both (P2): flushes and FUA reach both legs, and a write, a flush or FUA ends
# only when the slower leg has it.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"

# new_log_writes VAR DEVICE LOG
new_log_writes()
{
	modprobe -q dm-log-writes || true
	new_dm "$1" log-writes "0 $(dev_sectors "$2") log-writes $2 $3"
}

# counted LOG KEY
counted()
{
	local line
	line=$(python3 "$(dirname "$0")/helpers/write_log.py" "$1")
	line=" $line "
	line=${line#* "$2"=}
	echo "${line%% *}"
}

both_logs()
{
	local a b log_a log_b n
	new_loop a 8M
	new_loop b 8M
	new_loop log_a 32M
	new_loop log_b 32M
	new_log_writes origin "$a" "$log_a"
	new_log_writes replica "$b" "$log_b"
	new_mirror r "$origin" "$replica" sync skip
	for ((n = 0; n < 3; n++)); do
		run dd if=/dev/urandom of=/dev/mapper/r bs=4k seek="$n" count=1 oflag=direct \
			conv=notrunc,fsync status=none
	done
	# RWF_DSYNC on a device with FUA.
	run dd if=/dev/urandom of=/dev/mapper/r bs=4k seek=8 count=5 oflag=direct,dsync \
		conv=notrunc status=none
	idle r
	at_least "flushes" "$(status r flushes)" 3
	run dmsetup remove r
	run dmsetup remove "$origin"
	run dmsetup remove "$replica"
	say "origin: $(counted "$log_a" flush) flushes, $(counted "$log_a" fua) FUA"
	say "replica: $(counted "$log_b" flush) flushes, $(counted "$log_b" fua) FUA"
	at_least "flushes of the origin" "$(counted "$log_a" flush)" 3
	at_least "flushes of the replica" "$(counted "$log_b" flush)" 3
	same "FUA of the origin" "$(counted "$log_a" fua)" 5
	same "FUA of the replica" "$(counted "$log_b" fua)" 5
	compare_legs "$a" "$b"
}

# took_at_least MS CMD...
took_at_least()
{
	local min=$1 begin took
	shift
	begin=$(date +%s%N)
	run "$@"
	took=$((($(date +%s%N) - begin) / 1000000))
	say "took $took ms"
	((took >= min)) || fail "took $took ms, not $min: $*"
}

# slow_leg ORIGIN_MS REPLICA_MS: each request of the slow leg takes so long.
slow_leg()
{
	local a b
	new_loop a 8M
	new_loop b 8M
	modprobe -q dm-delay || true
	new_dm origin delay "0 16384 delay $a 0 0 $a 0 $1 $a 0 $1"
	new_dm replica delay "0 16384 delay $b 0 0 $b 0 $2 $b 0 $2"
	new_mirror r "$origin" "$replica" sync skip
	took_at_least 800 dd if=/dev/urandom of=/dev/mapper/r bs=4k count=1 oflag=direct \
		conv=notrunc status=none
	took_at_least 800 flush /dev/mapper/r
	took_at_least 800 dd if=/dev/urandom of=/dev/mapper/r bs=4k count=1 oflag=direct,dsync \
		conv=notrunc status=none
	same "state" "$(status r state)" Synchronized
	compare_legs "$a" "$b"
}

# The writer is killed the moment its write ended: the replica has it by then.
has_it()
{
	local i a b slow
	new_loop a 8M
	new_loop b 8M
	new_delay slow "$b" 0 100
	new_mirror r "$a" "$slow" sync skip
	for ((i = 0; i < 5; i++)); do
		dd if=/dev/urandom of=/dev/mapper/r bs=4k seek="$i" count=1 oflag=direct \
			conv=notrunc status=none
		same "block $i of the replica" \
			"$(dd if="$b" bs=4k skip="$i" count=1 iflag=direct status=none | sha256sum)" \
			"$(dd if="$a" bs=4k skip="$i" count=1 iflag=direct status=none | sha256sum)"
	done
	compare_legs "$a" "$b"
}

confirm()
{
	local disk
	new_loop origin 8M
	new_loop disk 8M
	new_linear replica "$disk"
	new_mirror r "$origin" "$replica" resync_rate 1 recovery manual
	refuse message r confirm 100
	refuse message r confirm 0
	refuse message r confirm 3600001
	refuse message r confirm soon
	message r set resync_rate auto
	run message r confirm 60000
	same "state" "$(status r state)" Synchronized
	run message r confirm
	message r fracture
	refuse message r confirm
	message r resync
	run message r confirm 60000
	break_dev "$replica"
	put /dev/mapper/r 1 1
	refuse message r confirm 20000
	wait_for 20 "r to break" is r Broken
	heal_dev "$replica"
	wait_for 20 "r to be suspended" is r Suspended
	refuse message r confirm 20000
}

ktap_header
ktap_case "flushes and FUA reach both legs" both_logs
ktap_case "a slow replica is waited for" slow_leg 0 800
ktap_case "a slow origin is waited for" slow_leg 800 0
ktap_case "what is acknowledged is on the replica" has_it
ktap_case "confirm waits until the replica has all" confirm
ktap_finish
