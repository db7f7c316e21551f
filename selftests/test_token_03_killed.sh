#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=long timeout=900
#
# The tool is killed at each of its calls to device-mapper, while it captures and redeems: the
# source works all the time, the token is what it was or none, and nothing is left behind.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/snapshot.sh"
. "$(dirname "$0")/lib/token.sh"

capture_killed()
{
	local source leg table store target file=$dev_dir/token n=8
	need strace -V
	new_source 1M
	new_loop store 2M
	new_loop target 1M
	defer rm -f "$file"
	defer snapshot_gone tok
	while killed "$n" create --sync-type tokenized-clone --name tok "$source" --store "$store" \
		--token "$file" --force; do
		works "$n"
		[[ ! -e $file || $(stat -c %s "$file") == 512 ]] ||
			refuse_token 5 5 "its capture was cut short" "$file" "$target"
		mapping_gone tok || run replicactl remove tok
		no_token tok "$store"
		rm -f "$file"
		n=$((n + 1))
	done
	((n > 20)) || fail "it was over after $n calls"
	run replicactl create --token "$file" "$target" --wait-for synchronized --timeout 60
	run replicactl token release "$file"
	no_token tok "$store"
}

redeem_killed()
{
	local source leg table store target before file=$dev_dir/token n=8
	need strace -V
	new_source 1M
	new_loop store 4M
	new_loop target 1M
	capture tok "$source" "$store" "$file"
	before=$(sum /dev/mapper/tok)
	defer dm_gone r-leg
	defer dm_gone r
	while killed "$n" create --token "$file" "$target" --name r; do
		works "$n"
		if table_is_live r; then
			same "r is read-only" "$(read_only r)" 1
			same "its leg is read-only" "$(read_only r-leg)" 1
		fi
		run replicactl token expire
		if ! mapping_gone r; then
			same "the token beneath it" "$(dmsetup info -c --noheadings -o suspended tok)" Active
			run replicactl remove r
		fi
		redeem_gone r || fail "something is left after $n calls: $(dmsetup ls)"
		same "the token" "$(sum /dev/mapper/tok)" "$before"
		n=$((n + 1))
	done
	((n > 20)) || fail "it was over after $n calls"
	run replicactl wait r --timeout 60
	run replicactl finish r
	redeem_gone r || fail "the association is left"
	same "the target" "$(sum "$target")" "$before"
}

# Where there is no udev who was killed has made no other node.
read_only()
{
	blockdev --getro "/dev/dm-$(dmsetup info -c --noheadings -o minor "$1")"
}

# Without one nobody can write to it.
table_is_live()
{
	[[ $(dmsetup table "$1" 2>/dev/null) == *" replica "* ]]
}

ktap_header
ktap_case "killed while it captures" capture_killed
ktap_case "killed while it redeems" redeem_killed
ktap_finish
