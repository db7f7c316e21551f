# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2034
#
# The cache of images: directories named KIND-KEY, where KEY is a hash of all
# that went into them. A directory is built under a temporary name and renamed
# when it is complete, under a lock, so that a half-built one is never seen and
# nothing is built twice.

cache_dir()
{
	local home=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
	echo "${DM_REPLICA_CACHE:-${home:-/var/cache}/dm-replica}"
}

vm_die()
{
	echo "vm: $*" >&2
	exit 97
}

vm_say()
{
	echo "vm: $*" >&2
}

# hash_of TEXT...: a short key for the given words.
hash_of()
{
	printf '%s\n' "$@" | sha256sum | cut -c1-12
}

# hash_files FILE...: a short key for the contents of files.
hash_files()
{
	cat "$@" | sha256sum | cut -c1-12
}

# cached KIND KEY BUILDER ARG...: prints the directory KIND-KEY, after running
# BUILDER TMP ARG... to fill it when it is not there. Call it as $(cached ...).
cached()
{
	local kind=$1 key=$2 cache dir tmp lock
	shift 2
	cache=$(cache_dir)
	dir=$cache/$kind-$key
	mkdir -p "$cache"
	if [[ ! -d $dir ]]; then
		exec {lock}>"$cache/$kind.lock"
		flock "$lock"
		if [[ ! -d $dir ]]; then
			tmp=$(mktemp -d "$cache/tmp.XXXXXXXX")
			# shellcheck disable=SC2064 # this tmp; runs at the end of $(cached ...)
			trap "rm -rf --one-file-system '$tmp'" EXIT
			vm_say "building $kind-$key"
			"$1" "$tmp" "${@:2}" >&2
			chmod 755 "$tmp"
			mv -T "$tmp" "$dir"
			cache_prune "$cache" "$kind"
		fi
		exec {lock}>&-
	fi
	touch "$dir"
	echo "$dir"
}

# cache_prune CACHE KIND: forgets what nobody has used for two weeks, and what
# an interrupted build left behind.
cache_prune()
{
	find "$1" -maxdepth 1 -type d \( -name "$2-*" -mtime +14 -o -name 'tmp.*' -mtime +1 \) \
		-exec rm -rf --one-file-system {} +
}
