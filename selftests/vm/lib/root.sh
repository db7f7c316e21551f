# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2034
#
# The Debian bookworm image that every virtual machine boots.

# shellcheck source=selftests/vm/lib/debian.sh
. "$vm_dir/lib/debian.sh"

root_packages()
{
	sed 's/#.*//' "$vm_dir/root-packages" | tr -s ' \n' ','
}

build_root()
{
	local tmp=$1
	debian_root "$tmp" --include="$(root_packages)" bookworm "$tmp/root"
	: >"$tmp/root/etc/machine-id"
	echo dm-replica-vm >"$tmp/root/etc/hostname"
	printf '127.0.0.1 localhost dm-replica-vm\n::1 localhost\n' >"$tmp/root/etc/hosts"
	echo 'root:root' | chroot "$tmp/root" chpasswd
	# Daemons that tests start themselves, and timers that only add noise.
	chroot "$tmp/root" systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer \
		dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
		man-db.timer systemd-timesyncd.service nbd-server.service multipathd.service \
		multipathd.socket mdmonitor.service iscsid.service iscsid.socket \
		open-iscsi.service rtslib-fb-targetctl.service drbd.service
	mkdir -p "$tmp/root/mnt/share"
	mkfs.erofs --quiet -T0 "$tmp/root.erofs" "$tmp/root"
	rm -rf "$tmp/root"
}

# root_image: prints the path of the bookworm image.
root_image()
{
	local dir
	dir=$(cached root "$(hash_files "$vm_dir/root-packages" "$vm_dir"/lib/{root,debian}.sh)" build_root)
	echo "$dir/root.erofs"
}
