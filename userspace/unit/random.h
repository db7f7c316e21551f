/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random numbers that are the same in every run (xorshift64*). */
#ifndef _UNIT_RANDOM_H
#define _UNIT_RANDOM_H

#include <stdint.h>

static uint64_t random_state = 0x9e3779b97f4a7c15ULL;

static inline uint32_t random_u32(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (random_state * 0x2545f4914f6cdd1dULL) >> 32;
}

/* 0 to below - 1. */
static inline uint32_t random_below(uint32_t below)
{
	return random_u32() % below;
}

#endif /* _UNIT_RANDOM_H */
