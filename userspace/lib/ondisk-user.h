/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What kmod/dm-replica-ondisk.c needs of the kernel, for the library. */
#ifndef _REPLICA_ONDISK_USER_H
#define _REPLICA_ONDISK_USER_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;

#define le16_to_cpu(x)	le16toh(x)
#define le32_to_cpu(x)	le32toh(x)
#define le64_to_cpu(x)	le64toh(x)
#define cpu_to_le16(x)	htole16(x)
#define cpu_to_le32(x)	htole32(x)
#define cpu_to_le64(x)	htole64(x)

#define min(a, b) ({			\
	__typeof__(a) _a = (a);		\
	__typeof__(b) _b = (b);		\
	_a < _b ? _a : _b;		\
})
#define max(a, b) ({			\
	__typeof__(a) _c = (a);		\
	__typeof__(b) _d = (b);		\
	_c > _d ? _c : _d;		\
})
#define max_t(type, a, b)	max((type)(a), (type)(b))
#define clamp_t(type, value, low, high) \
	max(min((type)(value), (type)(high)), (type)(low))

static inline u64 div_u64(u64 dividend, u32 divisor)
{
	return dividend / divisor;
}

/* The first byte that is not c, or NULL. */
static inline const void *memchr_inv(const void *start, int c, size_t size)
{
	const u8 *byte = start;

	for (; size; byte++, size--)
		if (*byte != (u8)c)
			return byte;
	return NULL;
}

/* CRC-32C without the final inversion, as lib/crc32c.c of the kernel; ondisk-crc.c. */
#define crc32c	replica_crc32c
u32 crc32c(u32 crc, const void *data, size_t size);

#endif /* _REPLICA_ONDISK_USER_H */
