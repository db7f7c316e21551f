/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Allocation for a short-lived program: these never return NULL. */
#ifndef REPLICACTL_MEMORY_H
#define REPLICACTL_MEMORY_H

#include <stdarg.h>
#include <stddef.h>

#include "compiler.h"

void *mem_zero(size_t count, size_t size);
char *mem_text(const char *text);
char *mem_vformat(const char *format, va_list args);
__printf(1, 2) char *mem_format(const char *format, ...);

/*
 * The program stays in memory: for when the device that holds it, or swap, may be one
 * that holds all I/O for a moment.
 */
void mem_lock(void);

#endif /* REPLICACTL_MEMORY_H */
