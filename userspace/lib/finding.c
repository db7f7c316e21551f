// SPDX-License-Identifier: LGPL-2.1-or-later
/* Findings of a preflight: what each of them means for CreateReplica. */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const struct meaning {
	uint32_t severity;
	int ret;
	int sm_code;
	bool forceable;
} meanings[] = {
#define ERROR(r, c)	{ REPLICA_SEVERITY_ERROR, r, c, false }
#define UNLESS_FORCED(r, c) { REPLICA_SEVERITY_ERROR, r, c, true }
#define WARNING		{ REPLICA_SEVERITY_WARNING, 0, 0, false }
#define INFO		{ REPLICA_SEVERITY_INFO, 0, 0, false }
	[REPLICA_CHECK_NOT_FOUND] = ERROR(REPLICA_NOT_FOUND, ENOENT),
	[REPLICA_CHECK_NOT_BLOCK] = ERROR(REPLICA_INVALID_PARAMETER, ENOTBLK),
	[REPLICA_CHECK_SAME_DEVICE] = ERROR(REPLICA_INVALID_PARAMETER, EINVAL),
	[REPLICA_CHECK_OVERLAP] = ERROR(REPLICA_INVALID_PARAMETER, EINVAL),
	[REPLICA_CHECK_TOO_SMALL] = ERROR(REPLICA_INVALID_PARAMETER, ENOSPC),
	[REPLICA_CHECK_EMPTY] = ERROR(REPLICA_INVALID_PARAMETER, ENOMEDIUM),
	[REPLICA_CHECK_READ_ONLY] = ERROR(REPLICA_INVALID_PARAMETER, EROFS),
	[REPLICA_CHECK_MOUNTED] = ERROR(REPLICA_FAILED, REPLICA_SM_IN_USE),
	[REPLICA_CHECK_SWAP] = ERROR(REPLICA_FAILED, REPLICA_SM_IN_USE),
	[REPLICA_CHECK_HOLDERS] = ERROR(REPLICA_FAILED, REPLICA_SM_IN_USE),
	[REPLICA_CHECK_OPEN] = ERROR(REPLICA_FAILED, REPLICA_SM_IN_USE),
	[REPLICA_CHECK_SIGNATURE] = UNLESS_FORCED(REPLICA_FAILED, EEXIST),
	[REPLICA_CHECK_IN_REPLICA] = ERROR(REPLICA_FAILED, REPLICA_SM_IN_USE),
	[REPLICA_CHECK_NAME_TAKEN] = ERROR(REPLICA_INVALID_PARAMETER, EEXIST),
	[REPLICA_CHECK_NAME_BAD] = ERROR(REPLICA_INVALID_PARAMETER, EINVAL),
	[REPLICA_CHECK_BLOCK_SIZE] = INFO,
	[REPLICA_CHECK_LARGER] = INFO,
	[REPLICA_CHECK_PERMISSION] = ERROR(REPLICA_ACCESS_DENIED, EACCES),
	[REPLICA_CHECK_MODULE] = WARNING,
	[REPLICA_CHECK_POOL_IGNORED] = WARNING,
	[REPLICA_CHECK_HAS_LOG] = UNLESS_FORCED(REPLICA_FAILED, EEXIST),
	[REPLICA_CHECK_SHRINK] = ERROR(REPLICA_INVALID_PARAMETER, ERANGE),
	[REPLICA_CHECK_ALIGNMENT] = ERROR(REPLICA_INVALID_PARAMETER, EINVAL),
	[REPLICA_CHECK_SUSPENDED] = ERROR(REPLICA_FAILED, REPLICA_SM_IN_USE),
	[REPLICA_CHECK_ATTACH] = INFO,
	[REPLICA_CHECK_OFFLOAD] = INFO,
	[REPLICA_CHECK_NO_OFFLOAD] = ERROR(REPLICA_NOT_SUPPORTED, EOPNOTSUPP),
};

static_assert(ARRAY_SIZE(meanings) == REPLICA_CHECK_NO_OFFLOAD + 1,
	      "enum replica_check_code");

EXPORT void replica_finding_free(struct replica_finding *list)
{
	struct replica_finding *next;

	for (; list; list = next) {
		next = list->next;
		free(list->parameter);
		free(list->sentence);
		free(list->found);
		free(list->expected);
		free(list);
	}
}

/* Behind all that are as bad as it. */
static void insert(struct replica_check *check, struct replica_finding *f)
{
	struct replica_finding **at = &check->findings;

	while (*at && (*at)->severity >= f->severity)
		at = &(*at)->next;
	f->next = *at;
	*at = f;
}

struct replica_finding *replica_finding_add(struct replica_check *check,
					    enum replica_check_code code,
					    const char *parameter,
					    const char *fmt, ...)
{
	const struct meaning *meaning = &meanings[code];
	struct replica_finding *f = calloc(1, sizeof(*f));
	va_list ap;

	if (!f)
		goto no_memory;
	va_start(ap, fmt);
	if (vasprintf(&f->sentence, fmt, ap) < 0)
		f->sentence = NULL;
	va_end(ap);
	f->parameter = parameter ? strdup(parameter) : NULL;
	if (!f->sentence || (parameter && !f->parameter))
		goto no_memory;
	f->code = code;
	f->severity = meaning->severity;
	f->ret = meaning->ret;
	f->sm_code = meaning->sm_code;
	f->forceable = meaning->forceable;
	if (f->forceable && check->force) {
		f->severity = REPLICA_SEVERITY_WARNING;
		f->ret = 0;
	}
	insert(check, f);
	return f;

no_memory:
	replica_finding_free(f);
	check->no_memory = true;
	return NULL;
}

void replica_finding_compare(struct replica_check *check,
			     struct replica_finding *finding,
			     const char *found, const char *expected)
{
	if (!finding)
		return;
	finding->found = strdup(found);
	finding->expected = strdup(expected);
	if (!finding->found || !finding->expected)
		check->no_memory = true;
}

bool replica_finding_has(const struct replica_check *check,
			 enum replica_check_code code, const char *parameter)
{
	for (const struct replica_finding *f = check->findings; f; f = f->next)
		if (f->code == code && f->parameter &&
		    strcmp(f->parameter, parameter) == 0)
			return true;
	return false;
}

/* The worst comes first, so the first decides. */
int replica_check_result(struct replica_check *check)
{
	const struct replica_finding *f = check->findings;
	unsigned int more = 0;

	if (check->no_memory)
		return replica_fail_memory(check->ctx);
	if (!f || f->severity != REPLICA_SEVERITY_ERROR)
		return REPLICA_SUCCESS;
	for (const struct replica_finding *g = f->next;
	     g && g->severity == REPLICA_SEVERITY_ERROR; g = g->next)
		more++;
	replica_fail(check->ctx, f->ret, f->sm_code, f->parameter, "%s",
		     f->sentence);
	if (more)
		replica_error_details(check->ctx, "%u more error%s: see the findings",
				      more, more == 1 ? "" : "s");
	return f->ret;
}
