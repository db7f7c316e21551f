#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=120
#
# User names and passwords come from a file that nobody else may read, or from the
# terminal, and are never shown; a target on this machine takes none, and other systems
# there are none.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"

legs()
{
	new_loop source 4M
	new_loop target 4M
	file=/tmp/credentials-$BASHPID
	defer rm -f "$file"
	(umask 077 && printf '%s\n' '# of the other system' username=admin password=s3cret >"$file")
}

# no RETURN EXIT PARAMETER SENTENCE OPTION...
no()
{
	local value=$1 exit=$2 parameter=$3 sentence=$4 before
	shift 4
	before=$(world "$source" "$target")
	cli_returns "$value" "$exit" create "$source" "$target" --name r "$@"
	complains "$sentence"
	same "ParameterInfo" "$(get .error.ParameterInfo)" "$parameter"
	[[ $text$complaint$json != *s3cret* ]] || fail "the password is shown"
	same "the devices and mappings" "$(world "$source" "$target")" "$before"
}

local_target()
{
	legs
	no 1 1 username "a local target takes no credentials" --credentials "$file"
}

who_may_read()
{
	local mode
	legs
	for mode in 0640 0604 0610 0601 0620; do
		chmod "$mode" "$file"
		no 5 5 credentials "$file can be used by others than its owner, and must have mode 0600" \
			--credentials "$file"
	done
	chmod 0400 "$file"
	no 1 1 username "a local target takes no credentials" --credentials "$file"
	chown nobody "$file"
	no 5 5 credentials "$file belongs to another user" --credentials "$file"
	no 5 5 credentials "/dev/zero is not a regular file" --credentials /dev/zero
	no 8 8 credentials "/tmp/none cannot be read: No such file" --credentials /tmp/none
	no 5 64 ask-credentials "exclude each other" --credentials "$file" --ask-credentials
}

what_is_in_it()
{
	legs
	echo username=admin >"$file"
	no 5 5 credentials "$file has no line 'password=...'" --credentials "$file"
	printf 'password=s3cret\nuser=admin\n' >"$file"
	no 5 5 credentials "line 2 of $file is neither" --credentials "$file"
	printf 'password=s3cret\npassword=s3cret\n' >"$file"
	no 5 5 credentials "line 2 of $file is neither" --credentials "$file"
	printf 'username=\npassword=s3cret\n' >"$file"
	no 5 5 credentials "line 1 of $file is neither" --credentials "$file"
	printf 'username=%0300d\n' 1 >"$file"
	no 5 5 credentials "line 1 of $file is neither" --credentials "$file"
	head -c 2000 /dev/zero >"$file"
	no 5 5 credentials "$file is longer than" --credentials "$file"
	printf 'username=a\0b\npassword=s3cret\n' >"$file"
	no 5 5 credentials "$file has no line 'password=...'" --credentials "$file"
}

# Answers the questions on a terminal; what the terminal showed is in $shown.
asked()
{
	shown=$(python3 - "$@" <<-'END'
	import os, pty, sys, time
	pid, fd = pty.fork()
	if not pid:
	    os.execvp('replicactl', ['replicactl', 'create', *sys.argv[2:], '--ask-credentials'])
	text = b''
	answers = [(b'User name: ', b'admin\n'), (b'Password: ', sys.argv[1].encode() + b'\n')]
	while True:
	    try:
	        data = os.read(fd, 1000)
	    except OSError:
	        break
	    if not data:
	        break
	    text += data
	    if answers and text.endswith(answers[0][0]):
	        time.sleep(0.3)         # until the echo is off
	        os.write(fd, answers.pop(0)[1])
	print(text.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	END
	)
	say "${shown//$'\n'/ | }"
}

terminal()
{
	legs
	asked s3cret "$source" "$target"
	[[ $shown == *"a local target takes no credentials"*" 1" ]] || fail "it was not asked for"
	[[ $shown == *admin* ]] || fail "the user name has no echo"
	[[ $shown != *s3cret* ]] || fail "the password has an echo"
	asked s3c$'\x03'ret "$source" "$target"
	[[ $shown == *"no user name or no password"*" 5" ]] || fail "Ctrl-C is taken for a letter"
	status=0
	json=$(setsid replicactl --json create "$source" "$target" --ask-credentials </dev/null) || status=$?
	same "the exit status without a terminal" "$status" 5
	[[ $(get .error.Description) == "there is no terminal to ask"* ]] || fail "$json"
}

systems()
{
	local name
	legs
	no 1 1 TargetStorageSystem "\"far.example.org\" is not this machine" \
		--target-system far.example.org
	no 1 1 TargetStorageSystem "is not this machine" --target-system far.example.org \
		--credentials "$file"
	for name in localhost "$(uname -n)"; do
		cli create "$source" "$target" --dry-run --target-system "$name"
		same "return_value" "$(get .return_value)" 0
		same "the system of the peer" "$(get .TargetReplicaPeer.PeerSystemName)" "$(uname -n)"
	done
}

ktap_header
ktap_case "a target on this machine takes none" local_target
ktap_case "the file is for root alone" who_may_read
ktap_case "lines that are none" what_is_in_it
ktap_case "the terminal is asked, without echo" terminal
ktap_case "names of this machine, and of others" systems
ktap_finish
