#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=300
#
# Every return value of CreateReplica, provoked by what it is for, with the exit status
# and the sentence that the user sees; and after each failure nothing has changed.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"

legs()
{
	new_loop source 8M
	new_loop target 8M
	run dd if=/dev/urandom of="$source" bs=1M count=8 status=none
	defer dm_gone r
}

# With this before its name the tool runs under restrictions.
under=()
replicactl()
{
	"${under[@]}" "$(type -P replicactl)" "$@"
}

# fails RETURN EXIT PARAMETER SM_CODE SENTENCE ARG...: as text and as JSON, without a change.
fails()
{
	local value=$1 exit=$2 parameter=$3 code=$4 sentence=$5 before
	shift 5
	before=$(world "$source" "$target")
	cli_returns "$value" "$exit" "$@"
	complains "$sentence"
	same "ParameterInfo" "$(get .error.ParameterInfo)" "$parameter"
	same "StatusCode" "$(get .error.StatusCode)" "$value"
	same "SMErrorCode" "$(get .error.SMErrorCode)" "$code"
	under=()
	same "the devices and mappings" "$(world "$source" "$target")" "$before"
}

# manual VALUE: the exit status that the page prints for it.
manual()
{
	local page=/usr/share/man/man8/replicactl.8
	[[ -e $page ]] || page=/usr/lib/dm-replica/Documentation/man/replicactl.8
	sed -n "s/^\.It $1 Ta .* Ta \([0-9]*\)$/\1/p" "$page"
}

exit_statuses()
{
	local pair
	for pair in 0:0 1:1 2:2 3:3 4:4 5:5 8:8 4096:0 40001:11 40002:12 40003:13; do
		same "the exit status of ${pair%:*} in the manual" "$(manual "${pair%:*}")" "${pair#*:}"
	done
}

success()
{
	legs
	cli_text create "$source" "$target" --name r --wait-for synchronized --timeout 60
	same "the exit status" "$status" 0
	[[ $text == "Created 'r'; it is Synchronized."* ]] || fail "the text is: $text"
	cli status r
	same "return_value" "$(get .return_value)" 0
	same "return_name" "$(get .return_name)" Success
	compare_legs "$source" "$target"
}

job_started()
{
	legs
	cli create "$source" "$target" --name r
	same "return_value" "$(get .return_value)" 4096
	same "the exit status" "$status" 0
	same "return_name" "$(get .return_name)" "Method Parameters Checked - Job Started"
	[[ $(get .message) == "Created 'r'; job 1 copies $source to $target."* ]] ||
		fail "the message is: $(get .message)"
	run replicactl wait r --timeout 60
	compare_legs "$source" "$target"
}

# Neither loaded nor to be loaded: the kernel asks modprobe, which is told to fail.
not_installed()
{
	legs
	run modprobe -r dm-replica
	defer modprobe dm-replica
	mkdir -p /run/modprobe.d
	echo "install dm-replica /bin/false" >/run/modprobe.d/no-replica.conf
	defer rm -f /run/modprobe.d/no-replica.conf
	fails 1 1 null 2 "kernel module dm-replica is not loaded" \
		create "$source" "$target" --name r
	fails 1 1 null 2 "kernel module dm-replica is not loaded" status r
}

# The module itself, with an older number in its netlink family.
old_module()
{
	local ko=/tmp/old-replica.ko
	python3 - "$(modinfo -n dm-replica)" "$ko" <<-'END'
	import sys
	data = open(sys.argv[1], 'rb').read()
	name = b'dm_replica'.ljust(16, b'\0')
	at = [i for i in range(len(data)) if data.startswith(name + b'\1\0\0\0', i)]
	assert len(at) == 1, at
	at = at[0] + len(name)
	open(sys.argv[2], 'wb').write(data[:at] + b'\0' + data[at + 1:])
	END
	defer rm -f "$ko"
	legs
	run modprobe -r dm-replica
	defer modprobe dm-replica
	modinfo -F depends dm-replica | tr , '\n' | xargs -r modprobe -a
	run insmod "$ko"
	defer rmmod dm_replica
	fails 1 1 null 93 "the kernel module dm-replica that is loaded is too old" \
		create "$source" "$target" --name r
	fails 1 1 null 93 "the kernel module dm-replica that is loaded is too old" status
}

# A number that no table has, from where none is expected.
unspecified()
{
	legs
	run replicactl create "$source" "$target" --name r --wait-for synchronized
	under=(strace -o /dev/null -P /dev/mapper/r -e 'inject=stat,newfstatat,statx:error=EXDEV')
	fails 2 2 Name 18 "there is no replica \"/dev/mapper/r\": Invalid cross-device link" \
		status /dev/mapper/r
}

timed_out()
{
	local disk
	new_loop disk 64M
	new_delay source "$disk" 500 0
	new_loop target 64M
	defer dm_gone r
	cli_text create "$source" "$target" --name r --settings resync_rate=1 \
		--wait-for synchronized --timeout 500ms
	same "the exit status" "$status" 3
	[[ $complaint == "replicactl: replica \"r\" is not Synchronized after 500 ms"* ]] ||
		fail "the complaint is: $complaint"
	cli_returns 3 3 wait r --timeout 200ms
	complains "replica \"r\" is not Synchronized after 200 ms"
	same "ParameterInfo" "$(get .error.ParameterInfo)" WaitForCopyState
	same "SMErrorCode" "$(get .error.SMErrorCode)" 110
}

in_use()
{
	legs
	new_linear holder "$source"
	fails 4 4 Source 6 "$source is in use by" create "$source" "$target" --name r
}

invalid()
{
	legs
	fails 5 5 TargetStorageVolume 22 "$source and $source are the same device" \
		create "$source" "$source" --name r
	fails 5 5 Mode 22 "mode 1 is a reserved value" create "$source" "$target" --mode 1
}

not_found()
{
	legs
	fails 8 8 TargetStorageVolume 2 "/dev/nothing does not exist" \
		create "$source" /dev/nothing --name r
	fails 8 8 Name 19 "no active replica has this name" status nobody
}

# Root in all but the one capability.
denied()
{
	legs
	run replicactl create "$source" "$target" --name r --wait-for synchronized
	under=(setpriv --bounding-set=-sys_admin)
	fails 40001 11 null 13 "device-mapper cannot be used: Permission denied" remove r
	under=(setpriv --bounding-set=-sys_admin)
	fails 40001 11 null 1 "this command needs CAP_SYS_ADMIN" set r resync_rate=7
	under=(setpriv --bounding-set=-sys_admin)
	fails 40001 11 null 1 "this command needs CAP_SYS_ADMIN" resync r --force
}

sent()
{
	(($(grep -c sendmsg "$1") >= $2))
}

# The tool knows the module of before, which is another one when it asks.
out_of_date()
{
	local log=/tmp/requests-$BASHPID tool
	legs
	: >"$log"
	defer rm -f "$log"
	strace -o "$log" -e trace=sendmsg -e inject=sendmsg:delay_enter=20s:when=2 \
		"$(type -P replicactl)" --json status r >"$log.json" &
	tool=$!
	defer rm -f "$log.json"
	wait_for 20 "the tool to look for the module" sent "$log" 1
	run modprobe -r dm-replica
	run modprobe dm-replica
	status=0
	wait "$tool" || status=$?
	json=$(<"$log.json")
	same "the exit status" "$status" 13
	same "return_value" "$(get .return_value)" 40003
	same "return_name" "$(get .return_name)" "Cache out of date"
	same "the sentence" "$(get .error.Description)" \
		"kernel module dm-replica was loaded anew meanwhile"
	[[ $(get .error.Hint) == *"try again"* ]] || fail "no cure is told"
}

# A replica that comes and goes, until somebody says that it is enough.
pass_by()
{
	until [[ -e $1 ]]; do
		dmsetup create passing --table "$2"
		dmsetup remove passing
	done
}

enough()
{
	touch "$1"
	wait "$2" || true
}

# Each time, after it has asked and before it has heard all, another replica comes or goes.
none_stays()
{
	local log=/tmp/requests-$BASHPID one two
	legs
	new_loop one 1M
	new_loop two 1M
	run replicactl create "$source" "$target" --name r --wait-for synchronized
	defer rm -f "$log" "$log.enough"
	defer dm_gone passing
	(set +eE; pass_by "$log.enough" "0 2048 replica $one $two - sync 2 sync skip") >/dev/null 2>&1 &
	defer enough "$log.enough" $!
	under=(strace -qq -o "$log" -e trace=sendmsg
		-e "inject=sendmsg:delay_exit=$((1500 * ktap_factor))ms")
	cli status
	under=()
	same "the exit status" "$status" 13
	same "return_value" "$(get .return_value)" 40003
	same "the sentence" "$(get .error.Description)" "replicas came or went while they were listed"
	same "SMErrorCode" "$(get .error.SMErrorCode)" 116
	[[ $(get .error.Hint) == *"try again"* ]] || fail "no cure is told"
	(($(grep -c sendmsg "$log") >= 10)) || fail "it did not try ten times"
	enough "$log.enough" $!
	cli status
	same "return_value when nothing changes" "$(get .return_value)" 0
}

no_memory()
{
	legs
	fails 40002 12 queue_bytes 12 "at most half of this machine's memory of" \
		create "$source" "$target" --name r --mode async --settings queue_bytes=2G
	run replicactl create "$source" "$target" --name r --wait-for synchronized
	fails 40002 12 queue_bytes 12 "at most half of this machine's memory of" \
		set r queue_bytes=2G
}

ktap_header
ktap_case "the manual has the exit statuses" exit_statuses
ktap_case "0: all is done within the call" success
ktap_case "4096: a job goes on" job_started
ktap_case "1: the kernel module is not there" not_installed
ktap_case "1: the kernel module is too old" old_module
ktap_case "2: an errno that nobody knows" unspecified
ktap_case "3: the time is over" timed_out
ktap_case "4: the source is in use" in_use
ktap_case "5: parameters that make no sense" invalid
ktap_case "8: a target, and a replica, that does not exist" not_found
ktap_case "40001: without CAP_SYS_ADMIN" denied
ktap_case "40002: more memory than there is" no_memory
ktap_case "40003: the module is another one than before" out_of_date
ktap_case "40003: replicas come and go while they are listed" none_stays
ktap_finish
