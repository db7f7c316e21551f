# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2034
#
# Kernels to boot: Debian's, named by series, or a directory with one that was
# built by hand. Each becomes a cached directory
#
#	vmlinuz          the image
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
	for dir in $hardware_dirs; do
		rm -rf "$tmp/lib/modules/$release/$dir"
	done
	rm -f "$tmp/lib/modules/$release"/{build,source}
	find "$tmp/lib/modules" -name '*.ko.xz' -print0 | xargs -0r -P2 xz -d
	find "$tmp/lib/modules" -name '*.ko.zst' -print0 | xargs -0r -P2 zstd -q -d --rm
	sed -i -E 's/\.ko\.(xz|zst)$/.ko/' "$tmp/lib/modules/$release/modules.order"
	depmod -b "$tmp" "$release"
	mkfs.erofs --quiet -T0 "$tmp/modules.erofs" "$tmp/lib/modules"
	build_initrd "$tmp" "$release"
}

build_debian_kernel()
{
	local tmp=$1 package=$2
	(cd "$tmp" && apt-get -qq download "$package") ||
		{ apt-get -qq update && cd "$tmp" && apt-get -qq download "$package"; } ||
		vm_die "cannot download $package"
	unpack_kernel "$tmp" "$tmp"/linux-image-*.deb
	rm "$tmp"/*.deb
}

unpack_kernel()
{
	local tmp=$1 deb=$2
	dpkg-deb -x "$deb" "$tmp/x"
	mv "$tmp"/x/boot/vmlinuz-* "$tmp/vmlinuz"
	mkdir -p "$tmp/lib"
	if [[ -d $tmp/x/usr/lib/modules ]]; then
		mv "$tmp/x/usr/lib/modules" "$tmp/lib/modules"
	else
		mv "$tmp/x/lib/modules" "$tmp/lib/modules"
	fi
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
	local text package root
	text=$(hash_files "$vm_dir/lib/kernels.sh")
	case $1 in
	6.*)
		package=$(latest_kernel_package "$1")
		cached kernel "${package#linux-image-}-$text" build_debian_kernel "$package"
		;;
	[7-9].*)
		root=$(sid_root "$1")
		package=$(basename "$root"/kernel/linux-image-*.deb)
		cached kernel "${package%.deb}-$text" unpack_kernel "$root/kernel/$package"
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

# kernel_headers WHICH RELEASE: prints the directory to build modules against,
# installing it when needed. For sid's kernel the path is one inside sid_root.
kernel_headers()
{
	case $1 in
	6.*)
		"$tree/scripts/install-packages" "=linux-headers-$2" >&2
		echo "/usr/src/linux-headers-$2"
		;;
	[7-9].*) echo "/usr/src/linux-headers-$2" ;;
	*) readlink -f "$1/build" ;;
	esac
}
