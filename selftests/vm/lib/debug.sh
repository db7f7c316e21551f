# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2034
#
# The debug kernel: Debian's source of 6.1 with the options of debug.config. It becomes a
# cached directory of the shape that kernels.sh takes for one's own kernels: bzImage,
# lib/modules and build. Its name has the version of the source, and a hash of the
# configuration and the compiler, but not of this file: raise debug_format when what comes
# out changes.

# shellcheck source=scripts/linux-source
. "$tree/scripts/linux-source"

debug_format=1
debug_config=$vm_dir/debug.config
# What no module is built with, and no x86 kernel without hardware.
debug_unused='*/Documentation/*/* */tools/testing/*/* */sound/*/*.[ch] */drivers/gpu/*/*.[ch]'

# debug_make DIR ARG...: the kernel's build system, with nothing of this host in its names.
debug_make()
{
	local dir=$1
	shift
	nice -n 19 make -s -C "$dir" ARCH=x86_64 KBUILD_BUILD_USER=debug \
		KBUILD_BUILD_HOST=dm-replica KBUILD_BUILD_TIMESTAMP=@0 "$@"
}

# unpack_debug_source DIR TARBALL
unpack_debug_source()
{
	local exclude=() pattern
	set -f
	for pattern in $debug_unused; do
		exclude+=("--exclude=$pattern")
	done
	set +f
	mkdir "$1"
	tar -xJf "$2" -C "$1" --strip-components=1 "${exclude[@]}"
}

# option FILE NAME: the value of an option, n when it is off.
option()
{
	local value
	value=$(sed -n "s/^$2=//p" "$1")
	echo "${value:-n}"
}

# configure_debug DIR: a line of debug.config that does not arrive, for want of what it
# depends on, would be a detector or a driver that is silently missing.
configure_debug()
{
	local dir=$1 name value
	debug_make "$dir" allnoconfig KCONFIG_ALLCONFIG="$debug_config"
	while IFS='=' read -r name value; do
		[[ $name == CONFIG_* ]] || continue
		[[ $(option "$dir/.config" "$name") == "$value" ]] ||
			vm_die "debug.config: $name=$value is $(option "$dir/.config" "$name") in this source"
	done <"$debug_config"
}

# shrink_debug DIR: leaves what modules are built with.
shrink_debug()
{
	local dir=$1
	find "$dir" -type f ! -path "$dir/scripts/*" ! -path "$dir/include/*" \
		! -path "$dir/arch/x86/include/*" ! -path "$dir/arch/x86/Makefile*" \
		! -path "$dir/tools/objtool/objtool" ! -path "$dir/Makefile" ! -path "$dir/Kbuild" \
		! -path "$dir/.config" ! -path "$dir/Module.symvers" -delete
	find "$dir/scripts" -name '*.o' -delete
	find "$dir" -type d -empty -delete
}

# build_debug TMP
build_debug()
{
	local tmp=$1 dir=$1/build source
	"$tree/scripts/install-packages" debug
	source=$(linux_source)
	vm_say "compiling a debug kernel: 21 minutes of processor time, once"
	unpack_debug_source "$dir" "$source"
	configure_debug "$dir"
	debug_make "$dir" -j"$(nproc)" bzImage modules
	keep_debug "$tmp"
}

# keep_debug TMP: takes out of TMP/build what is booted.
keep_debug()
{
	local tmp=$1 dir=$1/build
	debug_make "$dir" INSTALL_MOD_PATH="$tmp" INSTALL_MOD_STRIP=1 modules_install
	find "$tmp/lib/modules" -type l -delete
	cp "$dir/arch/x86/boot/bzImage" "$tmp/"
	shrink_debug "$dir"
}

# debug_kernel: prints the directory of the debug kernel.
debug_kernel()
{
	local version key
	version=$(source_version)
	key=$(hash_of "$debug_format" "$(grep ^CONFIG_ "$debug_config")" "$(gcc -dumpfullversion)")
	cached debug "$version-$key" build_debug
}
