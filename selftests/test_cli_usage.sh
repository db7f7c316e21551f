#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=240
#
# A command line that makes no sense is refused with 64, says what was meant, and is
# JSON if JSON was asked for; help is complete.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"

# wrong PARAMETER SENTENCE ARG...
wrong()
{
	local parameter=$1 sentence=$2
	shift 2
	cli_text "$@"
	same "the exit status" "$status" 64
	cli "$@"
	same "the exit status with --json" "$status" 64
	same "return_value, ParameterInfo and ProviderName" \
		"$(get '"\(.return_value) \(.error.ParameterInfo) \(.error.ProviderName)"')" \
		"5 $parameter replicactl"
	complains "$sentence"
	[[ $complaint == *"--help' shows what there is"* ]] || fail "no word about --help"
}

misspelled()
{
	wrong COMMAND "unknown command 'statsu'; did you mean 'status'?" statsu
	wrong COMMAND "unknown command 'quux'" quux
	wrong --wacth "unknown option '--wacth'; did you mean '--watch'?" status --wacth
	wrong --NAME "unknown option '--NAME'; did you mean '--name'?" create a b --NAME r
	wrong -x "'status' has no option '-x'" status -x
}

miscounted()
{
	wrong COMMAND "a command is needed"
	wrong "SOURCE [TARGET]" "'create' needs SOURCE TARGET, or SOURCE and --pool" create /dev/null
	wrong c "'c' is one argument too many for 'create'" create a b c
	wrong "SOURCE [TARGET]" "'create' needs SOURCE [TARGET]" create
	wrong "SOURCE [TARGET]" "'create' needs SOURCE [TARGET]" create --name r
	wrong "SOURCE [TARGET]" "'create' needs SOURCE [TARGET]" create --token t --sync-type clone
	wrong TARGET "TARGET is missing: 'create --token zero' has no argument, expected the device to overwrite with zeroes" \
		create --token zero
	wrong TARGET "TARGET is missing: 'create --token t' has no argument, expected the device to overwrite with what the token names" \
		create --token t --force
	wrong "SOURCE [TARGET]" "'check' needs SOURCE TARGET, or SOURCE and --pool" check /dev/null
	wrong b "'check --pool' takes SOURCE alone" check a b --pool vg
	wrong c "'c' is one argument too many for 'check'" check a b c
	wrong x "'x' is one argument too many for 'discover'" discover x
	wrong timeout "'--timeout' needs a value" wait x --timeout
	wrong watch "'--watch' takes no value" status --watch=1
	wrong -jV "'-jV' is more than one option" status -jV
	wrong "[NAME|DEVICE]" "'activate' needs NAME or DEVICE, or --all" activate
	wrong "[NAME]" "'deactivate' needs NAME, or --all" deactivate
	wrong "NAME|POOL" "'return-to-pool' needs NAME" return-to-pool
	wrong "NAME|POOL" "'return-to-pool --left' needs POOL" return-to-pool --left
	wrong NAME "an argument of 'remove' is empty" remove ""
	wrong "SOURCE [TARGET]" "an argument of 'create' is empty" create /dev/null ""
}

mistyped()
{
	wrong timeout "'--timeout' is 'soon', expected a time" wait x --timeout soon
	wrong timeout "'--timeout' is '0', expected a time" wait x --timeout 0
	wrong timeout "'--timeout' is '50d', expected a time" wait x --timeout 50d
	wrong for "'--for' is 'happy', expected a copy state" wait x --for happy
	wrong mode "'--mode' is '65536', expected" create a b --mode 65536
	wrong sync-type "'--sync-type' is '6x', expected" create a b --sync-type 6x
	wrong store-size "'--store-size' is 'x%', expected a whole percentage" create a --store-size x%
	wrong store-size "'--store-size' is '0%', expected a whole percentage" create a --store-size 0%
	wrong store-size "'--store-size' is 'much', expected a size" create a --store-size much
	wrong count "'--count' is '-1', expected a number" events --count -1
	wrong JOB "the job is 'one', expected a number" cancel x one
	wrong size "'--size' is 'large', expected a size" resize x --size large
	wrong size "'--size' is '0', expected a size" resize x --size 0
}

# An option that would have no effect is not swallowed.
without_effect()
{
	wrong timeout "limits the wait of '--wait-for'" create a b --timeout 5
	wrong wait-for "'--dry-run' creates nothing" create a b --dry-run --wait-for synchronized
	wrong counters "'--counters' needs the NAME" status --counters
	wrong timeout "limits the wait of '--wait'" verify x --timeout 5
	wrong sync-type "'--sync-type' is for 'check --pool'" check a b --sync-type snapshot
	wrong store-size "'--store-size' is for 'check --pool'" check a b --store-size 1M
	wrong sync-type "no token is made with a pool" check a --pool vg --sync-type tokenized-clone
	wrong timeout "limits the wait of '--wait'" finish x --timeout 5
	wrong repair "'--show' and '--repair' exclude each other" verify x --show --repair
	wrong no-wait "'--wait' and '--no-wait' exclude each other" verify x --wait --no-wait
	wrong show "'--show' starts no verify" verify x --show --wait
}

# Words that begin with a dash can be arguments.
double_dash()
{
	cli status -- --watch
	same "return_value" "$(get .return_value)" 8
}

# all_commands: their names, from the help.
all_commands()
{
	cli help >/dev/null
	get '.MakeCommands[], .LookCommands[], .WorkCommands[], .LogCommands[], .HelpCommands[] | .Command'
}

complete_help()
{
	local command commands
	run replicactl --help | awk 'length > 80 { exit 1 }' || fail "lines of more than 80 columns"
	man replicactl | col -b >"$dev_dir/page"
	commands=$(all_commands)
	same "the number of commands" "$(wc -w <<<"$commands")" 39
	for command in $commands; do
		text=$(replicactl "$command" --help)
		[[ $text == "Usage: replicactl $command"* ]] || fail "no usage of $command"
		awk 'length > 80 { exit 1 }' <<<"$text" || fail "$command: lines of more than 80 columns"
		grep -qw "$command" "$dev_dir/page" || fail "$command is not in the man page"
	done
}

# Each option that help shows stands in the man page.
documented_options()
{
	local command option
	man replicactl | col -b >"$dev_dir/page"
	for command in $(all_commands); do
		for option in $(replicactl help "$command" --json | jq -r '.Options[]?.Option' | cut -d' ' -f1); do
			grep -qw -- "$option" "$dev_dir/page" || fail "$command $option is not in the man page"
		done
	done
}

ktap_header
ktap_case "what is misspelled gets the nearest" misspelled
ktap_case "arguments are counted" miscounted
ktap_case "values are checked for their type" mistyped
ktap_case "options that would have no effect are refused" without_effect
ktap_case "after -- a dash means nothing" double_dash
ktap_case "every command has help, and is in the man page" complete_help
ktap_case "every option is in the man page" documented_options
ktap_finish
