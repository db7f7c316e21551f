// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "offload-scsi.h"
#include "replica-private.h"

#define INQUIRY			0x12
#define EXTENDED_COPY		0x83
#define RECEIVE_COPY_RESULTS	0x84
#define OPERATING_PARAMETERS	0x03	/* service action */

#define DISK_TARGET		0xe4	/* identification descriptor of a target */
#define UNIT_ATTENTION		6	/* sense key */
#define BLOCK_SEGMENT		0x02	/* from block device to block device */

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

static void put64(uint8_t *at, uint64_t value)
{
	put32(at, value >> 32);
	put32(at + 4, value);
}

static uint16_t get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* ------------------------------------------------------------------------ */
/* Commands */

void scsi_inquiry(uint8_t cdb[SCSI_CDB_BYTES], bool vpd, uint8_t page, uint16_t length)
{
	memset(cdb, 0, SCSI_CDB_BYTES);
	cdb[0] = INQUIRY;
	cdb[1] = vpd;
	cdb[2] = page;
	put16(cdb + 3, length);
}

void scsi_operating_parameters(uint8_t cdb[SCSI_CDB_BYTES], uint32_t length)
{
	memset(cdb, 0, SCSI_CDB_BYTES);
	cdb[0] = RECEIVE_COPY_RESULTS;
	cdb[1] = OPERATING_PARAMETERS;
	put32(cdb + 10, length);
}

void scsi_extended_copy(uint8_t cdb[SCSI_CDB_BYTES], uint32_t length)
{
	memset(cdb, 0, SCSI_CDB_BYTES);
	cdb[0] = EXTENDED_COPY;
	put32(cdb + 10, length);
}

static void put_target(uint8_t *at, const struct scsi_designator *d, uint32_t block_bytes)
{
	at[0] = DISK_TARGET;
	at[4] = 1;			/* code set: binary */
	at[5] = 3;			/* of the logical unit, NAA */
	at[7] = d->length;
	memcpy(at + 8, d->bytes, d->length);
	put32(at + 28, block_bytes & 0xffffff);
}

static void put_segment(uint8_t *at, const struct scsi_copy *copy)
{
	at[0] = BLOCK_SEGMENT;
	put16(at + 2, 0x18);
	put16(at + 4, 0);		/* source: the first target descriptor */
	put16(at + 6, 1);
	put16(at + 10, copy->blocks);
	put64(at + 12, copy->from_block);
	put64(at + 20, copy->to_block);
}

/*
 * Nothing is to be kept of the command when it is over: list id usage 3, without an id, where
 * the unit knows that, else 2.
 */
void scsi_copy_list(const struct scsi_copy *copy, uint8_t list[SCSI_COPY_BYTES])
{
	memset(list, 0, SCSI_COPY_BYTES);
	list[0] = copy->no_list_id ? 0 : 1;
	list[1] = copy->no_list_id ? 3 << 3 : 2 << 3;
	put16(list + 2, 2 * 32);
	put32(list + 8, 28);
	put_target(list + 16, copy->from, copy->block_bytes);
	put_target(list + 48, copy->to, copy->block_bytes);
	put_segment(list + 80, copy);
}

/* ------------------------------------------------------------------------ */
/* Answers */

bool scsi_third_party(const uint8_t *inquiry, size_t length)
{
	return length > 5 && inquiry[5] & 0x08;
}

/* Code set binary, association logical unit, type NAA. */
static bool is_naa(const uint8_t *d)
{
	return (d[0] & 0x0f) == 1 && !(d[1] & 0x30) && (d[1] & 0x0f) == 3 &&
	       (d[3] == 8 || d[3] == 16);
}

void scsi_find_designator(const uint8_t *page, size_t length, struct scsi_designator *found)
{
	size_t at = 4, end;

	found->length = 0;
	if (length < 4 || page[1] != 0x83)
		return;
	end = 4 + (size_t)get16(page + 2);
	if (end > length)
		end = length;
	while (at + 4 <= end && at + 4 + page[at + 3] <= end) {
		if (is_naa(page + at)) {
			found->length = page[at + 3];
			memcpy(found->bytes, page + at + 4, found->length);
			return;
		}
		at += 4 + page[at + 3];
	}
}

int scsi_parse_limits(const uint8_t *bytes, size_t length, struct scsi_copy_limits *limits)
{
	size_t types;

	memset(limits, 0, sizeof(*limits));
	if (length < 44)
		return -EPROTO;
	limits->no_list_id = bytes[4] & 1;
	limits->descriptors = get16(bytes + 8);
	limits->segments = get16(bytes + 10);
	limits->list_bytes = get32(bytes + 12);
	limits->segment_bytes = get32(bytes + 16);
	limits->granularity = bytes[37];
	types = bytes[43];
	for (size_t i = 44; i < length && i < 44 + types; i++) {
		limits->disk_target |= bytes[i] == DISK_TARGET;
		limits->block_segment |= bytes[i] == BLOCK_SEGMENT;
	}
	return 0;
}

const char *scsi_limits_fault(const struct scsi_copy_limits *limits)
{
	if (!limits->block_segment)
		return "knows no segment from disk to disk (type 02h)";
	if (!limits->disk_target)
		return "knows no target by its name (type E4h)";
	if (limits->descriptors < 2 || !limits->segments)
		return "takes less than two targets and a segment";
	if (limits->list_bytes < SCSI_DESCRIPTOR_BYTES)
		return "takes no list of two targets and a segment";
	return NULL;
}

/* What is beyond 31 has no command whose blocks could be counted. */
uint32_t scsi_unit_blocks(const struct scsi_copy_limits *limits, uint32_t block_bytes)
{
	if (limits->granularity > 31)
		return 0;
	return 1U << limits->granularity > block_bytes ?
	       (1U << limits->granularity) / block_bytes : 1;
}

uint32_t scsi_most_blocks(const struct scsi_copy_limits *limits, uint32_t block_bytes)
{
	uint32_t most = UINT16_MAX, unit = scsi_unit_blocks(limits, block_bytes);

	if (limits->segment_bytes && limits->segment_bytes / block_bytes < most)
		most = limits->segment_bytes / block_bytes;
	return unit ? most - most % unit : 0;
}

bool scsi_same_designator(const struct scsi_designator *a, const struct scsi_designator *b)
{
	return a->length == b->length && !memcmp(a->bytes, b->bytes, a->length);
}

/* ------------------------------------------------------------------------ */
/* Sense */

static const char *const keys[] = {
	"no sense", "recovered error", "not ready", "medium error", "hardware error",
	"illegal request", "unit attention", "data protect", "blank check", "vendor specific",
	"copy aborted", "aborted command", "reserved", "volume overflow", "miscompare",
	"completed",
};

static const struct {
	uint16_t code;			/* ASC and ASCQ */
	const char *text;
} codes[] = {
	{ 0x0408, "not ready, a long write is under way" },
	{ 0x0d01, "the other device failed" },
	{ 0x0d02, "the other device cannot be reached" },
	{ 0x0d03, "the other device is of a wrong type" },
	{ 0x1100, "unrecovered read error" },
	{ 0x0c00, "write error" },
	{ 0x2000, "the command is not known" },
	{ 0x2100, "block address out of range" },
	{ 0x2400, "invalid field in the command" },
	{ 0x2500, "no such logical unit" },
	{ 0x2600, "invalid field in the parameter list" },
	{ 0x2606, "too many target descriptors" },
	{ 0x2607, "target descriptor of this type not supported" },
	{ 0x2608, "too many segment descriptors" },
	{ 0x2609, "segment descriptor of this type not supported" },
	{ 0x260d, "copy source and destination are not of one copy manager" },
	{ 0x2700, "write protected" },
	{ 0x2707, "no room left on a thin device" },
	{ 0x4400, "internal failure of the device" },
	{ 0x5500, "out of resources" },
};

static const char *code_text(uint16_t code)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].code == code)
			return codes[i].text;
	return NULL;
}

static bool is_fixed(const uint8_t *sense, size_t length)
{
	return length >= 14 && ((sense[0] & 0x7f) == 0x70 || (sense[0] & 0x7f) == 0x71);
}

static bool is_descriptor(const uint8_t *sense, size_t length)
{
	return length >= 4 && ((sense[0] & 0x7f) == 0x72 || (sense[0] & 0x7f) == 0x73);
}

bool scsi_unit_attention(const uint8_t *sense, size_t length)
{
	if (is_descriptor(sense, length))
		return (sense[1] & 0x0f) == UNIT_ATTENTION;
	return is_fixed(sense, length) && (sense[2] & 0x0f) == UNIT_ATTENTION;
}

void scsi_sense_text(const uint8_t *sense, size_t length, char *text, size_t size)
{
	bool descriptor = is_descriptor(sense, length);
	uint8_t key;
	uint16_t code;

	if (!descriptor && !is_fixed(sense, length)) {
		snprintf(text, size, "it does not say why");
		return;
	}
	key = sense[descriptor ? 1 : 2] & 0x0f;
	code = get16(sense + (descriptor ? 2 : 12));
	if (code_text(code))
		snprintf(text, size, "%s: %s", keys[key], code_text(code));
	else
		snprintf(text, size, "%s, code %02x/%02x", keys[key], code >> 8, code & 0xff);
}
