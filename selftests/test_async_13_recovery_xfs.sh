#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=long timeout=1200 mem=2048
#
# test_async_06 on xfs, which takes longest to recover.
. "$(dirname "$0")/lib/ktap.sh"
. "$(dirname "$0")/lib/dev.sh"
. "$(dirname "$0")/lib/replica.sh"
. "$(dirname "$0")/lib/crash.sh"
. "$(dirname "$0")/lib/order.sh"
. "$(dirname "$0")/lib/recovery.sh"

ktap_header
records
for_xfs
ktap_case "rows and files come and go on xfs" file_record xfs
ktap_case "xfs recovers, whenever" recovers xfs --files
ktap_finish
