# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# Pools of dm-thin without LVM; sourced after ktap.sh and dev.sh.
#
#	new_pool SIZE [BLOCK [META [FEATURES]]]	$pool, and $pool_table to make it again
#	used POOL		its blocks that are in use
#	has_volume POOL ID
#	ours			the mapped devices of volumes that were cut, in one line
#	all_free POOL		nothing that was cut is left, and nothing of ours besides

thin_first=8388608

# new_pool SIZE [BLOCK [META [FEATURES]]]
new_pool()
{
	local data meta name
	modprobe -q dm-thin-pool || true
	dmsetup targets | grep -q ^thin-pool || skip "needs a kernel with dm-thin-pool"
	new_loop data "$1"
	new_loop meta "${3:-4M}"
	dev_name name pool
	pool=/dev/mapper/$name
	pool_table="0 $(dev_sectors "$data") thin-pool $meta $data $(($(dev_bytes "${2:-64K}") / 512)) 0 ${4:-0}"
	run dmsetup create "$name" --table "$pool_table"
	defer pool_gone "$pool"
}

# With all that lies on it.
pool_gone()
{
	local map
	dmsetup info "$1" >/dev/null 2>&1 || return 0
	for map in $(dmsetup ls --target thin -o devname 2>/dev/null | awk '{ print $1 }'); do
		dm_gone "$map"
	done
	dm_gone "${1##*/}"
}

used()
{
	dmsetup status "$1" | awk '{ sub("/.*", "", $6); print $6 }'
}

# The kernel tells by taking a table.
has_volume()
{
	local is=0
	run dmsetup create test-probe --notable
	dmsetup load test-probe --table "0 8 thin $1 $2" 2>/dev/null || is=1
	run dmsetup remove test-probe
	return "$is"
}

ours()
{
	dmsetup info -c --noheadings --separator ' ' -o name,uuid | awk '$2 ~ /^REPLICATHIN-/ { print $1 }' |
		sort | xargs
}

all_free()
{
	local id
	same "mapped devices of volumes" "$(ours)" ""
	[[ $(dmsetup ls) != *replica-pool-* ]] || fail "the directory is left: $(dmsetup ls)"
	for ((id = thin_first; id < thin_first + 6; id++)); do
		! has_volume "$1" "$id" || fail "volume $id is left"
	done
	same "blocks in use" "$(used "$1")" 0
}
