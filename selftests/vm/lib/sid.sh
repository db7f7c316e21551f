# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2034
#
# A sid directory in which modules for sid's kernel are compiled: its build tools need
# sid's C library.

# shellcheck source=selftests/vm/lib/debian.sh
. "$vm_dir/lib/debian.sh"

# build_sid TMP SERIES: gcc and the headers of one kernel, and in /kernel its packages.
# The expression leaves out the real-time and cloud flavours.
build_sid()
{
	local tmp=$1 series=$2
	debian_root "$tmp" --include="gcc,make,kmod,^linux-headers-${series/./[.]}[.].*[0-9]-amd64\$" \
		--customize-hook="$vm_dir/lib/fetch-kernel \"\$1\"" sid "$tmp/root"
	rm -rf "$tmp"/root/usr/share/man "$tmp"/root/var/lib/apt/lists
}

# sid_root SERIES: prints the directory of the sid root with headers of SERIES.
sid_root()
{
	local dir
	dir=$(cached sid "$1-$(hash_files "$vm_dir"/lib/{sid.sh,debian.sh,fetch-kernel})" build_sid "$1")
	echo "$dir/root"
}
