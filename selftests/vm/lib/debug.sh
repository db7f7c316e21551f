# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2034
#
# The debug kernel: Debian's source of 6.1 with the options of debug.config.

# shellcheck source=selftests/vm/lib/compile.sh
. "$vm_dir/lib/compile.sh"

debug_format=1

# debug_kernel: prints the directory of the debug kernel.
debug_kernel()
{
	compiled debug "$debug_format" x86_64 21 bzImage arch/x86/boot/bzImage
}
