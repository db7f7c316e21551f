/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DM_REPLICA_TARGET_H
#define DM_REPLICA_TARGET_H

#include <linux/device-mapper.h>

extern struct target_type replica_target_type;

#endif /* DM_REPLICA_TARGET_H */
