// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is said to devices that copy by themselves, and what they answer. */
#include <errno.h>

#include "ktap.h"
#include "offload-nvme.h"
#include "offload-scsi.h"
#include "random.h"
#include "replica-private.h"

/* ------------------------------------------------------------------------ */
/* SCSI */

static void copy_list(void)
{
	static const struct scsi_designator from = { 16, { 0x60, 1, 2, 3 } };
	static const struct scsi_designator to = { 8, { 0x50, 9 } };
	static const uint8_t segment[28] = {
		0x02, 0, 0, 0x18, 0, 0, 0, 1, 0, 0, 0x80, 0x01,
		0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0x10, 0,
	};
	const struct scsi_copy copy = {
		.from = &from, .to = &to, .block_bytes = 4096, .from_block = 0x102030405,
		.to_block = 0x1000, .blocks = 0x8001, .no_list_id = true,
	};
	struct scsi_copy other = copy;
	uint8_t list[SCSI_COPY_BYTES], cdb[SCSI_CDB_BYTES];

	scsi_copy_list(&copy, list);
	CHECK_INT(list[0], 0);
	CHECK_INT(list[1], 0x18);
	CHECK_INT(list[3], 64);
	CHECK_INT(list[11], 28);
	CHECK_INT(list[16], 0xe4);
	CHECK_INT(list[20], 1);
	CHECK_INT(list[21], 3);
	CHECK_INT(list[23], 16);
	CHECK_INT(memcmp(list + 24, from.bytes, 16), 0);
	CHECK_INT(list[46], 0x10);		/* 4096, in 24 bits */
	CHECK_INT(list[48], 0xe4);
	CHECK_INT(list[55], 8);
	CHECK_INT(memcmp(list + 56, to.bytes, 8), 0);
	CHECK_INT(memcmp(list + 80, segment, sizeof(segment)), 0);
	other.no_list_id = false;
	scsi_copy_list(&other, list);
	CHECK_INT(list[0], 1);
	CHECK_INT(list[1], 0x10);

	scsi_extended_copy(cdb, SCSI_COPY_BYTES);
	CHECK_INT(cdb[0], 0x83);
	CHECK_INT(cdb[1], 0);
	CHECK_INT(cdb[13], SCSI_COPY_BYTES);
	scsi_operating_parameters(cdb, 256);
	CHECK_INT(cdb[0], 0x84);
	CHECK_INT(cdb[1], 3);
	CHECK_INT(cdb[12], 1);
	scsi_inquiry(cdb, true, 0x83, 252);
	CHECK_INT(cdb[0] << 24 | cdb[1] << 16 | cdb[2] << 8 | cdb[4], 0x120183fc);
}

static void designators(void)
{
	/* A T10 vendor id, a NAA one of a port, and that of the unit. */
	static const uint8_t page[] = {
		0, 0x83, 0, 44, 2, 1, 0, 8, 'L', 'I', 'O', '-', 'O', 'R', 'G', ' ',
		1, 0x13, 0, 8, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 3, 0, 16, 0x60, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
	};
	uint8_t noise[64];
	struct scsi_designator d;

	scsi_find_designator(page, sizeof(page), &d);
	CHECK_INT(d.length, 16);
	CHECK_INT(d.bytes[0], 0x60);
	CHECK_INT(d.bytes[15], 15);
	for (size_t length = 0; length < sizeof(page); length++) {
		scsi_find_designator(page, length, &d);
		CHECK_INT(d.length, 0);
	}
	for (int i = 0; i < 20000; i++) {
		for (size_t j = 0; j < sizeof(noise); j++)
			noise[j] = random_below(256);
		noise[1] = 0x83;
		noise[2] = random_below(2);
		noise[3] = random_below(80);
		scsi_find_designator(noise, random_below(sizeof(noise) + 1), &d);
		CHECK(d.length <= SCSI_DESIGNATOR_MAX);
	}
}

/* What the target of Linux answers. */
static void limits(void)
{
	uint8_t bytes[46] = {
		[3] = 42, [4] = 1, [9] = 2, [11] = 1, [14] = 4, [16] = 0x10, [37] = 9, [43] = 2,
		[44] = 0x02, [45] = 0xe4,
	};
	struct scsi_copy_limits l;

	CHECK_INT(scsi_parse_limits(bytes, sizeof(bytes), &l), 0);
	CHECK(l.no_list_id && l.disk_target && l.block_segment);
	CHECK_INT(l.descriptors, 2);
	CHECK_INT(l.segments, 1);
	CHECK_INT(l.segment_bytes, 256 << 20);
	CHECK(!scsi_limits_fault(&l));
	CHECK_INT(scsi_most_blocks(&l, 512), 65535);
	CHECK_INT(scsi_most_blocks(&l, 8192), 32768);
	CHECK_INT(l.list_bytes, 1024);
	CHECK_INT(scsi_unit_blocks(&l, 512), 1);
	CHECK_INT(scsi_unit_blocks(&l, 4096), 1);
	l.segment_bytes = 0;
	CHECK_INT(scsi_most_blocks(&l, 512), 65535);
	CHECK_INT(scsi_parse_limits(bytes, 43, &l), -EPROTO);
	CHECK_INT(scsi_parse_limits(bytes, 45, &l), 0);
	CHECK_HAS(scsi_limits_fault(&l), "E4h");
	bytes[44] = 0x0b;
	scsi_parse_limits(bytes, sizeof(bytes), &l);
	CHECK_HAS(scsi_limits_fault(&l), "02h");
	bytes[44] = 0x02;
	bytes[9] = 1;
	scsi_parse_limits(bytes, sizeof(bytes), &l);
	CHECK_HAS(scsi_limits_fault(&l), "less than two");
	bytes[9] = 2;
	bytes[14] = 0;
	bytes[15] = SCSI_DESCRIPTOR_BYTES;
	scsi_parse_limits(bytes, sizeof(bytes), &l);
	CHECK(!scsi_limits_fault(&l));
	bytes[15]--;
	scsi_parse_limits(bytes, sizeof(bytes), &l);
	CHECK_HAS(scsi_limits_fault(&l), "no list");
}

/* Segments of a multiple of some bytes, and of what no disk could mean. */
static void granularity(void)
{
	struct scsi_copy_limits l = { .granularity = 12 };

	CHECK_INT(scsi_unit_blocks(&l, 512), 8);
	CHECK_INT(scsi_most_blocks(&l, 512), 65528);
	CHECK_INT(scsi_unit_blocks(&l, 4096), 1);
	CHECK_INT(scsi_most_blocks(&l, 4096), 65535);
	l.segment_bytes = 10000;
	CHECK_INT(scsi_most_blocks(&l, 512), 16);
	l.segment_bytes = 4095;
	CHECK_INT(scsi_most_blocks(&l, 512), 0);
	l.segment_bytes = 0;
	for (unsigned int i = 25; i < 256; i++) {
		l.granularity = i;
		CHECK_INT(scsi_most_blocks(&l, 512), 0);
	}
	l.granularity = 31;
	CHECK_INT(scsi_unit_blocks(&l, 512), 1U << 22);
	l.granularity = 32;
	CHECK_INT(scsi_unit_blocks(&l, 512), 0);
}

static void same_names(void)
{
	const struct scsi_designator a = { 16, { 0x60, 1, 2, 3 } };
	struct scsi_designator b = a;

	CHECK(scsi_same_designator(&a, &b));
	b.bytes[15] = 1;
	CHECK(!scsi_same_designator(&a, &b));
	b = a;
	b.length = 8;
	CHECK(!scsi_same_designator(&a, &b));
}

static void sense(void)
{
	static const uint8_t fixed[18] = { 0x70, 0, 5, [12] = 0x26, [13] = 0x07 };
	static const uint8_t described[8] = { 0x72, 0x0a, 0x0d, 0x02 };
	static const uint8_t attention[18] = { 0x70, 0, 6, [12] = 0x29 };
	char text[80];

	scsi_sense_text(fixed, sizeof(fixed), text, sizeof(text));
	CHECK_STR(text, "illegal request: target descriptor of this type not supported");
	scsi_sense_text(described, sizeof(described), text, sizeof(text));
	CHECK_STR(text, "copy aborted: the other device cannot be reached");
	scsi_sense_text(attention, sizeof(attention), text, sizeof(text));
	CHECK_STR(text, "unit attention, code 29/00");
	scsi_sense_text(fixed, 0, text, sizeof(text));
	CHECK_STR(text, "it does not say why");
	CHECK(scsi_unit_attention(attention, sizeof(attention)));
	CHECK(!scsi_unit_attention(fixed, sizeof(fixed)));
	CHECK(!scsi_unit_attention(attention, 3));
}

/* ------------------------------------------------------------------------ */
/* NVMe */

static void nvme_limits(void)
{
	uint8_t bytes[NVME_IDENTIFY_BYTES] = { 0 };
	struct nvme_copy_limits l;

	CHECK(!nvme_has_copy(bytes));
	bytes[521] = 1;
	CHECK(!nvme_has_copy(bytes));
	bytes[534] = 1;			/* OCFS */
	CHECK(nvme_has_copy(bytes));
	bytes[521] = 0;
	CHECK(!nvme_has_copy(bytes));
	bytes[26] = 1;			/* the second format */
	bytes[128 + 2] = 9;
	bytes[132 + 2] = 12;
	bytes[74] = 128;		/* MSSRL */
	bytes[76] = 0xff;		/* MCL */
	bytes[80] = 127;		/* MSRC, from 0 */
	nvme_parse_limits(bytes, &l);
	CHECK_INT(l.block_bytes, 4096);
	CHECK_INT(l.range_blocks, 128);
	CHECK_INT(l.copy_blocks, 255);
	CHECK_INT(l.ranges, 128);
	CHECK(!nvme_limits_fault(&l));
	CHECK_INT(nvme_most_blocks(&l), 255);
	l.copy_blocks = 1 << 20;
	CHECK_INT(nvme_most_blocks(&l), 128 * 128);
	bytes[132] = 8;			/* metadata */
	nvme_parse_limits(bytes, &l);
	CHECK_HAS(nvme_limits_fault(&l), "metadata");
	bytes[132] = 0;
	bytes[74] = 0;
	nvme_parse_limits(bytes, &l);
	CHECK_HAS(nvme_limits_fault(&l), "no block at all");
	bytes[132 + 2] = 0;
	nvme_parse_limits(bytes, &l);
	CHECK_HAS(nvme_limits_fault(&l), "block size");
}

static void nvme_source_ranges(void)
{
	const struct nvme_copy_limits l = {
		.block_bytes = 512, .range_blocks = 100, .copy_blocks = 1000, .ranges = 4,
	};
	uint8_t ranges[8 * NVME_RANGE_BYTES];

	CHECK_INT(nvme_ranges(&l, 0x10000, 250, ranges), 3);
	CHECK_INT(ranges[10], 1);
	CHECK_INT(ranges[16], 99);
	CHECK_INT(ranges[32 + 8], 100);
	CHECK_INT(ranges[64 + 8], 200);
	CHECK_INT(ranges[64 + 16], 49);
	CHECK_INT(ranges[64 + 17], 0);
	CHECK_INT(nvme_ranges(&l, 0, 1, ranges), 1);
	CHECK_INT(ranges[16], 0);
	CHECK_INT(nvme_ranges(&l, 0, 400, ranges), 4);
}

static void nvme_texts(void)
{
	char text[80];

	nvme_status_text(0x4183, text, sizeof(text));	/* and do not retry */
	CHECK_STR(text, "command size limit exceeded");
	nvme_status_text(0x7aa, text, sizeof(text));
	CHECK_STR(text, "status 7aa");
}

int main(void)
{
	static const struct ktap_test tests[] = {
		{ "the parameter list of EXTENDED COPY", copy_list },
		{ "names of a logical unit", designators },
		{ "what a copy manager can", limits },
		{ "of which size it copies", granularity },
		{ "disks of one name", same_names },
		{ "sense", sense },
		{ "what a namespace can copy", nvme_limits },
		{ "source ranges of NVMe Copy", nvme_source_ranges },
		{ "status of NVMe", nvme_texts },
	};

	return ktap_run(tests, ARRAY_SIZE(tests));
}
