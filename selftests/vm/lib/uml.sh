# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2034
#
# User Mode Linux: the kernel of uml.config as a process of this host, and how it is called.
# It boots the same initramfs and root image as QEMU's machines. Its disks are files that it
# opens itself, and what virtio ports and 9p carry goes through a directory of the host.

# shellcheck source=selftests/vm/lib/compile.sh
. "$vm_dir/lib/compile.sh"

uml_format=1

# uml_kernel: prints the directory of the kernel.
uml_kernel()
{
	compiled uml "$uml_format" um 9 linux linux
}

# uml_refuse: ends with a sentence when an option asks for what this kernel cannot do.
uml_refuse()
{
	[[ -z $opt_systemd ]] || wrong "--systemd: User Mode Linux boots the quick init only, without udev"
	[[ -z $opt_icount ]] || wrong "--icount: User Mode Linux runs on the host's processor and its time"
	[[ -z $opt_interactive ]] || wrong "--interactive: User Mode Linux has no console on a terminal here"
	((${#opt_qemu[@]} == 0)) || wrong "--qemu: User Mode Linux needs no QEMU"
}

# uml_boot_modules: there is no virtio to load.
uml_boot_modules()
{
	boot_modules='erofs overlay'
}

# uml_disk NAME FLAGS FILE: a disk, whose node the command line names for guest/init and
# guest/quick-init: these disks have no serial numbers.
uml_disk()
{
	local letters=abcdefghijklmnop n=$uml_disks
	((n < ${#letters})) || vm_die "too many disks for User Mode Linux"
	uml_args+=("ubd$n$2=$3" "$1=/dev/ubd${letters:n:1}")
	uml_disks=$((n + 1))
}

# uml_user_disks WORK
uml_user_disks()
{
	local size i=0
	for size in "${opt_disks[@]}"; do
		i=$((i + 1))
		# It has no bus for one.
		[[ $size != nvme:* ]] || continue
		truncate -s "$size" "$1/disk$((i - 1)).img" || vm_die "bad disk size '$size'"
		uml_disk "vmdisk$((i - 1))" '' "$1/disk$((i - 1)).img"
	done
}

# uml_assemble WORK KERNELDIR ROOT: sets machine to the whole command line. The kernel ends
# the namespace, and with it all processes of the machine, when its first process ends, and
# that when this one is killed.
uml_assemble()
{
	local work=$1 kernel=$2 root=$3 name words
	uml_args=() uml_disks=0
	# c: other machines have them, too, and they are not locked.
	uml_disk vmroot rc "$root"
	uml_disk vmmodules rc "$kernel/modules.erofs"
	uml_user_disks "$work"
	mkdir -p "$work/host/ports" "$work/host/share"
	for name in out status log; do
		ln -s "host/ports/$name" "$work/$name"
	done
	read -ra words <<<"$(uml_cmdline) $opt_append"
	uml_args+=("mem=${opt_mem}M" "initrd=$work/initrd.img" "hostfs=$work/host" "uml_dir=$work/uml"
		umid=vm noreboot "con0=null,fd:1" "${words[@]}")
	machine=(setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child=KILL
		"$vm_dir/lib/uml-machine" "$work" "$opt_share" "$opt_timeout" "$kernel/kernel" "${uml_args[@]}")
}

uml_cmdline()
{
	echo 'loglevel=5 panic=-1 oops=panic log_buf_len=16M kasan_multi_shot page_poison=1' \
		'slub_debug=FZP,kmalloc-*,bio-*,dm*,replica* watchdog_thresh=60'
}
