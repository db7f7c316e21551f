/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_BELONG_H
#define _REPLICA_BELONG_H

#include "ondisk.h"

/*
 * label: reads what stands in the last whole block of the device, beside the page cache.
 * 0 if that is a good label, -ENOMSG if not, -errno.  May wait for the device.
 */
int replica_label_read(struct replica_ctx *ctx, const char *path, struct dm_replica_label *label);
/* Writes zeroes over it if it is of that association; 0 also if there is none. */
int replica_label_erase(struct replica_ctx *ctx, const char *path, const uint8_t uuid[16]);

#endif /* _REPLICA_BELONG_H */
