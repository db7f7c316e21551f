// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whether the machine has the memory that settings ask for. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "replica-private.h"

/* Bytes of memory of the machine, or 0. */
static uint64_t memory_bytes(struct replica_ctx *ctx)
{
	char path[PATH_MAX], line[128];
	unsigned long long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc/meminfo", ctx->root);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemTotal: %llu kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib << 10;
}

/*
 * The kernel takes the queue's memory as writes come, so that one which can never be
 * had would be found out by the out-of-memory killer.
 */
int replica_room_check(struct replica_ctx *ctx, const struct replica_settings *s)
{
	uint64_t have;

	if (!s || !(s->present & REPLICA_SETTING_QUEUE_BYTES))
		return REPLICA_SUCCESS;
	have = memory_bytes(ctx);
	if (!have || s->queue_bytes <= have / 2)
		return REPLICA_SUCCESS;
	return replica_fail(ctx, REPLICA_NO_RESOURCES, ENOMEM, "queue_bytes",
			    "queue_bytes is %llu, and at most half of this machine's memory of %llu bytes may be queued",
			    (unsigned long long)s->queue_bytes, (unsigned long long)have);
}
