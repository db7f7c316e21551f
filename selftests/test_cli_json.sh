#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# Every document of every command keeps to the schema, also those of errors, and nothing
# else is written; the schema itself refuses what it should.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/snapshot.sh"
check=$(dirname "$0")/lib/json-check.py
schema=/usr/share/dm-replica/replicactl.schema.json
[[ -e $schema ]] || schema=$(dirname "$0")/../Documentation/replicactl.schema.json

# valid ARG...: one document, alone on both outputs; all_valid looks at it.
valid()
{
	local file=$dev_dir/document
	say "+ replicactl --json $*"
	replicactl --json "$@" >"$file" 2>"$file.err" || true
	[[ ! -s $file.err ]] || fail "also on the error output: $(cat "$file.err")"
	[[ -s $file ]] || fail "no document"
	cat "$file" >>"$dev_dir/documents"
	asked=$((asked + 1))
}

# all_valid CASE...: runs a case; the documents of its commands keep to the schema.
all_valid()
{
	local found asked=0
	: >"$dev_dir/documents"
	"$@"
	found=$("$check" "$schema" <"$dev_dir/documents") ||
		fail "$found"$'\n'"$(cat "$dev_dir/documents")"
	same "what was found" "$found" "$asked documents"
	jq -r '.command // empty' "$dev_dir/documents" >>"$dev_dir/commands"
}

legs()
{
	new_loop source 8M
	new_loop target 8M
}

life()
{
	legs
	defer dm_gone r
	valid check "$source" "$target"
	valid create "$source" "$target" --name r --dry-run
	valid create "$source" "$target" --name r
	valid status r
	valid status
	valid jobs
	valid wait r
	valid confirm r
	valid set r payload=shared
	valid capabilities
	valid capabilities r
	valid capabilities --sync-type mirror --mode async
	valid capabilities --sync-type clone --mode async
	valid capabilities --source "$source"
	valid split r
	valid resync r
	valid wait r
	valid fracture r
	valid resync r
	valid wait r
	valid mode r async
	valid status r
	valid mode r sync
	valid suspend r
	valid resume r
	valid wait r
	valid deactivate r
	valid activate r
	valid wait r
	valid cancel r
	valid verify r --show
	valid verify r --wait
	valid verify r --repair
	run dd if=/dev/urandom of="$target" bs=4k count=1 seek=77 oflag=direct conv=notrunc status=none
	valid verify r --wait
	valid verify r --show
	valid status r
	valid verify r --repair
	valid wait r
	valid resync r --force --compare
	valid wait r
	valid verify r
	valid resize r
	valid resize r --size 1M
	valid resize r --size 1G --dry-run
	valid status r
	valid jobs r
	valid events --count 1
	valid discover
	valid detach r
	valid jobs r
	defer rm -f /run/replica/replicas/{bad,gone}
	echo bad >/run/replica/replicas/bad
	printf '{"version":1,"boot":"%s","name":"gone","sync_type":6}\n' \
		"$(cat /proc/sys/kernel/random/boot_id)" >/run/replica/replicas/gone
	valid status gone
	valid discover
	valid create "$source" "$target" --name c --sync-type clone --force
	valid status c
	valid finish c --wait
	valid wait c
	valid jobs c
}

logs()
{
	new_loop meta 1M
	legs
	defer dm_gone r
	valid check "$source" "$target" --meta "$meta"
	valid create "$source" "$target" --name r --meta "$meta"
	valid create "$source" "$target" --name s --meta "$meta"
	valid status r
	valid wait r
	valid scan
	valid scan "$meta"
	valid dump "$meta"
	valid fsck "$meta"
	valid fsck "$meta" --repair
	valid activate r
	valid deactivate r
	valid activate r
	valid deactivate --all
	valid activate --all
	valid deactivate r
	run dd if=/dev/zero of="$meta" bs=512 count=1 seek=256 conv=notrunc,fsync status=none
	valid dump "$meta"
	valid fsck "$meta"
	valid fsck "$meta" --repair
	valid activate "$meta"
	valid remove r
	valid scan
	valid dump "$meta"
	valid fsck "$meta"
	valid activate "$meta"
}

copying()
{
	slow_replica r
	valid status r
	valid status
	valid jobs
	valid wait r --timeout 100ms
	valid abort r
	valid status
	valid resync r
	valid cancel r
	valid jobs r
	valid remove r
}

# Of $source, with $store.
tokens()
{
	local file=$dev_dir/token
	defer rm -f "$file"
	defer snapshot_gone tok
	valid create "$source" --sync-type tokenized-clone --name tok --store "$store" --token "$file"
	valid status tok
	valid status
	valid create --token "$file" "$target" --force --dry-run
	valid create --token "$file" "$target" --force --wait-for synchronized
	valid create --token "$file" "$source"
	valid create --token zero "$target" --force
	valid token expire
	valid token release "$file"
	valid token release "$file"
	valid create --token "$file" "$target"
}

# Kinds of copy that end in other ways than a mirror.
other_kinds()
{
	legs
	valid create "$source" "$target" --name r --sync-type clone
	valid wait r --timeout 20
	valid finish r
	new_source 8M
	new_loop store 8M
	valid create "$source" "$store" --name snap --sync-type snapshot
	defer snapshot_gone snap
	valid status snap
	valid status
	valid restore snap
	valid remove snap
	valid create "$source" "$store" --name snap --sync-type snapshot
	valid remove snap
	valid create "$source" "$store" --sync-type snapshot --dry-run
	tokens
}

errors()
{
	legs
	run mkfs.ext4 -q "$target"
	valid create "$source" "$target"
	valid check "$source" /dev/no-such
	valid create /etc/passwd "$source" --settings payload=none
	valid create "$source" "$source" --mode async
	valid mode nobody async
	valid mode r sometimes
	for command in status wait confirm suspend resume fracture split resync abort activate \
		deactivate reverse failover failback prepare detach dissolve remove return-to-pool \
		jobs cancel capabilities verify resize restore finish test-failover; do
		valid "$command" nobody
	done
	valid token release nobody
	valid token sometimes
	valid set nobody payload=copy
	valid events nobody --timeout 1
	valid quux
	valid status --wacth
	valid create
	valid create --token zero
}

others()
{
	valid --version
	valid version
	valid --help
	valid help create
	valid events --help
	valid status
	valid jobs
}

# Streams: one document in each line.
streams()
{
	local pid
	legs
	new_replica r "$source" "$target"
	replicactl events --json >"$dev_dir/events" &
	pid=$!
	timeout -s INT 20 replicactl status --watch --json >"$dev_dir/watch" &
	wait_for 20 "both to begin" grep -q Synchronized "$dev_dir/events" "$dev_dir/watch"
	run replicactl split r
	run replicactl resync r
	run replicactl wait r
	run replicactl remove r
	wait_for 20 "the end" grep -q '"Replica":null' "$dev_dir/watch"
	kill -INT "$pid"
	wait
	run "$check" "$schema" <"$dev_dir/events"
	run "$check" "$schema" <"$dev_dir/watch"
	same "the documents of a line" "$(jq -s length "$dev_dir/events")" "$(wc -l <"$dev_dir/events")"
}

# A check that accepts everything would prove nothing.
strict()
{
	local good change
	good=$(replicactl --json status)
	for change in 'del(.return_name)' '.return_value = 6' '.extra = 1' '.version = 2' \
		'.return_value = 5' '.Replicas = {}' '.message = 3' 'del(.Replicas)' \
		'.error = {}' '.command = "wait"'; do
		refuse "$check" "$schema" <<<"$(jq "$change" <<<"$good")"
	done
}

# What was run above is all that there is.
complete()
{
	local command
	for command in $(replicactl --json help |
		jq -r '.MakeCommands[], .LookCommands[], .WorkCommands[], .LogCommands[],
			.HelpCommands[] | .Command'); do
		grep -qx "$command" "$dev_dir/commands" || fail "$command was not checked"
	done
}

ktap_header
rm -f "$dev_dir/commands"
ktap_case "the documents of a life" all_valid life
ktap_case "the documents of meta devices" all_valid logs
ktap_case "while a copy runs" all_valid copying
ktap_case "clones and snapshots" all_valid other_kinds
ktap_case "errors" all_valid errors
ktap_case "help and versions" all_valid others
ktap_case "streams" streams
ktap_case "the schema is strict" strict
ktap_case "no command was left out" complete
ktap_finish
