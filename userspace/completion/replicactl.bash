# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Completion of replicactl(8) for bash.  What may come is the tool's to say
# ("replicactl __complete WORD..."), from the tables that it parses by; here
# it is only fitted to what bash has split.

# Block devices, and the directories on the way to them.
_replicactl_devices()
{
	local path
	while IFS= read -r path; do
		if [[ -d $path ]]; then
			COMPREPLY+=("$path/")
		elif [[ -b $path ]]; then
			COMPREPLY+=("$path")
		fi
	done < <(compgen -f -- "${1:-/dev/}")
}

_replicactl_files()
{
	local path
	while IFS= read -r path; do
		if [[ -d $path ]]; then
			COMPREPLY+=("$path/")
		else
			COMPREPLY+=("$path")
		fi
	done < <(compgen -f -- "$1")
}

# HEAD is what of the word stays as it is, LEAD what of that bash will not replace.
_replicactl_one()
{
	local cur=$1 candidate=$2 head=$3 lead=$4
	case $candidate in
	@device) _replicactl_devices "$cur" ;;
	@file) _replicactl_files "$cur" ;;
	"$cur"*)
		printf -v candidate '%q' "$candidate"
		candidate=$head$candidate
		COMPREPLY+=("${candidate#"$lead"}")
		;;
	esac
}

_replicactl()
{
	local line=${COMP_LINE:0:COMP_POINT} word cur head lead='' candidate words
	COMPREPLY=()
	read -ra words <<<"$line"
	[[ $line != *[[:space:]] ]] || words+=("")
	word=${words[-1]} cur=$word
	# "--option=value" is "--option value"; of "key=value,key=value" the last pair counts.
	if [[ $cur == --*=* ]]; then
		words[-1]=${cur%%=*}
		cur=${cur#*=}
		words+=("$cur")
	fi
	[[ $cur != *=*,* ]] || cur=${cur##*,}
	head=${word%"$cur"}
	# bash puts the completion in the place of what follows the last "=".
	[[ $word != *=* || $COMP_WORDBREAKS != *=* ]] || lead=${word%=*}=
	while IFS= read -r candidate; do
		_replicactl_one "$cur" "$candidate" "$head" "$lead"
	done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
	if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *[=/] ]]; then
		compopt -o nospace 2>/dev/null || true
	fi
}

complete -F _replicactl replicactl
