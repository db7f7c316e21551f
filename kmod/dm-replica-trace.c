// SPDX-License-Identifier: GPL-2.0-only
#include "dm-replica-io.h"

#define CREATE_TRACE_POINTS
#include "dm-replica-trace.h"
