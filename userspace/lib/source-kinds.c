// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which kinds of copy can be made of a source: asks what CreateReplica asks of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "info.h"
#include "snapshot-create.h"
#include "snapshot-lvm.h"

EXPORT void replica_source_kind_free(struct replica_source_kind *list)
{
	struct replica_source_kind *next;

	for (; list; list = next) {
		next = list->next;
		free(list->sentence);
		free(list);
	}
}

/* The first sentence is that of the return value; without one, what a warning says. */
static int judge(struct replica_check *check, int ret, struct replica_source_kind *kind)
{
	struct replica_ctx *ctx = check->ctx;
	const char *sentence = check->findings ? check->findings->sentence : NULL;

	if (!ret)
		ret = replica_check_result(check);
	if (ret)
		sentence = ctx->err.description;
	kind->ret = ret;
	kind->sentence = sentence ? strdup(sentence) : NULL;
	replica_error_clear(ctx);
	return check->no_memory || (sentence && !kind->sentence) ? -ENOMEM : 0;
}

/* A mirror, or a clone: the same questions, and only a target would add some. */
static int judge_target(struct replica_ctx *ctx, const char *source,
			struct replica_source_kind *kind)
{
	struct replica_check check = { .ctx = ctx };
	struct replica_info *replicas = NULL;
	int ret = replica_check_replicas(&check, &replicas), r;

	if (!ret)
		replica_check_run(&check, source, NULL);
	r = judge(&check, ret, kind);
	replica_finding_free(check.findings);
	replica_info_free(replicas);
	return r;
}

/* A snapshot by LVM, whose place and size follow from the source. */
static int judge_volume(struct replica_ctx *ctx, const struct replica_create_args *args,
			struct replica_source_kind *kind)
{
	struct replica_check check = { .ctx = ctx };
	int ret = replica_lvsnap_check(ctx, args, &check.findings);
	int r = judge(&check, ret, kind);

	replica_finding_free(check.findings);
	return r;
}

/* A snapshot by dm-snapshot, or a token. */
static int judge_mapping(struct replica_ctx *ctx, const struct replica_create_args *args,
			 struct replica_source_kind *kind)
{
	struct replica_snap_making *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->ctx = ctx;
	m->args = args;
	m->check.ctx = ctx;
	r = judge(&m->check, replica_snap_check_source(m), kind);
	replica_finding_free(m->check.findings);
	replica_info_free(m->replicas);
	replica_lines_clear(&m->old);
	free(m);
	return r;
}

static int judge_snapshot(struct replica_ctx *ctx, const char *source, unsigned int sync_type,
			  struct replica_source_kind *kind)
{
	const struct replica_create_args args = {
		.size = sizeof(args), .source = source, .sync_type = sync_type,
	};

	if (sync_type == REPLICA_SYNC_TYPE_SNAPSHOT && replica_lvsnap_source(ctx, &args))
		return judge_volume(ctx, &args, kind);
	return judge_mapping(ctx, &args, kind);
}

static int copy(const struct replica_source_kind *from, struct replica_source_kind *kind)
{
	kind->ret = from->ret;
	kind->sentence = from->sentence ? strdup(from->sentence) : NULL;
	return from->sentence && !kind->sentence ? -ENOMEM : 0;
}

static int judge_type(struct replica_ctx *ctx, const char *source,
		      const struct replica_source_kind *target, struct replica_source_kind *kind)
{
	struct replica_copy_kind what;

	if (replica_kind_get(ctx, kind->replication_type, &what))
		return -ENOENT;
	if (what.sync_type == REPLICA_SYNC_TYPE_MIRROR ||
	    what.sync_type == REPLICA_SYNC_TYPE_CLONE)
		return copy(target, kind);
	return judge_snapshot(ctx, source, what.sync_type, kind);
}

/* By number; a kind of a module that is newer than this library is left out. */
static int add_type(struct replica_ctx *ctx, const char *source,
		    const struct replica_source_kind *target, uint16_t type,
		    struct replica_source_kind **list)
{
	struct replica_source_kind *kind = calloc(1, sizeof(*kind));
	int r = -ENOMEM;

	if (kind) {
		kind->replication_type = type;
		r = judge_type(ctx, source, target, kind);
	}
	if (r) {
		replica_source_kind_free(kind);
		return r == -ENOENT ? REPLICA_SUCCESS : replica_fail_memory(ctx);
	}
	while (*list && (*list)->replication_type < type)
		list = &(*list)->next;
	kind->next = *list;
	*list = kind;
	return REPLICA_SUCCESS;
}

/* What holds for one mirror holds for all, and for a clone. */
static int add_types(struct replica_ctx *ctx, const char *source,
		     const struct replica_capabilities *caps, struct replica_source_kind **list)
{
	struct replica_source_kind target = { .ret = REPLICA_SUCCESS };
	int ret = REPLICA_SUCCESS;

	if (judge_target(ctx, source, &target))
		ret = replica_fail_memory(ctx);
	for (size_t i = 0; !ret && i < caps->nr_replication_types; i++)
		ret = add_type(ctx, source, &target, caps->replication_types[i], list);
	free(target.sentence);
	return ret;
}

static int check_device(struct replica_ctx *ctx, const char *source)
{
	struct replica_check check = { .ctx = ctx };
	struct replica_blockdev dev;
	int ret = REPLICA_SUCCESS;

	if (!replica_check_open(&check, source, REPLICA_PARAM_SOURCE, &dev))
		ret = replica_check_result(&check);
	replica_finding_free(check.findings);
	return ret;
}

EXPORT int replica_source_kinds(struct replica_ctx *ctx, const char *source,
				struct replica_source_kind **list)
{
	struct replica_capabilities *caps = NULL;
	int ret;

	*list = NULL;
	ret = replica_capabilities(ctx, NULL, &caps);
	if (!ret)
		ret = check_device(ctx, source);
	if (!ret)
		ret = add_types(ctx, source, caps, list);
	replica_capabilities_free(caps);
	if (ret) {
		replica_source_kind_free(*list);
		*list = NULL;
	}
	return ret;
}
