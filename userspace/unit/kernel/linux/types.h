/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For pure code of the module that is tested here: the kernel's own names of types. */
#ifndef _UNIT_LINUX_TYPES_H
#define _UNIT_LINUX_TYPES_H

#include_next <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#endif /* _UNIT_LINUX_TYPES_H */
