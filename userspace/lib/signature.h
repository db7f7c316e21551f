/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_SIGNATURE_H
#define _REPLICA_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>

/* What a device carries: superblocks and partition tables, as libblkid sees it. */
struct replica_signature {
	unsigned int count;		/* signatures found; 0: none */
	char text[256];			/* "an ext4 file system \"data\" and a gpt ..." */
	char id[256];			/* type and uuid of all: equal on equal copies */
};

/* 0 or -errno.  Reads the device, changes nothing. */
int replica_signature_probe(const char *path, struct replica_signature *sig);

#endif /* _REPLICA_SIGNATURE_H */
