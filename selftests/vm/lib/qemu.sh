# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2034
#
# How QEMU is called.

# kvm_boots KERNELDIR WORK: does KVM really run this kernel here? Asked once for
# each boot of the host, since /dev/kvm may exist and yet run nothing.
kvm_boots()
{
	local kernel=$1 work=$2 answer
	[[ -w /dev/kvm ]] || return 1
	answer=$(cache_dir)/kvm-$(hash_of "$(cat /proc/sys/kernel/random/boot_id)" "${kernel##*/}")
	if [[ ! -f $answer ]]; then
		mkdir -p "$work/probe"
		printf '#!/bin/sh\necho KVM-BOOTS\nexec /bin/busybox poweroff -f\n' >"$work/probe/init"
		chmod +x "$work/probe/init"
		(cd "$work/probe" && find . | cpio --quiet -o -H newc) | cat "$kernel/initrd" - >"$work/probe.img"
		(timeout -k 1 8 qemu-system-x86_64 -nodefaults -no-user-config -display none \
			-no-reboot -M q35 -accel kvm -cpu host -m 512 \
			-kernel "$kernel/kernel" -initrd "$work/probe.img" \
			-append "console=ttyS0 panic=-1 no_timer_check" -serial "file:$work/probe.log" </dev/null; true) >/dev/null 2>&1
		if grep -qs KVM-BOOTS "$work/probe.log"; then
			echo yes >"$answer.$$"
		else
			echo no >"$answer.$$"
			vm_say "KVM does not boot a kernel here: emulating the processor"
		fi
		mv "$answer.$$" "$answer"
	fi
	grep -qx yes "$answer"
}

# accelerator KERNELDIR WORK: sets qemu_args to the processor options.
accelerator()
{
	if [[ -n $opt_icount ]]; then
		qemu_args=(-smp 1 -accel 'tcg,thread=single' -icount 'shift=1,sleep=off,align=off'
			-cpu max -rtc 'base=2024-01-01T00:00:00,clock=vm' -seed 1)
	elif kvm_boots "$1" "$2"; then
		qemu_args=(-smp "$opt_smp" -accel kvm -cpu host)
	else
		# The emulator goes through "rep stosb" and "rep movsb" byte by byte.  A kernel that
		# is not told that they are fast clears and copies pages by eight bytes.
		qemu_args=(-smp "$opt_smp" -accel 'tcg,thread=multi' -cpu 'max,-erms,-fsrm')
	fi
}

# image_drive ID FILE: a read-only system image.
image_drive()
{
	qemu_args+=(-drive "if=none,id=$1,file=$2,format=raw,readonly=on"
		-device "virtio-blk-pci,drive=$1,serial=$1")
}

# user_disks WORK: the disks asked for, first of all, so that they are vda, vdb, ...
user_disks()
{
	local size i=0
	for size in "${opt_disks[@]}"; do
		truncate -s "$size" "$1/disk$i.img" || vm_die "bad disk size '$size'"
		qemu_args+=(-drive "if=none,id=disk$i,file=$1/disk$i.img,format=raw,discard=unmap"
			-device "virtio-blk-pci,drive=disk$i,serial=disk$i")
		i=$((i + 1))
	done
}

# port NAME CHARDEV: a channel between the guest and a file or the terminal.
port()
{
	qemu_args+=(-chardev "$2,id=$1" -device "virtserialport,chardev=$1,name=$1")
}

# A busy host delays timer interrupts so much that the kernel's check of its IO-APIC,
# which lasts ten ticks, finds a broken machine: no_timer_check. The emulator translates code
# anew for each address that it is mapped at, and keeps it with the page for as long as that has
# any: pages of shared libraries had lists so long that whoever was given one of them later waited
# for minutes while it was cleared: norandmaps.
kernel_cmdline()
{
	local line='console=ttyS0 loglevel=5 panic=-1 oops=panic log_buf_len=16M no_timer_check'
	line+=' kasan_multi_shot rcupdate.rcu_cpu_stall_timeout=60 watchdog_thresh=60'
	line+=' norandmaps'
	[[ -z $opt_icount ]] || line+=' nokaslr'
	[[ -z $opt_systemd ]] || line+=' systemd.show_status=0 systemd.log_target=null'
	echo "$line${opt_append:+ $opt_append}"
}

# assemble WORK KERNELDIR ROOT: sets qemu_args to the whole command line.
assemble()
{
	local work=$1 kernel=$2 root=$3
	accelerator "$kernel" "$work"
	qemu_args+=(-nodefaults -no-user-config -display none -no-reboot -M q35 -m "$opt_mem"
		-kernel "$kernel/kernel" -initrd "$work/initrd.img"
		-append "$(kernel_cmdline)" -serial "file:$work/console" -device virtio-serial-pci)
	user_disks "$work"
	image_drive vmroot "$root"
	image_drive vmmodules "$kernel/modules.erofs"
	port vm.out "file,path=$work/out"
	port vm.status "file,path=$work/status"
	port vm.log "file,path=$work/log"
	[[ -z $opt_coverage ]] || port vm.coverage "file,path=$work/coverage"
	if [[ -n $opt_share ]]; then
		qemu_args+=(-virtfs "local,path=$opt_share,mount_tag=share,security_model=passthrough,multidevs=remap")
	fi
	if [[ -n $opt_interactive ]]; then
		qemu_args+=(-chardev 'stdio,id=tty,signal=off' -device 'virtconsole,chardev=tty')
	fi
	qemu_args+=("${opt_qemu[@]}")
}
