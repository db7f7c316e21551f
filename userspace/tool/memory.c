// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Allocation for a short-lived program.  Without memory there is nothing left
 * to render a document with, so the program says so and ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exit-codes.h"
#include "memory.h"

static void *checked(void *pointer)
{
	static const char text[] = "replicactl: out of memory\n";

	if (!pointer) {
		if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
			_exit(EXIT_RESOURCES);
		_exit(EXIT_RESOURCES);
	}
	return pointer;
}

void *mem_zero(size_t count, size_t size)
{
	return checked(calloc(count, size));
}

char *mem_text(const char *text)
{
	return text ? checked(strdup(text)) : NULL;
}

char *mem_vformat(const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	return checked(text);
}

char *mem_format(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = mem_vformat(format, args);
	va_end(args);
	return text;
}

/* Where there is no right to it there is none to device-mapper either. */
void mem_lock(void)
{
	mlockall(MCL_CURRENT | MCL_FUTURE);
}
