#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# exports.sh LIBRARY: the shared library exports what the headers declare, no
# more and no less.

here=$(dirname "$0")
headers=$here/../../include/replica
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

nm -D --defined-only "$1" | awk '$2 == "T" { sub(/@.*/, "", $3); print $3 }' |
	sort >"$dir/exported"
nm -D --defined-only "$1" | awk '$2 !~ /^[TA]$/ { print $3 }' >"$dir/data"
cat "$headers"/*.h | sed -e 's|/\*.*\*/||' -e '/\/\*/,/\*\//d' -e '/^typedef/d' |
	grep -o '\<replica_[a-z_]*(' | tr -d '(' | sort -u >"$dir/declared"

echo "KTAP version 1"
echo "1..3"
if [ -s "$dir/declared" ] && diff "$dir/declared" "$dir/exported" >"$dir/diff"; then
	echo "ok 1 headers and library agree on $(wc -l <"$dir/exported") symbols"
	status=0
else
	sed 's/^/# /' "$dir/diff"
	echo "not ok 1 headers and library agree"
	status=1
fi
if [ -s "$dir/data" ]; then
	sed 's/^/# /' "$dir/data"
	echo "not ok 2 no data is exported"
	status=1
else
	echo "ok 2 no data is exported"
fi
if nm -D --undefined-only "$1" |
	grep -E '\<(printf|puts|putchar|perror|exit|_exit|abort|system|popen|signal|sigaction)(@|$)' >"$dir/bad"; then
	sed 's/^/# /' "$dir/bad"
	echo "not ok 3 the library neither prints nor exits"
	status=1
else
	echo "ok 3 the library neither prints nor exits"
fi
exit $status
