/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_CONTENT_H
#define _REPLICA_CONTENT_H

#include <stddef.h>
#include <stdint.h>

/* So much of the beginning of a device tells how far its content reaches. */
#define REPLICA_CONTENT_HEAD	(68U << 10)

/*
 * Pure.  How many bytes of a device belong to the file system, volumes or partitions on
 * it, by the superblock or table in its first len bytes; 0: it is not known.
 * block_size is that of the device, in which partition tables count.
 */
uint64_t replica_content_end(const uint8_t *head, size_t len, unsigned int block_size);

#endif /* _REPLICA_CONTENT_H */
