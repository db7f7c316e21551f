# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2034
#
# Kernels compiled from Debian's source of 6.1 with the options of NAME.config: debug.sh and
# uml.sh say which. Each becomes a cached directory of the shape that kernels.sh takes for
# one's own kernels: the image, lib/modules and build. Its name has the version of the
# source, and a hash of the configuration and the compiler, but not of this file: a format
# is raised when what comes out changes.

# shellcheck source=scripts/linux-source
. "$tree/scripts/linux-source"

# What no module is built with, and no kernel without hardware.
compile_unused='*/Documentation/*/* */tools/testing/*/* */sound/*/*.[ch] */drivers/gpu/*/*.[ch]'

# compile_make ARCH DIR ARG...: the kernel's build system, with nothing of this host in its
# names.
compile_make()
{
	local arch=$1 dir=$2
	shift 2
	nice -n 19 make -s -C "$dir" ARCH="$arch" KBUILD_BUILD_USER=debug \
		KBUILD_BUILD_HOST=dm-replica KBUILD_BUILD_TIMESTAMP=@0 "$@"
}

# unpack_source DIR TARBALL
unpack_source()
{
	local exclude=() pattern
	set -f
	for pattern in $compile_unused; do
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

# configure ARCH DIR CONFIG: a line of CONFIG that does not arrive, for want of what it
# depends on, would be a detector or a driver that is silently missing.
configure()
{
	local arch=$1 dir=$2 config=$3 name value
	compile_make "$arch" "$dir" allnoconfig KCONFIG_ALLCONFIG="$config"
	while IFS='=' read -r name value; do
		[[ $name == CONFIG_* ]] || continue
		[[ $(option "$dir/.config" "$name") == "$value" ]] ||
			vm_die "${config##*/}: $name=$value is $(option "$dir/.config" "$name") in this source"
	done <"$config"
}

# shrink_source DIR: leaves what modules are built with.
shrink_source()
{
	local dir=$1
	find "$dir" -type f ! -path "$dir/scripts/*" ! -path "$dir/include/*" \
		! -path "$dir/arch/x86/include/*" ! -path "$dir/arch/x86/Makefile*" \
		! -path "$dir/arch/um/include/*" ! -path "$dir/arch/um/Makefile*" \
		! -path "$dir/arch/x86/um/*.h" \
		! -path "$dir/tools/objtool/objtool" ! -path "$dir/Makefile" ! -path "$dir/Kbuild" \
		! -path "$dir/.config" ! -path "$dir/Module.symvers" -delete
	find "$dir/scripts" -name '*.o' -delete
	find "$dir" -type d -empty -delete
}

# compile TMP ARCH CONFIG MINUTES TARGET IMAGE: TARGET is what make is asked for, IMAGE the file
# that comes out of it. Whatever the architecture, it is kept as bzImage.
compile()
{
	local tmp=$1 arch=$2 config=$3 target=$5 image=$6 dir=$1/build source
	"$tree/scripts/install-packages" debug
	source=$(linux_source)
	vm_say "compiling the kernel of ${config##*/}: $4 minutes of processor time, once"
	unpack_source "$dir" "$source"
	configure "$arch" "$dir" "$config"
	compile_make "$arch" "$dir" -j"$(nproc)" "$target" modules
	compile_make "$arch" "$dir" INSTALL_MOD_PATH="$tmp" INSTALL_MOD_STRIP=1 modules_install
	find "$tmp/lib/modules" -type l -delete
	cp "$dir/$image" "$tmp/bzImage"
	shrink_source "$dir"
}

# compiled NAME FORMAT ARCH MINUTES TARGET IMAGE: prints the directory of the kernel of NAME.config.
compiled()
{
	local name=$1 config=$vm_dir/$1.config version key
	version=$(source_version)
	key=$(hash_of "$2" "$(grep ^CONFIG_ "$config")" "$(gcc -dumpfullversion)")
	cached "$name" "$version-$key" compile "$3" "$config" "${@:4}"
}

# own_kernel WHICH: prints the directory of one that is compiled here, and any other WHICH as
# it is.
own_kernel()
{
	case $1 in
	debug) debug_kernel ;;
	uml) uml_kernel ;;
	*) echo "$1" ;;
	esac
}
