// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Starts the process that has the devices of a redeem copy: a unit of systemd, or a program
 * in a session of its own.  It is not part of the call that makes the redeem, which returns
 * while it works, and may be killed at any time.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clone.h"
#include "genl.h"
#include "offload.h"
#include "proc.h"

#define START_MS	10000

/*
 * The name as systemd takes it, and the tool's __offload: ":2b" where it takes no character.
 * False for one that is too long.
 */
static bool encode(const char *name, char *text, size_t size)
{
	size_t len = 0;

	for (; *name && len + 4 < size; name++)
		if (isascii(*name) && (isalnum(*name) || strchr("_.@", *name) ||
				       (*name == '-' && len)))
			text[len++] = *name;
		else
			len += sprintf(text + len, ":%02x", (unsigned char)*name);
	text[len] = '\0';
	return !*name;
}

static int start_unit(struct replica_ctx *ctx, const char *instance)
{
	char unit[256], manager[PATH_MAX];
	const char *const argv[] = { "systemctl", "--no-block", "start", unit, NULL };
	struct replica_proc proc = { .argv = argv, .timeout_ms = START_MS };
	int r;

	snprintf(manager, sizeof(manager), "%s/run/systemd/system", ctx->root);
	if (access(manager, F_OK) || !replica_has_unit(ctx, "dm-replica-offload@.service") ||
	    snprintf(unit, sizeof(unit), "dm-replica-offload@%s.service", instance) >=
	    (int)sizeof(unit))
		return -ENOENT;
	r = replica_proc_run(&proc);
	replica_proc_clear(&proc);
	return r ? r : proc.status ? -ECHILD : 0;
}

static int start_program(const char *instance)
{
	const char *const argv[] = {
		"setsid", "--fork", REPLICA_TOOL, "__offload", instance, NULL
	};
	struct replica_proc proc = { .argv = argv, .timeout_ms = START_MS };
	int r;

	if (access(REPLICA_TOOL, X_OK))
		return -errno;
	r = replica_proc_run(&proc);
	replica_proc_clear(&proc);
	return r ? r : proc.status ? -ECHILD : 0;
}

/* Then nobody comes, and the kernel need not wait to find that out.  The error stays. */
static void tell(struct replica_ctx *ctx, const char *name, int err)
{
	struct replica_error error = ctx->err;
	char why[REPLICA_OFFLOAD_WHY];
	struct replica_genl *g;

	snprintf(why, sizeof(why), "nobody could be started to have the devices copy: %s",
		 strerror(-err));
	if (!replica_genl_get(ctx, &g))
		replica_offload_finish(ctx, g, name, why);
	ctx->err = error;
}

void replica_offload_start(struct replica_ctx *ctx, const char *name)
{
	char instance[DM_REPLICA_NAME_LEN * 3];
	int r = -ENAMETOOLONG;

	if (encode(name, instance, sizeof(instance))) {
		r = start_unit(ctx, instance);
		if (r)
			r = start_program(instance);
	}
	if (r)
		tell(ctx, name, r);
}
