#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dm-replica-test: set=long timeout=900
#
# The storms of test_race_01_storm.sh, five times as long.
STORM_FACTOR=5 exec "$(dirname "$0")/test_race_01_storm.sh"
