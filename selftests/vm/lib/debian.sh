# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash

# debian_root TMP OPTION... SUITE DIR: a minimal Debian in DIR, with TMP for what is
# needed on the way.
debian_root()
{
	local tmp=$1
	shift
	TMPDIR=$tmp mmdebstrap --quiet --variant=minbase \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='APT::Install-Recommends "false"' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' "$@" </dev/null
}
