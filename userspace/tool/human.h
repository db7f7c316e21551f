/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Amounts as people read them. */
#ifndef REPLICACTL_HUMAN_H
#define REPLICACTL_HUMAN_H

#include <stddef.h>
#include <stdint.h>

/* "1.5 GiB"; whole numbers below 1 KiB. */
void human_bytes(char *text, size_t len, uint64_t bytes);
/* "350 ms", "4.2 s", "3 min 20 s", "2 h 5 min", "3 d 4 h" */
void human_duration(char *text, size_t len, uint64_t ms);
/* Local time, "2026-01-31 14:05:09". */
void human_time(char *text, size_t len, uint64_t ms);
/* UTC as RFC 3339 has it, "2026-01-31T13:05:09.123Z". */
void human_time_utc(char *text, size_t len, uint64_t ms);

#endif /* REPLICACTL_HUMAN_H */
