/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A machine made of files: block devices in a sysfs tree, mounts and swap in
 * proc, and nodes, signatures and open states that the test sets.
 */
#ifndef _UNIT_FAKE_H
#define _UNIT_FAKE_H

#include "replica-private.h"

struct replica_ctx *fake_ctx(void);
void fake_free(struct replica_ctx *ctx);

/* Block devices.  devno is "8:1"; size in bytes. */
void fake_disk(const char *kname, const char *devno, uint64_t size);
void fake_part(const char *disk, const char *kname, const char *devno,
	       uint64_t size);
void fake_dm(const char *kname, const char *devno, uint64_t size,
	     const char *dm_name);
/* The live table of a mapped device; of one alone. */
void fake_table(const char *dm_name, const char *uuid, const char *type,
		const char *params);
/* kname lies on slave. */
void fake_stack(const char *kname, const char *slave);
/* Writes a file of the device, "ro", "queue/logical_block_size". */
void fake_attr(const char *kname, const char *attr, const char *value);
/* Writes a file below the root, "/proc/swaps". */
void fake_file(const char *path, const char *text);

/* A node; devno NULL: it exists and is no block device.  Disks have theirs. */
void fake_node(const char *path, const char *devno);

/* Answers for a path of a device. */
void fake_open_error(const char *path, int err);
void fake_signature(const char *path, const char *text, const char *id);
/* What the device holds is in that file. */
void fake_image(const char *path, const char *file);

#endif /* _UNIT_FAKE_H */
