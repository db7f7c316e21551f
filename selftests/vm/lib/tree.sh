# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2034
#
# What the tree adds to a virtual machine: the module built for its kernel, the
# tools, udev rules, man pages and the selftests.

# build_copy NAME: prints build/NAME, a copy of the module's sources to build in: one for
# each kernel, so that their objects do not mix. Unchanged files keep their times.
build_copy()
{
	local copy=$tree/build/$1
	mkdir -p "$copy"
	rsync -a --delete --exclude='*.o' --exclude='*.ko' --exclude='*.mod' --exclude='*.mod.c' --exclude='*.gcno' \
		--exclude='.*.cmd' --exclude='.*.d' --exclude=modules.order --exclude=Module.symvers \
		"$tree/kmod" "$tree/include" "$copy/"
	echo "$copy"
}

# has_option WHICH NAME: does a kernel of one's own have CONFIG_NAME=y?
has_option()
{
	[[ -r $1/build/.config ]] && grep -qx "CONFIG_$2=y" "$1/build/.config"
}

# is_uml WHICH: is this kernel User Mode Linux?
is_uml()
{
	[[ $1 == uml ]] || has_option "$1" UML
}

# kbuild WHICH RELEASE COPY ARG...: runs the build system of a kernel on a build copy.
kbuild()
{
	local which=$1 release=$2 copy=$3 headers root
	shift 3
	set -- CONFIG_DEBUG_INFO_BTF_MODULES= "$@"
	headers=$(kernel_headers "$which" "$release")
	case $which in
	[7-9].*)
		root=$(sid_root "$which")
		mkdir -p "$root/build"
		# shellcheck disable=SC2016 # expanded by the inner shell
		unshare -m bash -ec 'mount -t proc proc "$1/proc"; mount --bind "$2" "$1/build"
			exec chroot "$1" make -s -C "$3" M=/build/kmod "${@:4}"' \
			kbuild "$root" "$copy" "$headers" "$@"
		;;
	*)
		! has_option "$which" GCOV_KERNEL || set -- REPLICA_GCOV=y "$@"
		# There UBSAN is for those who ask for it.
		! has_option "$which" UML || set -- ARCH=um UBSAN_SANITIZE=y "$@"
		make -s -C "$headers" M="$copy/kmod" "$@"
		;;
	esac
}

# module_build WHICH RELEASE: prints the path of dm-replica.ko for a kernel. Its sources are
# those of module_tree, where that is set.
module_build()
{
	local lock copy tree=${module_tree:-$tree}
	mkdir -p "$tree/build"
	exec {lock}>"$tree/build/$2.lock"
	flock "$lock"
	copy=$(build_copy "$2")
	kbuild "$1" "$2" "$copy" -j2 modules >&2 || vm_die "the module does not build for $2"
	exec {lock}>&-
	echo "$copy/kmod/dm-replica.ko"
}

# stage_module STAGE KERNELDIR WHICH: adds the module and matching indices.
stage_module()
{
	local stage=$1 kernel=$2 which=$3 release dir ko
	release=$(cat "$kernel/release")
	ko=$(module_build "$which" "$release")
	dir=$stage/usr/lib/modules/$release
	mkdir -p "$dir/updates" "$stage/lib"
	cp "$ko" "$dir/updates/"
	strip --strip-debug "$dir/updates/dm-replica.ko"
	ln -s ../usr/lib/modules "$stage/lib/modules"
	ln -s "$kernel/lib/modules/$release"/{kernel,modules.order,modules.builtin*} "$dir/"
	depmod -b "$stage" "$release"
	find "$dir" -maxdepth 1 -type l -delete
	rm -r "${stage:?}/lib"
}

# keep_coverage FILE RELEASE: adds what a machine counted to build/coverage/KEY, where KEY
# stands for one build of the module. scripts/coverage reads it there.
keep_coverage()
{
	local kmod=$tree/build/$2/kmod dir
	dir=$tree/build/coverage/$(hash_files "$kmod/dm-replica.ko")
	mkdir -p "$dir"
	cp "$kmod"/*.gcno "$dir/"
	cp "$1" "$(mktemp "$dir/XXXXXXXX.tar")"
	touch "$dir"
}

# stage_tools STAGE: builds the tools and installs them.
stage_tools()
{
	local stage=$1 lock
	mkdir -p "$tree/build"
	exec {lock}>"$tree/build/tools.lock"
	flock "$lock"
	{
		make -s -C "$tree" -j2 tools
		make -s -C "$tree" install-tools DESTDIR="$stage" PREFIX=/usr
	} >&2 || vm_die "the tools do not build or install"
	exec {lock}>&-
	[[ ! -d $stage/lib ]] || { cp -a "$stage/lib/." "$stage/usr/lib/" && rm -r "${stage:?}/lib"; }
	[[ ! -d $stage/sbin ]] || { cp -a "$stage/sbin/." "$stage/usr/sbin/" && rm -r "${stage:?}/sbin"; }
}

# stage_selftests STAGE: adds the tests and the guest's side of this directory.
stage_selftests()
{
	local dir=$1/usr/lib/dm-replica units=$1/etc/systemd/system
	mkdir -p "$dir" "$units/multi-user.target.wants"
	rsync -a --exclude='*.o' "$tree/selftests" "$dir/"
	[[ ! -d $tree/Documentation ]] || rsync -a "$tree/Documentation" "$dir/"
	# What the protocol test holds against the module.
	mkdir -p "$dir/include"
	rsync -a "$tree/include/uapi" "$dir/include/"
	cp "$vm_dir/guest/dm-replica-job.service" "$units/"
	ln -s ../dm-replica-job.service "$units/multi-user.target.wants/"
}

# stage WORK KERNELDIR: writes the initramfs of this run.
stage()
{
	local stage=$1/stage job
	job=$stage/tree/usr/lib/dm-replica/vm
	mkdir -p "$job"
	stage_selftests "$stage/tree"
	[[ ! -e $tree/kmod/Kbuild ]] || stage_module "$stage/tree" "$2" "$opt_kernel"
	[[ -z $opt_tools || ! -e $tree/userspace/Makefile ]] || stage_tools "$stage/tree"
	[[ -e $tree/kmod/Kbuild ]] || opt_module=''
	[[ -z $opt_systemd ]] || touch "$job/systemd"
	((${#command[@]} == 0)) || printf 'exec %s\n' "${command[*]@Q}" >"$job/command"
	cat >"$job/env" <<-END
	VM_SHARE=$opt_share
	VM_MODULE=$opt_module
	VM_ICOUNT=$opt_icount
	VM_COVERAGE=$opt_coverage
	VM_UML=$(! is_uml "$opt_kernel" || echo y)
	VM_INTERACTIVE=$opt_interactive
	VM_TIMEOUT=$opt_timeout
	VM_HUNG=$((opt_timeout < 90 ? 30 : opt_timeout > 300 ? 100 : opt_timeout / 3))
	END
	cp "$vm_dir/guest/init" "$stage/init"
	(cd "$stage" && find . | cpio --quiet -o -H newc -R 0:0) | cat "$2/initrd" - >"$1/initrd.img"
	rm -rf "$stage"
}
