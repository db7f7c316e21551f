# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2034
#
# Kernels to boot: Debian's, named by series, or a directory with one that was
# built by hand. Each becomes a cached directory
#
#	kernel           the image, uncompressed when that can be booted
#	release          what uname -r says
#	lib/modules/     the modules, uncompressed
#	modules.erofs    the same as an image
#	initrd           busybox, and the modules that mount the root
#
# The drivers of hardware that no virtual machine has are left out.

hardware_dirs='kernel/sound kernel/drivers/gpu kernel/drivers/media kernel/drivers/infiniband
	kernel/drivers/net/wireless kernel/drivers/net/ethernet kernel/drivers/staging
	kernel/drivers/iio kernel/drivers/hwmon kernel/drivers/bluetooth kernel/drivers/input
	kernel/drivers/usb kernel/drivers/platform kernel/drivers/isdn kernel/net/bluetooth
	kernel/net/mac80211 kernel/net/wireless kernel/drivers/accel'
boot_modules='virtio_pci virtio_blk erofs overlay'

# kernel_package SERIES: prints the newest package linux-image-VERSION of a series.
kernel_package()
{
	local meta name
	case $1 in
	6.1) meta=linux-image-amd64 ;;
	*) meta=linux-image-$1-amd64 ;;
	esac
	name=$(apt-cache show --no-all-versions "$meta" 2>/dev/null |
		sed -n 's/^Depends: *\(linux-image-[^ ,]*\).*/\1/p' | head -n1)
	[[ $name == linux-image-"$1".* ]] && echo "$name"
}

# latest_kernel_package SERIES: the same, and refreshes apt's lists when they lack it.
latest_kernel_package()
{
	local name
	name=$(kernel_package "$1" || true)
	if [[ -z $name ]]; then
		apt-get -qq update >&2 || vm_die "apt-get update failed"
		name=$(kernel_package "$1" || true)
	fi
	[[ -n $name ]] || vm_die "Debian has no kernel package of series $1"
	echo "$name"
}

build_initrd()
{
	local tmp=$1 release=$2 stage=$1/stage file module
	mkdir -p "$stage"/{bin,dev,proc,sys,modules,mnt}
	cp "$(command -v busybox)" "$stage/bin/busybox"
	ln -s busybox "$stage/bin/sh"
	for module in $boot_modules; do
		modprobe -d "$tmp" -S "$release" --show-depends "$module" ||
			vm_die "kernel $release has no $module"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$stage/files"
	: >"$stage/modules/order"
	while read -r file; do
		cp "$file" "$stage/modules/"
		echo "${file##*/}" >>"$stage/modules/order"
	done <"$stage/files"
	rm "$stage/files"
	(cd "$stage" && find . | cpio --quiet -o -H newc) >"$tmp/initrd"
	rm -rf "$stage"
}

# finish_kernel TMP: makes the images of TMP/vmlinuz and TMP/lib/modules.
finish_kernel()
{
	local tmp=$1 release dir
	release=$(basename "$tmp"/lib/modules/*)
	echo "$release" >"$tmp/release"
	if "$vm_dir/lib/extract-vmlinux" "$tmp/vmlinuz" "$tmp/kernel"; then
		rm "$tmp/vmlinuz"
	else
		mv "$tmp/vmlinuz" "$tmp/kernel"
	fi
	for dir in $hardware_dirs; do
		rm -rf "$tmp/lib/modules/$release/$dir"
	done
	rm -f "$tmp/lib/modules/$release"/{build,source}
	find "$tmp/lib/modules" -name '*.ko.xz' -print0 | xargs -0r -P2 xz -d
	find "$tmp/lib/modules" -name '*.ko.zst' -print0 | xargs -0r -P2 zstd -q -d --rm
	[[ ! -e $tmp/lib/modules/$release/modules.order ]] ||
		sed -i -E 's/\.ko\.(xz|zst)$/.ko/' "$tmp/lib/modules/$release/modules.order"
	depmod -b "$tmp" "$release"
	mkfs.erofs --quiet -T0 "$tmp/modules.erofs" "$tmp/lib/modules"
	build_initrd "$tmp" "$release"
}

# package_debs DIR PACKAGE...: downloads packages into DIR.
package_debs()
{
	local dir=$1
	shift
	(cd "$dir" && apt-get -qq -o APT::Sandbox::User=root download "$@")
}

# build_debian_kernel TMP RELEASE: a kernel of bookworm, and its headers beside it,
# so that nothing has to be installed on the host for it.
build_debian_kernel()
{
	local tmp=$1 release=$2 depends
	depends=$(apt-cache show --no-all-versions "linux-headers-$release" |
		sed -n 's/^Depends: //p' | grep -oE 'linux-(headers-[^ ,]*-common|kbuild-[^ ,]*)')
	mkdir "$tmp/debs"
	# shellcheck disable=SC2086 # two package names
	package_debs "$tmp/debs" "linux-image-$release" "linux-headers-$release" $depends || {
		apt-get -qq update && vm_die "cannot download linux-image-$release: try again"
	}
	unpack_headers "$tmp" "$release"
	unpack_kernel "$tmp" "$tmp"/debs/linux-image-*.deb
	rm -r "$tmp/debs"
}

unpack_headers()
{
	local tmp=$1 release=$2 deb makefile
	for deb in "$tmp"/debs/linux-headers-*.deb "$tmp"/debs/linux-kbuild-*.deb; do
		dpkg-deb -x "$deb" "$tmp/headers"
	done
	# The tree has to work wherever it lies.
	makefile=$tmp/headers/usr/src/linux-headers-$release/Makefile
	# shellcheck disable=SC2016 # make's variables
	sed -i 's|^include /usr/src|include $(dir $(realpath $(lastword $(MAKEFILE_LIST))))..|' "$makefile"
}

# unpack_kernel TMP DEB...: what the packages of one kernel hold.
unpack_kernel()
{
	local tmp=$1 deb image
	shift
	for deb in "$@"; do
		dpkg-deb -x "$deb" "$tmp/x"
	done
	image=$(find "$tmp/x" -name 'vmlinuz*' -type f | head -n1)
	mv "$image" "$tmp/vmlinuz"
	mkdir -p "$tmp/lib/modules"
	for deb in "$tmp"/x/{lib,usr/lib}/modules/*; do
		[[ ! -d $deb ]] || rsync -a "$deb" "$tmp/lib/modules/"
	done
	rm -rf "$tmp/x"
	finish_kernel "$tmp"
}

build_own_kernel()
{
	local tmp=$1 source=$2 image
	image=$(find "$source/" -maxdepth 1 \( -name bzImage -o -name 'vmlinuz*' \) | head -n1)
	cp "$image" "$tmp/vmlinuz"
	mkdir -p "$tmp/lib/modules"
	rsync -a --exclude=/*/build --exclude=/*/source "$source/lib/modules/" "$tmp/lib/modules/"
	finish_kernel "$tmp"
}

# kernel_image WHICH: prints the cached directory of a kernel.
kernel_image()
{
	local text package release root
	text=$(hash_files "$vm_dir/lib/kernels.sh")
	case $1 in
	6.*)
		package=$(latest_kernel_package "$1")
		release=${package#linux-image-}
		cached kernel "$release-$text" build_debian_kernel "$release"
		;;
	[7-9].*)
		root=$(sid_root "$1")
		release=$(cat "$root/kernel/release")
		cached kernel "$release-$text" unpack_kernel "$root"/kernel/*.deb
		;;
	*)
		compgen -G "$1/bzImage" >/dev/null || compgen -G "$1/vmlinuz*" >/dev/null ||
			vm_die "no kernel '$1': neither a series such as 6.1 nor a directory with bzImage"
		[[ -d $1/lib/modules ]] || vm_die "$1/lib/modules is missing"
		text=$(hash_of "$text" "$(find "$1"/bzImage "$1"/vmlinuz* "$1/lib/modules" \
			-printf '%p %s %T@\n' 2>/dev/null | sort)")
		cached kernel "own-$text" build_own_kernel "$1"
		;;
	esac
}

# kernel_headers WHICH RELEASE: prints the directory to build modules against. For
# sid's kernel the path is one inside sid_root.
kernel_headers()
{
	local dir
	case $1 in
	6.*)
		dir=$(kernel_image "$1")
		echo "$dir/headers/usr/src/linux-headers-$2"
		;;
	[7-9].*) echo "/usr/src/linux-headers-$2" ;;
	*) readlink -f "$1/build" ;;
	esac
}
