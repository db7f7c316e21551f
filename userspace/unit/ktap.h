/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unit tests that print KTAP; a failed check says where and what, and goes on. */
#ifndef _UNIT_KTAP_H
#define _UNIT_KTAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct ktap_test {
	const char *name;
	void (*run)(void);
};

static bool ktap_failed;

/* The row of a table that is being tested; printed when a check fails. */
static const char *ktap_case;

static inline void ktap_fail(const char *file, int line)
{
	ktap_failed = true;
	if (ktap_case)
		printf("# case \"%s\"\n", ktap_case);
	printf("# %s:%d: ", file, line);
}

#define CHECK(cond) \
	ktap_check(!!(cond), __FILE__, __LINE__, #cond)
#define CHECK_INT(got, want) \
	ktap_check_int((long long)(got), (long long)(want), __FILE__, __LINE__, #got)
#define CHECK_STR(got, want) \
	ktap_check_str(got, want, __FILE__, __LINE__, #got)
/* The text contains the part. */
#define CHECK_HAS(got, part) \
	ktap_check_has(got, part, __FILE__, __LINE__, #got)

static inline bool ktap_check(bool ok, const char *file, int line,
			      const char *what)
{
	if (!ok) {
		ktap_fail(file, line);
		printf("%s is false\n", what);
	}
	return ok;
}

static inline bool ktap_check_int(long long got, long long want,
				  const char *file, int line, const char *what)
{
	if (got != want) {
		ktap_fail(file, line);
		printf("%s is %lld, not %lld\n", what, got,
		       want);
	}
	return got == want;
}

static inline bool ktap_check_str(const char *got, const char *want,
				  const char *file, int line, const char *what)
{
	bool ok = got && strcmp(got, want) == 0;

	if (!ok) {
		ktap_fail(file, line);
		printf("%s is \"%s\", not \"%s\"\n", what,
		       got ? got : "(null)", want);
	}
	return ok;
}

static inline bool ktap_check_has(const char *got, const char *part,
				  const char *file, int line, const char *what)
{
	bool ok = got && strstr(got, part);

	if (!ok) {
		ktap_fail(file, line);
		printf("%s is \"%s\", without \"%s\"\n", what,
		       got ? got : "(null)", part);
	}
	return ok;
}

static inline int ktap_run(const struct ktap_test *tests, size_t count)
{
	bool all_ok = true;

	printf("KTAP version 1\n1..%zu\n", count);
	for (size_t i = 0; i < count; i++) {
		ktap_failed = false;
		ktap_case = NULL;
		tests[i].run();
		printf("%sok %zu %s\n", ktap_failed ? "not " : "", i + 1,
		       tests[i].name);
		fflush(stdout);
		all_ok &= !ktap_failed;
	}
	return all_ok ? 0 : 1;
}

#define KTAP_COUNT(a)	(sizeof(a) / sizeof((a)[0]))

#define T(fn)	{ #fn, fn }

#endif /* _UNIT_KTAP_H */
