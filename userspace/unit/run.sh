#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh LIBRARY PROGRAM...
#
# Runs the unit tests, each program a subtest in KTAP, and the check of the
# exported symbols.  Exit status 0 if all are ok.

library=$1
shift
here=$(dirname "$0")
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
failed=0
n=0

result() {
	n=$((n + 1))
	sed 's/^/  /' "$out"
	if [ "$1" -eq 0 ]; then
		echo "ok $n $2"
	else
		echo "not ok $n $2 # exit status $1"
		failed=1
	fi
}

echo "KTAP version 1"
echo "1..$(($# + 1))"
for program; do
	LC_ALL=C timeout 300 "$program" >"$out" 2>&1
	result $? "$(basename "$program")"
done
sh "$here/exports.sh" "$library" >"$out" 2>&1
result $? exports
exit $failed
