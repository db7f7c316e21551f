// SPDX-License-Identifier: LGPL-2.1-or-later
/* CRC-32C, Castagnoli's polynomial, as iSCSI and the kernel compute it. */
#include "ondisk-user.h"

/*
 * The remainders of the low and of the high half of a byte: as everything here is
 * linear, those of a whole byte are one of each added.
 */
static const u32 low_half[16] = {
	0x00000000, 0xf26b8303, 0xe13b70f7, 0x1350f3f4,
	0xc79a971f, 0x35f1141c, 0x26a1e7e8, 0xd4ca64eb,
	0x8ad958cf, 0x78b2dbcc, 0x6be22838, 0x9989ab3b,
	0x4d43cfd0, 0xbf284cd3, 0xac78bf27, 0x5e133c24,
};

static const u32 high_half[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
	0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
	0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

u32 crc32c(u32 crc, const void *data, size_t size)
{
	const u8 *byte = data;
	u8 low;

	for (; size; byte++, size--) {
		low = crc ^ *byte;
		crc = crc >> 8 ^ low_half[low & 15] ^ high_half[low >> 4];
	}
	return crc;
}
