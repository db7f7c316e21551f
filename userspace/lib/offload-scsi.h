/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SCSI EXTENDED COPY (LID1), SPC-4: what is sent and what comes back, as bytes.  Pure. */
#ifndef _REPLICA_OFFLOAD_SCSI_H
#define _REPLICA_OFFLOAD_SCSI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCSI_CDB_BYTES		16
#define SCSI_SENSE_BYTES	64
#define SCSI_DESIGNATOR_MAX	20

/* The NAA designator of a logical unit, from VPD page 83h. */
struct scsi_designator {
	uint8_t length;			/* 8 or 16; 0: none */
	uint8_t bytes[SCSI_DESIGNATOR_MAX];
};

/* RECEIVE COPY RESULTS, operating parameters. */
struct scsi_copy_limits {
	bool no_list_id;		/* SNLID */
	uint16_t descriptors;		/* of targets */
	uint16_t segments;
	uint32_t list_bytes;		/* of the descriptors of a command */
	uint32_t segment_bytes;		/* the longest; 0: no limit */
	uint8_t granularity;		/* log2 of bytes: a segment is a multiple of that */
	bool disk_target;		/* descriptor type E4h */
	bool block_segment;		/* segment descriptor type 02h */
};

/* One command that copies; lengths and places in logical blocks. */
struct scsi_copy {
	const struct scsi_designator *from;
	const struct scsi_designator *to;
	uint32_t block_bytes;
	uint64_t from_block;
	uint64_t to_block;
	uint16_t blocks;
	bool no_list_id;
};

/* Header; two target descriptors, one segment descriptor. */
#define SCSI_DESCRIPTOR_BYTES	(2 * 32 + 28)
#define SCSI_COPY_BYTES		(16 + SCSI_DESCRIPTOR_BYTES)

/* Commands; the length is that of what follows or is wanted. */
void scsi_inquiry(uint8_t cdb[SCSI_CDB_BYTES], bool vpd, uint8_t page, uint16_t length);
void scsi_operating_parameters(uint8_t cdb[SCSI_CDB_BYTES], uint32_t length);
void scsi_extended_copy(uint8_t cdb[SCSI_CDB_BYTES], uint32_t length);

/* The parameter list of EXTENDED COPY. */
void scsi_copy_list(const struct scsi_copy *copy, uint8_t list[SCSI_COPY_BYTES]);

/* Of standard INQUIRY: does the unit do third-party copies, 3PC? */
bool scsi_third_party(const uint8_t *inquiry, size_t length);
/* The first NAA designator of the logical unit, length 0 if there is none. */
void scsi_find_designator(const uint8_t *page, size_t length, struct scsi_designator *d);
/* 0, or -EPROTO for what is too short. */
int scsi_parse_limits(const uint8_t *bytes, size_t length, struct scsi_copy_limits *limits);
/* Can it do what scsi_copy_list() asks for?  Why not, else NULL. */
const char *scsi_limits_fault(const struct scsi_copy_limits *limits);
/* Blocks that a command is a multiple of, and the most of one command; 0: it can do none. */
uint32_t scsi_unit_blocks(const struct scsi_copy_limits *limits, uint32_t block_bytes);
uint32_t scsi_most_blocks(const struct scsi_copy_limits *limits, uint32_t block_bytes);
/* Is it the same name? */
bool scsi_same_designator(const struct scsi_designator *a, const struct scsi_designator *b);

/* Sense data: is it not about this command?  As a sentence. */
bool scsi_unit_attention(const uint8_t *sense, size_t length);
void scsi_sense_text(const uint8_t *sense, size_t length, char *text, size_t size);

#endif /* _REPLICA_OFFLOAD_SCSI_H */
