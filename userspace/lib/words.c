// SPDX-License-Identifier: LGPL-2.1-or-later
/* Names and numbers as people type them. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "replica-private.h"

static const char *skip_separators(const char *s)
{
	while (*s == '-' || *s == '_' || *s == ' ')
		s++;
	return s;
}

bool replica_same_words(const char *a, const char *b)
{
	for (;;) {
		a = skip_separators(a);
		b = skip_separators(b);
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
		if (!*a)
			return true;
		a++;
		b++;
	}
}

unsigned int replica_number_of(const char *text)
{
	unsigned long value;
	char *end;

	if (!isdigit((unsigned char)*text))
		return UINT_MAX;
	errno = 0;
	value = strtoul(text, &end, 10);
	return *end || errno || value >= UINT_MAX ? UINT_MAX : value;
}
