/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_FSCK_H
#define _REPLICA_FSCK_H

#include "ondisk.h"

/* One check; zeroes at first. */
struct replica_fsck {
	struct replica_meta meta;
	struct replica_meta_fault *faults;
	bool lost;			/* the repair says that all regions may differ */
	bool no_memory;
};

/*
 * Know a file descriptor and no device.  find: 0, -ENODATA when there is no log,
 * -ENOMEM.  repair: after find; 0 or -errno.
 */
int replica_fsck_find(struct replica_fsck *fsck, int fd, uint64_t size);
int replica_fsck_repair(struct replica_fsck *fsck, int fd);
void replica_fsck_clear(struct replica_fsck *fsck);

#endif /* _REPLICA_FSCK_H */
