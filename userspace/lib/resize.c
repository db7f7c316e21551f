// SPDX-License-Identifier: LGPL-2.1-or-later
/* A replica grows: see its devices and its log, decide, load the table again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dm.h"
#include "genl.h"
#include "info.h"
#include "ondisk.h"
#include "resize-plan.h"
#include "snapshot.h"
#include "table.h"
#include "thin.h"

struct resize {
	struct replica_ctx *ctx;
	const struct replica_resize_args *args;
	struct replica_resize_result *result;
	struct replica_check check;
	struct replica_resize_plan plan;
	struct replica_dm_table table;	/* the present one */
	char name[DM_REPLICA_NAME_LEN];
};

EXPORT void replica_resize_result_free(struct replica_resize_result *result)
{
	if (!result)
		return;
	free(result->element_name);
	free(result->device);
	free(result->limit);
	free(result->table);
	replica_info_free(result->info);
	replica_finding_free(result->findings);
	free(result);
}

/* ------------------------------------------------------------------------ */
/* What there is */

static void open_device(struct resize *r, const char *number, const char *param,
			struct replica_blockdev *dev)
{
	char path[PATH_MAX];
	dev_t devno;

	snprintf(path, sizeof(path), "%s", number);
	if (replica_parse_devno(number, &devno) == 0)
		replica_sysfs_path(r->ctx, devno, path, sizeof(path));
	replica_check_open(&r->check, path, param, dev);
}

/* When the superblock cannot be read, as the kernel would make the log. */
static void guess_log(struct resize *r, struct replica_geometry *log)
{
	const struct replica_info *info = r->result->info;
	uint32_t region = info->region_size >> SECTOR_SHIFT;
	uint64_t sectors = info->size >> SECTOR_SHIFT;

	if (region)
		replica_geometry_make(log, sectors, region,
				      replica_default_activity(sectors, region));
}

static void read_log(struct resize *r)
{
	const struct replica_blockdev *meta = &r->check.meta;
	struct replica_meta log = { .copy = -1 };
	uint64_t size;
	int fd = -1;

	if (!meta->devno)
		return;
	guess_log(r, &r->plan.log);
	if (!meta->suspended)			/* reading would wait */
		fd = replica_meta_open_file(r->ctx, meta->path, false, false, &size);
	if (fd < 0)
		return;
	replica_meta_peek(&log, fd, size);
	close(fd);
	if (log.copy >= 0)
		r->plan.log = log.geometry;
}

static int look(struct resize *r)
{
	struct replica_resize_result *result = r->result;
	struct replica_genl *g;
	int ret = replica_genl_get(r->ctx, &g);

	if (!ret)
		ret = replica_info_read(r->ctx, g, r->name, &result->info);
	if (!ret)
		ret = replica_dm_table(r->ctx, r->name, &r->table);
	if (ret)
		return ret;
	open_device(r, result->info->origin, REPLICA_PARAM_SOURCE, &r->check.source);
	open_device(r, result->info->replica, REPLICA_PARAM_TARGET, &r->check.target);
	if (result->info->meta)
		open_device(r, result->info->meta, REPLICA_PARAM_META, &r->check.meta);
	ret = replica_check_result(&r->check);
	if (!ret)
		read_log(r);
	return ret;
}

/* ------------------------------------------------------------------------ */
/* What comes of it */

static int fill_result(struct resize *r)
{
	const struct replica_resize_plan *plan = &r->plan;
	struct replica_resize_result *result = r->result;

	result->element_name = strdup(r->name);
	result->limit = plan->limit ? strdup(plan->limit->path) : NULL;
	if (asprintf(&result->device, "/dev/mapper/%s", r->name) < 0)
		result->device = NULL;
	if (plan->bytes != result->info->size &&
	    asprintf(&result->table, "0 %llu %s %s",
		     (unsigned long long)plan->bytes >> SECTOR_SHIFT, REPLICA_TARGET_NAME,
		     r->table.params) < 0)
		result->table = NULL;
	if (!result->element_name || !result->device || (plan->limit && !result->limit) ||
	    (plan->bytes != result->info->size && !result->table))
		return replica_fail_memory(r->ctx);
	return REPLICA_SUCCESS;
}

static int decide(struct resize *r)
{
	int ret;

	r->plan.check = &r->check;
	r->plan.info = r->result->info;
	r->plan.wanted = r->args->bytes;
	replica_resize_decide(&r->plan);
	r->result->old_bytes = r->result->info->size;
	r->result->new_bytes = r->plan.bytes;
	r->result->meta_bytes = r->plan.meta_bytes;
	ret = replica_check_result(&r->check);
	return ret ? ret : fill_result(r);
}

/* The kernel is asked again: it knows what it has done. */
static int see_grown(struct resize *r)
{
	struct replica_info *info;
	struct replica_genl *g;
	int ret = replica_genl_get(r->ctx, &g);

	if (!ret)
		ret = replica_info_read(r->ctx, g, r->name, &info);
	if (ret)
		return ret;
	replica_info_free(r->result->info);
	r->result->info = info;
	if (info->size == r->plan.bytes)
		return info->job ? REPLICA_JOB_STARTED : REPLICA_SUCCESS;
	return replica_fail(r->ctx, REPLICA_FAILED, EPROTO, REPLICA_PARAM_SIZE,
			    "replica \"%s\" has %llu bytes after it was to grow to %llu", r->name,
			    (unsigned long long)info->size, (unsigned long long)r->plan.bytes);
}

static int resize(struct resize *r)
{
	int ret = look(r), late;

	if (!ret)
		ret = decide(r);
	if (ret || r->args->dry_run || r->plan.bytes == r->result->info->size)
		return ret;
	/* Before the replica needs it: after a boot it is made by that. */
	ret = replica_thin_note_size(r->ctx, r->result->info->replica);
	/* One that was cut as the target, when the legs have changed places. */
	if (!ret)
		ret = replica_thin_note_size(r->ctx, r->result->info->origin);
	if (!ret)
		ret = replica_thin_note_size(r->ctx, r->result->info->meta);
	if (ret)
		return ret;
	late = replica_dm_set_length(r->ctx, r->name, &r->table, r->plan.bytes >> SECTOR_SHIFT);
	if (late && late != REPLICA_TIMEOUT)
		return late;
	ret = see_grown(r);
	return late ? late : ret;
}

static int check_args(struct replica_ctx *ctx, const struct replica_resize_args *args,
		      char dm_name[DM_REPLICA_NAME_LEN])
{
	int ret;

	if (args->size != sizeof(*args))
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "size",
				    "struct replica_resize_args has a wrong size");
	ret = replica_name_resolve(ctx, args->name, dm_name);
	return ret ? ret : replica_snap_none(ctx, dm_name);
}

EXPORT int replica_resize(struct replica_ctx *ctx, const struct replica_resize_args *args,
			  struct replica_resize_result **result)
{
	struct resize *r = calloc(1, sizeof(*r));
	int ret;

	*result = NULL;
	replica_error_begin(ctx, "ResizeReplica");
	if (r)
		r->result = calloc(1, sizeof(*r->result));
	if (!r || !r->result) {
		free(r);
		return replica_fail_memory(ctx);
	}
	r->ctx = ctx;
	r->args = args;
	r->check.ctx = ctx;
	ret = check_args(ctx, args, r->name);
	if (!ret)
		ret = resize(r);
	r->result->findings = r->check.findings;
	*result = r->result;
	free(r);
	return ret;
}
