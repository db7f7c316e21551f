#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=full timeout=750
#
# Targets and meta devices cut from an LVM volume group and thin pool: of the right size,
# blank, given back when anything fails, kept by detach, removed by return-to-pool.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/cli.sh"
. "$(dirname "$0")/lib/lvm.sh"

made()
{
	new_vg vgt 64M
	new_loop source 8M
	fill "$source" 3
	defer dm_gone r
	cli create "$source" --pool vgt --name r --meta pool --wait-for synchronized --timeout 60
	same "return_value" "$(get .return_value)" 0
	same "the target" "$(get .TargetStorageVolume)" /dev/mapper/vgt-r--replica
	same "the meta device" "$(get .MetaDevice)" /dev/mapper/vgt-r--meta
	same "the volumes" "$(volumes vgt)" "r-meta r-replica"
	same "the size, with room for the label" \
		"$(blockdev --getsize64 /dev/mapper/vgt-r--replica)" $((9 << 20))
	same "tags" "$(lvs --noheadings -o lv_tags vgt/r-replica | tr -d ' ' | sed 's/cut-[0-9a-f]*/cut/')" \
		dm-replica,dm-replica.cut,dm-replica.r
	compare_legs "$source" /dev/mapper/vgt-r--replica $((8 << 11))
}

kept()
{
	made
	cli detach r
	same "return_value" "$(get .return_value)" 0
	same "the volumes" "$(volumes vgt)" r-replica
	same "tags" "$(lvs --noheadings -o lv_tags vgt | tr -d ' ')" ""
	cli return-to-pool --left vgt
	same "return_value" "$(get .return_value)" 0
	same "the volumes that are left over" "$(get '.Volumes | length')" 0
	same "the volumes" "$(volumes vgt)" r-replica
	compare_legs "$source" /dev/mapper/vgt-r--replica $((8 << 11))
}

# forced CONF SENTENCE: LVM that fails does not stop who forces it, but he must know that
# --left would remove the target.
forced()
{
	LVM_SYSTEM_DIR=$1 cli detach r
	[[ $status != 0 ]] || fail "it was detached without force"
	same "the state" "$(replicactl --json status r | jq -r .Replica.CopyStateDescription)" Synchronized
	LVM_SYSTEM_DIR=$1 cli detach r --force
	[[ $status != 0 ]] || fail "nothing is said of the tags"
	[[ $(get .error.Description) == *"was detached, but $2"* ]] ||
		fail "the error: $(get .error.Description)"
	[[ ! -e /dev/mapper/r ]] || fail "the mapping is still there"
	same "the volumes" "$(volumes vgt)" "r-meta r-replica"
	same "tags" "$(lvs --noheadings -o lv_tags vgt/r-replica | tr -d ' ' | sed 's/cut-[0-9a-f]*/cut/')" \
		dm-replica,dm-replica.cut,dm-replica.r
	compare_legs "$source" /dev/mapper/vgt-r--replica $((8 << 11))
}

# with_conf SCRIPT: a replica, and the configuration of LVM as sed changes it, in $conf.
with_conf()
{
	made
	conf=$dev_dir/lvm-other-$BASHPID
	mkdir -p "$conf"
	defer rm -rf "$conf"
	sed "$1" "$lvm_dir/lvm.conf" >"$conf/lvm.conf"
}

unlocked()
{
	exec 9>&-
}

# Somebody else has the lock that a change needs.
kept_by_force()
{
	local conf
	with_conf 's/^global {/&\n\twait_for_locks = 0/'
	exec 9>"$lvm_dir/V_vgt"
	defer unlocked
	run flock --shared 9
	forced "$conf" "its target, volume vgt/r-replica, still has the tag dm-replica"
	unlocked
}

unknown()
{
	local conf
	with_conf 's/a|^.dev.loop|/r|.*|/'
	forced "$conf" "whether its volumes were cut from a pool is not known"
}

# goes_back: replica r goes, and so does what was cut for it.
goes_back()
{
	cli return-to-pool r
	same "return_value" "$(get .return_value)" 0
	same "what went back" "$(get '[.Volumes[] | select(.Removed) | .StorageVolume] | sort | join(" ")')" \
		"vgt/r-meta vgt/r-replica"
	same "the volumes" "$(volumes vgt)" ""
	[[ ! -e /dev/mapper/r ]] || fail "the mapping is still there"
}

returned()
{
	made
	cli return-to-pool --left vgt
	same "what a live replica has" "$(get '[.Volumes[] | .Removed] | any')" false
	goes_back
}

# reversed: the volume that was cut is the origin, and what is in use is on it.
reversed()
{
	made
	run replicactl reverse r
	run dd if=/dev/urandom of=/dev/mapper/r bs=64k count=9 seek=3 oflag=direct status=none
}

# It never goes back to the pool as long as it is that.
stays_as_origin()
{
	reversed
	cli_returns 4 4 return-to-pool r
	complains "volume vgt/r-replica, which was cut from a pool, is its origin now"
	cli_returns 4 4 return-to-pool r --force
	cli return-to-pool --left vgt --force
	same "what goes" "$(get '[.Volumes[] | .Removed] | any')" false
	in_state r Synchronized || fail "it is not Synchronized any more"
	run replicactl reverse r
	compare_legs "$source" /dev/mapper/vgt-r--replica $((8 << 11))
	cli return-to-pool r
	same "return_value" "$(get .return_value)" 0
	same "the volumes" "$(volumes vgt)" ""
}

# ends_as_origin COMMAND: whoever ends the replica keeps it, and it is a volume like any other.
ends_as_origin()
{
	local before
	reversed
	before=$(dd if=/dev/mapper/r bs=1M count=8 iflag=direct status=none | md5sum)
	run replicactl "$1" r
	same "tags" "$(lvs --noheadings -o lv_tags vgt/r-replica | tr -d ' ')" ""
	cli return-to-pool --left vgt --force
	same "return_value" "$(get .return_value)" 0
	same "the volumes" "$(volumes vgt)" r-replica
	same "what is on it" "$(dd if=/dev/mapper/vgt-r--replica bs=1M count=8 iflag=direct \
		status=none | md5sum)" "$before"
}

# By a detach in order, also the label goes that it has got as the replica.
detached_as_origin()
{
	ends_as_origin detach
	compare_legs "$source" /dev/mapper/vgt-r--replica $((8 << 11))
	same "bytes of a label" "$(tail -c 4096 /dev/mapper/vgt-r--replica | tr -d '\0' | wc -c)" 0
}

# What an administrator likes in LVM's reports is nothing to what is known of the volumes.
other_reports()
{
	local conf
	with_conf ''
	cat >>"$conf/lvm.conf" <<-EOF
		report {
			list_item_separator = "/"
			compact_output = 1
			binary_values_as_numeric = 1
		}
	EOF
	local -x LVM_SYSTEM_DIR=$conf
	goes_back
}

not_ours()
{
	new_loop source 8M
	new_loop target 8M
	new_replica r "$source" "$target"
	cli_returns 1 1 return-to-pool r
	complains "was not cut from a pool"
	same "the state" "$(replicactl --json status r | jq -r .Replica.CopyStateDescription)" Synchronized
}

with_snapshot()
{
	made
	run lvcreate -qy -s -L 2M -n snap vgt/r-replica || skip "LVM makes no snapshot of it"
	cli_returns 4 4 return-to-pool r
	same "the volumes" "$(volumes vgt)" "r-meta r-replica snap"
	in_state r Synchronized
	run replicactl remove r
	cli return-to-pool --left vgt --force
	same "what is said of it" "$(get '.Volumes[] | select(.Removed | not) | .Reason')" \
		"it has snapshots, which would go with it"
	same "the volumes" "$(volumes vgt)" "r-replica snap"
}

# given_back RETURN EXIT SENTENCE ARG...: and nothing has changed.
given_back()
{
	local value=$1 exit=$2 sentence=$3 before
	shift 3
	before=$(volumes vgt; dmsetup table)
	cli_returns "$value" "$exit" create "$source" "$@"
	complains "$sentence"
	same "volumes and mappings" "$(volumes vgt; dmsetup table)" "$before"
}

refusals()
{
	new_vg vgt 24M
	new_loop source 8M
	new_loop large 64M
	run lvcreate -qy -L 1M -n r-replica vgt
	given_back 8 8 'there is no LVM volume group "nope"' --pool nope
	given_back 8 8 "there is no LVM thin pool vgt/nope" --pool vgt/nope
	given_back 5 5 "is a volume of type linear" --pool vgt/r-replica
	given_back 5 5 "cannot be the name of a pool" --pool 'v g'
	given_back 5 5 "asks for a thin target" --pool vgt --settings ThinProvisioningPolicy=4
	given_back 5 5 "does not equal the source" --pool vgt --skip-initial-copy
	given_back 5 5 "already a mapped device" --pool vgt --name vgt-r--replica
	run mkfs.ext4 -q "$source"
	mkdir -p "$dev_dir/mnt-$BASHPID"
	run mount "$source" "$dev_dir/mnt-$BASHPID"
	defer unmounted "$dev_dir/mnt-$BASHPID"
	given_back 4 4 "is mounted" --pool vgt
	run umount "$dev_dir/mnt-$BASHPID"
	source=$large
	given_back 40002 12 "are needed" --pool vgt --meta pool
}

# met POOL SETTING: what is made would be as that wants it.
met()
{
	cli create "$source" --pool "$1" --settings "$2" --dry-run
	same "return_value with $2" "$(get .return_value)" 0
}

# Each value of the two settings that are about a target that is made.
wishes()
{
	local n
	new_vg vgt 96M
	new_thin_pool vgt tp 32M
	new_loop source 8M
	for n in ThinProvisioningPolicy={3,5,6,7} TargetElementSupplier={2,3,4}; do
		met vgt "$n"
	done
	for n in ThinProvisioningPolicy={2,4,6,7}; do
		met vgt/tp "$n"
	done
	for n in 2 4; do
		given_back 5 5 "asks for a thin target" --pool vgt --settings "ThinProvisioningPolicy=$n"
	done
	for n in 3 5; do
		given_back 5 5 "asks for a full target" --pool vgt/tp --settings "ThinProvisioningPolicy=$n"
	done
	for n in 1 5; do
		given_back 5 5 "TargetElementSupplier $n needs a target volume" --pool vgt \
			--settings "TargetElementSupplier=$n"
	done
	run lvcreate -qy --type thin --thinpool tp -V 4M -n thin vgt
	source=/dev/mapper/vgt-thin
	met vgt/tp ThinProvisioningPolicy=5
	given_back 5 5 "asks for a thin target" --pool vgt --settings ThinProvisioningPolicy=5
	defer dm_gone r
	cli create "$source" --pool vgt/tp --name r --wait-for synchronized --timeout 60 \
		--settings ThinProvisioningPolicy=2,TargetElementSupplier=2
	same "return_value" "$(get .return_value)" 0
	same "its pool" "$(lvs --noheadings -o pool_lv vgt/r-replica | tr -d ' ')" tp
	compare_legs "$source" /dev/mapper/vgt-r--replica $((4 << 11))
}

# Of a detach that did not reach LVM: the tags are there, and the volume is used.
file_system()
{
	new_vg vgt 64M
	run lvcreate -qy -L 8M -n old-replica --addtag dm-replica --addtag dm-replica.old vgt
	# A replica of that name, which is no order to remove it.
	run lvchange -qy --addtag dm-replica.return vgt/old-replica
	run lvcreate -qy -L 1M -n blank-meta --addtag dm-replica --addtag dm-replica.blank vgt
	run mkfs.ext4 -q /dev/mapper/vgt-old--replica
	cli return-to-pool --left vgt
	same "return_value" "$(get .return_value)" 0
	same "the volumes" "$(volumes vgt)" old-replica
	[[ $(get '.Volumes[] | select(.Removed | not) | .Reason') == "it carries data: ext4"*force* ]] ||
		fail "the reason: $(get .Volumes)"
	cli return-to-pool --left vgt --force
	same "the volumes" "$(volumes vgt)" ""
}

# What is done belongs to its owner, and its log is of no use any more.
finished()
{
	new_vg vgt 64M
	new_loop source 8M
	fill "$source" 7
	defer dm_gone r
	cli create "$source" --pool vgt --name r --meta pool --sync-type clone
	same "the volumes" "$(volumes vgt)" "r-meta r-replica"
	run replicactl wait r --timeout 60
	run replicactl finish r
	same "the volumes" "$(volumes vgt)" r-replica
	same "tags" "$(lvs --noheadings -o lv_tags vgt | tr -d ' ')" ""
	cli return-to-pool --left vgt --force
	same "the volumes" "$(volumes vgt)" r-replica
	compare_legs "$source" /dev/mapper/vgt-r--replica $((8 << 11))
}

# A return to the pool was cut off when it had marked them, and then the replica ended otherwise.
marked()
{
	made
	run lvchange -qy --addtag dm-replica-return vgt/r-replica vgt/r-meta
	run replicactl remove r
	cli return-to-pool --left vgt
	same "the volumes" "$(volumes vgt)" r-replica
	compare_legs "$source" /dev/mapper/vgt-r--replica $((8 << 11))
}

# The paths in a log are out of date then: its uuid is in the label, too.
renamed()
{
	made
	run replicactl deactivate r
	run vgrename -qy vgt vgu
	defer vg_gone vgu
	cli return-to-pool --left vgu --force
	same "the volumes" "$(volumes vgu)" "r-meta r-replica"
	same "why the target stays" "$(get '.Volumes[] | select(.StorageVolume | endswith("replica")) | .Reason')" \
		'it has the label of replica "r", whose log is there'
	run vgrename -qy vgu vgt
	run replicactl activate r
	goes_back
}

# One that is not done goes back whole, by force alone, and its source stays as it was.
clone_returned()
{
	local before
	new_vg vgt 64M
	new_loop source 8M
	fill "$source" 7
	before=$(sha256sum <"$source")
	defer dm_gone r
	cli create "$source" --pool vgt --name r --meta pool --sync-type clone --settings resync_rate=1
	same "return_value" "$(get .return_value)" 4096
	cli_returns 5 5 return-to-pool r
	complains 'replica "r" is a clone'
	same "the volumes" "$(volumes vgt)" "r-meta r-replica"
	in_state r Unsynchronized || fail "it does not go on"
	cli return-to-pool r --force
	same "return_value" "$(get .return_value)" 0
	same "the volumes" "$(volumes vgt)" ""
	[[ ! -e /dev/mapper/r ]] || fail "the mapping is still there"
	same "the source" "$(sha256sum <"$source")" "$before"
}

# The preflight passes without the module; the deed does not.
late_failure()
{
	new_vg vgt 64M
	new_loop source 8M
	run modprobe -r dm-replica
	defer modprobe dm-replica
	# The kernel would load it when device-mapper is asked for the target.
	mkdir -p /run/modprobe.d
	echo "install dm-replica /bin/false" >/run/modprobe.d/no-replica.conf
	defer rm -f /run/modprobe.d/no-replica.conf
	given_back 1 1 "not loaded" --pool vgt --meta pool
}

thin()
{
	new_vg vgt 96M
	new_loop source 8M
	fill "$source" 5
	new_thin_pool vgt tp 32M
	defer dm_gone r
	cli create "$source" --pool vgt/tp --name r --meta pool --wait-for synchronized --timeout 60
	same "return_value" "$(get .return_value)" 0
	same "its pool" "$(lvs --noheadings -o pool_lv vgt/r-replica | tr -d ' ')" tp
	compare_legs "$source" /dev/mapper/vgt-r--replica $((8 << 11))
	new_loop source 64M
	cli_returns 40002 12 create "$source" --pool vgt/tp --name q
	same "the volumes" "$(volumes vgt)" "r-meta r-replica tp"
	cli return-to-pool r
	same "return_value" "$(get .return_value)" 0
	same "the volumes" "$(volumes vgt)" tp
	run lvchange -qy --activate n vgt/tp
	given_back 4 4 "vgt/tp is not active" --pool vgt/tp
}

# A new volume lies where an old replica with its label and log was.
reused()
{
	made
	cli return-to-pool r
	same "return_value" "$(get .return_value)" 0
	cli create "$source" --pool vgt --name r --meta pool --wait-for synchronized --timeout 60
	same "return_value" "$(get .return_value)" 0
	compare_legs "$source" /dev/mapper/vgt-r--replica $((8 << 11))
	# Its log protects it while it is not active, and a label alone does so too.
	cli deactivate r
	cli return-to-pool --left vgt
	same "what a log names" "$(get '[.Volumes[] | .Removed] | any')" false
	cli activate r
	same "return_value" "$(get .return_value)" 0
	cli remove r
	cli return-to-pool --left vgt --dry-run
	same "the volumes" "$(volumes vgt)" "r-meta r-replica"
	cli return-to-pool --left vgt
	same "the volumes" "$(volumes vgt)" r-replica
	cli return-to-pool --left vgt --force
	same "the volumes" "$(volumes vgt)" ""
}

ktap_header
modprobe -q dm-replica || true
command -v lvcreate >/dev/null || ktap_skip_all "needs LVM"
ktap_case "what is cut has the right size, and the copy equals the source" made
ktap_case "detach keeps the target" kept
ktap_case "detach --force keeps it, and says what LVM has not done" kept_by_force
ktap_case "the same where LVM does not see the volumes" unknown
ktap_case "finish keeps the target of a clone" finished
ktap_case "return-to-pool --force of a clone" clone_returned
ktap_case "a volume with a file system stays" file_system
ktap_case "return-to-pool removes what was cut" returned
ktap_case "so it does where lvm.conf has reports look different" other_reports
ktap_case "a target that has become the origin stays" stays_as_origin
ktap_case "detach keeps a target that has become the origin" detached_as_origin
ktap_case "remove keeps a target that has become the origin" ends_as_origin remove
ktap_case "a target that was not cut from a pool is refused" not_ours
ktap_case "a target with a snapshot is refused" with_snapshot
ktap_case "a mark to go does not outlive a replica that is removed" marked
ktap_case "a volume group that has another name now" renamed
ktap_case "refusals leave nothing behind" refusals
ktap_case "who is to supply the target, and how: each value" wishes
ktap_case "a failure after the cut leaves nothing behind" late_failure
ktap_case "a thin pool" thin
ktap_case "old labels and logs do not count; logs and labels protect" reused
ktap_finish
