#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=1200
#
# 20000 random and damaged netlink requests, and as many datagrams of noise, while the
# device is written to: none may change anything that it is not entitled to, bring out
# a line in the kernel log, or make the legs differ.
#
# shellcheck disable=SC2154,SC2317 # variables are set and functions called by their names
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/netlink/setup.sh"

requests=${REPLICA_FUZZ:-20000}

fuzz()
{
	new_replica r 4M sync skip
	nl fuzz fuzz "$r" "$requests" ${REPLICA_SEED:+"$REPLICA_SEED"}
}

under_load()
{
	local load
	new_replica r 8M
	wait_for 60 "the initial copy" in_sync "$r"
	fio --name=load --filename="/dev/mapper/$r" --rw=randwrite --bs=4k --direct=1 \
		--ioengine=libaio --iodepth=8 --time_based --runtime=600 --output=/dev/null &
	load=$!
	nl fuzz fuzz "$r" $((requests / 10)) ${REPLICA_SEED:+"$REPLICA_SEED"}
	kill -0 "$load" || fail "the writer died"
	kill "$load"
	wait "$load" || true
	dmsetup message "$r" 0 resync || dmsetup message "$r" 0 resync force ||
		dmsetup message "$r" 0 resume || dmsetup message "$r" 0 activate || true
	wait_for 60 "the last copy" in_sync "$r"
	run dmsetup message "$r" 0 confirm 60000
	compare_legs "$r_origin" "$r_copy"
}

noise()
{
	new_replica r 4M sync skip
	nl fuzz noise "$requests" ${REPLICA_SEED:+"$REPLICA_SEED"}
}

ktap_header
ktap_case "$requests random requests" fuzz
ktap_case "random requests while the device is written to" under_load
ktap_case "$requests datagrams of noise" noise
ktap_finish
