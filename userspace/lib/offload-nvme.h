/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* NVMe Copy, of the NVM command set: what is sent and what comes back, as bytes.  Pure. */
#ifndef _REPLICA_OFFLOAD_NVME_H
#define _REPLICA_OFFLOAD_NVME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NVME_IDENTIFY_BYTES	4096
#define NVME_RANGE_BYTES	32
#define NVME_RANGES_MAX		256

struct nvme_copy_limits {
	uint32_t block_bytes;
	uint16_t metadata;		/* bytes of it with each block */
	uint32_t range_blocks;		/* MSSRL: the most of a range */
	uint32_t copy_blocks;		/* MCL: of a command */
	uint32_t ranges;		/* MSRC */
};

/* Of Identify Controller: is there a Copy command, ONCS, that takes source ranges of format 0? */
bool nvme_has_copy(const uint8_t *controller);
/* Of Identify Namespace. */
void nvme_parse_limits(const uint8_t *namespace, struct nvme_copy_limits *limits);
/* Why not, else NULL. */
const char *nvme_limits_fault(const struct nvme_copy_limits *limits);
uint32_t nvme_most_blocks(const struct nvme_copy_limits *limits);
/* The source ranges, format 0, of what is in a row: how many of them. */
uint32_t nvme_ranges(const struct nvme_copy_limits *limits, uint64_t block, uint32_t blocks,
		     uint8_t *ranges);
void nvme_status_text(unsigned int status, char *text, size_t size);

#endif /* _REPLICA_OFFLOAD_NVME_H */
