// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdio.h>
#include <string.h>

#include "offload-nvme.h"
#include "replica-private.h"

enum {				/* offsets */
	CONTROLLER_ONCS = 520,
	CONTROLLER_OCFS = 534,
	NAMESPACE_NLBAF = 25,
	NAMESPACE_FLBAS = 26,
	NAMESPACE_MSSRL = 74,
	NAMESPACE_MCL = 76,
	NAMESPACE_MSRC = 80,
	NAMESPACE_LBAF = 128,
};

#define ONCS_COPY	(1U << 8)
#define OCFS_FORMAT_0	(1U << 0)

static uint16_t get16(const uint8_t *at)
{
	return at[0] | at[1] << 8;
}

static uint32_t get32(const uint8_t *at)
{
	return get16(at) | (uint32_t)get16(at + 2) << 16;
}

bool nvme_has_copy(const uint8_t *controller)
{
	return get16(controller + CONTROLLER_ONCS) & ONCS_COPY &&
	       get16(controller + CONTROLLER_OCFS) & OCFS_FORMAT_0;
}

/* Formats beyond the 16th have two more bits of their number elsewhere. */
static unsigned int format_of(const uint8_t *namespace)
{
	uint8_t flbas = namespace[NAMESPACE_FLBAS];

	if (namespace[NAMESPACE_NLBAF] < 16)
		return flbas & 0x0f;
	return (flbas & 0x0f) | (flbas & 0x60) >> 1;
}

void nvme_parse_limits(const uint8_t *namespace, struct nvme_copy_limits *limits)
{
	const uint8_t *format = namespace + NAMESPACE_LBAF + 4 * format_of(namespace);

	limits->metadata = get16(format);
	limits->block_bytes = format[2] >= 9 && format[2] < 32 ? 1U << format[2] : 0;
	limits->range_blocks = get16(namespace + NAMESPACE_MSSRL);
	limits->copy_blocks = get32(namespace + NAMESPACE_MCL);
	limits->ranges = namespace[NAMESPACE_MSRC] + 1U;
}

const char *nvme_limits_fault(const struct nvme_copy_limits *limits)
{
	if (!limits->block_bytes)
		return "has no logical block size";
	if (limits->metadata)
		return "keeps metadata with its blocks";
	if (!limits->range_blocks || !limits->copy_blocks)
		return "copies no block at all";
	return NULL;
}

uint32_t nvme_most_blocks(const struct nvme_copy_limits *limits)
{
	uint64_t most = (uint64_t)limits->range_blocks * limits->ranges;

	return most < limits->copy_blocks ? most : limits->copy_blocks;
}

static void put(uint8_t *at, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		at[i] = value >> 8 * i;
}

uint32_t nvme_ranges(const struct nvme_copy_limits *limits, uint64_t block, uint32_t blocks,
		     uint8_t *ranges)
{
	uint32_t count = 0, length;

	while (blocks && count < limits->ranges && count < NVME_RANGES_MAX) {
		length = blocks < limits->range_blocks ? blocks : limits->range_blocks;
		memset(ranges, 0, NVME_RANGE_BYTES);
		put(ranges + 8, block, 8);
		put(ranges + 16, length - 1, 2);	/* counted from 0 */
		ranges += NVME_RANGE_BYTES;
		block += length;
		blocks -= length;
		count++;
	}
	return count;
}

static const struct {
	uint16_t status;		/* type and code */
	const char *text;
} texts[] = {
	{ 0x001, "invalid opcode" },
	{ 0x002, "invalid field in the command" },
	{ 0x006, "internal error" },
	{ 0x007, "aborted" },
	{ 0x080, "block address out of range" },
	{ 0x081, "capacity exceeded" },
	{ 0x082, "namespace not ready" },
	{ 0x182, "write to a read-only range" },
	{ 0x183, "command size limit exceeded" },
	{ 0x185, "source and destination are formatted differently" },
	{ 0x280, "write fault" },
	{ 0x281, "unrecovered read error" },
	{ 0x286, "access denied" },
};

void nvme_status_text(unsigned int status, char *text, size_t size)
{
	status &= 0x7ff;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i].status == status) {
			snprintf(text, size, "%s", texts[i].text);
			return;
		}
	snprintf(text, size, "status %03x", status);
}
