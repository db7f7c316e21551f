# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
#
# For the tests of tokens; sourced after snapshot.sh.
#
#	capture NAME SOURCE STORE FILE [OPTION]...	removed at the end of the case
#	refuse_token RETURN EXIT SENTENCE FILE TARGET [OPTION]...	and the target is as it was
#	redeem_gone NAME		neither of its devices is there
#	no_token NAME			it is gone, and $source is as before

capture()
{
	run replicactl create --sync-type tokenized-clone --name "$1" "$2" --store "$3" \
		--token "$4" "${@:5}"
	defer rm -f "$4"
	defer snapshot_gone "$1"
}

refuse_token()
{
	local value=$1 exit=$2 sentence=$3 before
	shift 3
	before=$(sum "$2")
	cli_returns "$value" "$exit" create --token "$@"
	complains "$sentence"
	same "the target" "$(sum "$2")" "$before"
}

redeem_gone()
{
	mapping_gone "$1" && mapping_gone "$1-leg"
}

no_token()
{
	mapping_gone "$1" || fail "token $1 is still there"
	all_as_before "$2"
}
