# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# For tests with systemd=yes that have rules of their own.
#
#	udev_rule NAME RULE	until the end of the case

udev_rule()
{
	local file=/run/udev/rules.d/$1.rules
	run mkdir -p "${file%/*}"
	defer udev_rule_gone "$file"
	echo "$2" >"$file"
	run udevadm control --reload
}

# By itself udev looks for other rules every three seconds only, and the next case has begun.
udev_rule_gone()
{
	rm -f "$1"
	udevadm control --reload
}
