#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=long timeout=900 mem=2048
#
# Nothing differs in silence (P3) while the origin alone acknowledges: test_log_01 with a
# queue. Whenever the power goes, what the queue had is dirty in the log, also while the mode
# changes. Its head has the argument; on the replica a copy and an entry of the queue may be
# under way to the same sectors at once, and then either may be what is found there.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/crash.sh"
modes=(async sync async adaptive)
features=(queue_bytes 4194304)

log=$dev_dir/crash-log-$$
ktap_header
defer rm -f "$log"
ktap_case "a busy run in mode async is recorded" long_record
ktap_case "what may differ is dirty after any cut" every_cut --overlaps
ktap_case "a sample of the cuts is activated" sample "${CRASH_POINTS:-400}"
ktap_finish
