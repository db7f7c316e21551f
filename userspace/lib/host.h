/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_HOST_H
#define _REPLICA_HOST_H

#include "replica-private.h"

/* The system itself: stat(), open(), libblkid, libdevmapper. */
extern const struct replica_host_ops replica_host_real;

#endif /* _REPLICA_HOST_H */
