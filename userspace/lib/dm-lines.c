// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whole tables of mapped devices: read, load, exchange. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "dm-lines.h"
#include "dm-task.h"

/* Nothing below /dev/disk, no scan for signatures, no look by LVM and the like. */
#define HIDDEN	(DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG | DM_UDEV_DISABLE_DISK_RULES_FLAG | \
		 DM_UDEV_DISABLE_OTHER_RULES_FLAG)

static void wipe(const char *text)
{
	if (text)
		explicit_bzero((char *)text, strlen(text));
	free((char *)text);
}

void replica_lines_clear(struct replica_lines *lines)
{
	for (size_t i = 0; i < lines->count; i++) {
		free((char *)lines->line[i].type);
		wipe(lines->line[i].params);
	}
	free(lines->line);
	memset(lines, 0, sizeof(*lines));
}

bool replica_lines_equal(const struct replica_lines *a, const struct replica_lines *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->line[i].start != b->line[i].start ||
		    a->line[i].length != b->line[i].length ||
		    strcmp(a->line[i].type, b->line[i].type) ||
		    strcmp(a->line[i].params, b->line[i].params))
			return false;
	return true;
}

bool replica_lines_only(const struct replica_lines *lines, const char *type)
{
	return lines->count == 1 && !strcmp(lines->line[0].type, type);
}

/* ------------------------------------------------------------------------ */
/* Read */

static int add_line(struct replica_lines *lines, uint64_t start, uint64_t length,
		    const char *type, const char *params)
{
	struct replica_line *line = reallocarray(lines->line, lines->count + 1, sizeof(*line));

	if (!line)
		return -ENOMEM;
	lines->line = line;
	line += lines->count;
	*line = (struct replica_line){ .start = start, .length = length };
	line->type = strdup(type);
	line->params = strdup(params ? params : "");
	lines->count++;
	if (line->type && line->params)
		return 0;
	return -ENOMEM;
}

static int take_lines(struct dm_task *task, struct replica_lines *lines)
{
	char *type = NULL, *params = NULL;
	uint64_t start, length;
	void *next = NULL;
	int r = 0;

	do {
		next = dm_get_next_target(task, next, &start, &length, &type, &params);
		if (type)
			r = add_line(lines, start, length, type, params);
	} while (!r && next);
	return r;
}

static int take_device(struct dm_task *task, struct replica_lines *lines)
{
	const char *name = dm_task_get_name(task), *uuid = dm_task_get_uuid(task);
	struct dm_info info = { .exists = 0 };

	if (!dm_task_get_info(task, &info) || !info.exists)
		return -ENXIO;
	snprintf(lines->name, sizeof(lines->name), "%s", name ? name : "");
	snprintf(lines->uuid, sizeof(lines->uuid), "%s", uuid ? uuid : "");
	snprintf(lines->devno, sizeof(lines->devno), "%u:%u", info.major, info.minor);
	lines->dev = makedev(info.major, info.minor);
	lines->open_count = info.open_count;
	lines->suspended = info.suspended;
	lines->read_only = info.read_only;
	lines->inactive = info.inactive_table;
	return take_lines(task, lines);
}

static bool name_device(struct dm_task *task, const char *name, dev_t dev)
{
	return name ? dm_task_set_name(task, name) :
	       dm_task_set_major(task, major(dev)) && dm_task_set_minor(task, minor(dev));
}

static int read_lines(const char *name, dev_t dev, bool inactive, struct replica_lines *lines)
{
	QUIET;
	struct dm_task *task = replica_dm_task(DM_DEVICE_TABLE, NULL);
	int r;

	memset(lines, 0, sizeof(*lines));
	if (!task)
		return -errno;
	dm_task_no_flush(task);
	r = name_device(task, name, dev) && dm_task_secure_data(task) &&
	    (!inactive || dm_task_query_inactive_table(task)) ? replica_dm_run(task) : -ENOMEM;
	if (!r)
		r = take_device(task, lines);
	dm_task_destroy(task);
	return r == -ENODEV ? -ENXIO : r;
}

int replica_lines_read(struct replica_ctx *ctx, const char *name, dev_t dev,
		       struct replica_lines *lines)
{
	(void)ctx;
	return read_lines(name, dev, false, lines);
}

int replica_lines_read_inactive(struct replica_ctx *ctx, const char *name,
				struct replica_lines *lines)
{
	(void)ctx;
	return read_lines(name, 0, true, lines);
}

/* ------------------------------------------------------------------------ */
/* Load and exchange */

int replica_lines_load(struct replica_ctx *ctx, const char *name,
		       const struct replica_lines *lines)
{
	QUIET;
	struct dm_task *task = replica_dm_task(DM_DEVICE_RELOAD, name);
	int r = 0;

	(void)ctx;
	if (!task)
		return -errno;
	if (!dm_task_secure_data(task))
		r = -ENOMEM;
	for (size_t i = 0; !r && i < lines->count; i++)
		if (!dm_task_add_target(task, lines->line[i].start, lines->line[i].length,
					lines->line[i].type, lines->line[i].params))
			r = -ENOMEM;
	if (!r)
		r = replica_dm_run(task);
	dm_task_destroy(task);
	return r;
}

int replica_lines_drop(struct replica_ctx *ctx, const char *name)
{
	QUIET;
	struct dm_task *task = replica_dm_task(DM_DEVICE_CLEAR, name);
	int r;

	(void)ctx;
	if (!task)
		return -errno;
	r = replica_dm_run(task);
	dm_task_destroy(task);
	return r;
}

static int create_empty(const char *name, const char *uuid)
{
	struct dm_task *task = replica_dm_task(DM_DEVICE_CREATE, name);
	int r;

	if (!task)
		return -errno;
	r = dm_task_set_uuid(task, uuid) ? replica_dm_run(task) : -ENOMEM;
	dm_task_destroy(task);
	return r;
}

/* *err: of the kernel, 0 or -errno. */
static int resume(struct replica_ctx *ctx, const char *name, uint16_t flags, bool freeze,
		  int *err)
{
	struct dm_task *task = replica_dm_task(DM_DEVICE_RESUME, name);
	int ret;

	*err = 0;
	if (!task)
		return replica_dm_fail_task(ctx);
	if (!freeze)
		dm_task_skip_lockfs(task);
	ret = replica_dm_run_udev(ctx, task, name, flags, err);
	dm_task_destroy(task);
	return ret;
}

/* A key that only the process which opened the device could name. */
static int fail_hidden(struct replica_ctx *ctx, int err, const char *name)
{
	if (err == -ENOKEY)
		return replica_fail(ctx, REPLICA_FAILED, ENOKEY, "Source",
				    "the key of the source is in a kernel keyring where nobody but cryptsetup could reach it, so that its table cannot be given to \"%s\"",
				    name);
	return replica_fail_errno(ctx, err, "Source",
				  "the kernel did not take the table of the source for \"%s\"",
				  name);
}

bool replica_lines_are_of(struct replica_ctx *ctx, const char *name, const char *uuid)
{
	struct replica_lines now;
	bool are = !replica_lines_read(ctx, name, 0, &now) && !strcmp(now.uuid, uuid);

	replica_lines_clear(&now);
	return are;
}

int replica_lines_create_hidden(struct replica_ctx *ctx, const char *name, const char *uuid,
				const struct replica_lines *lines)
{
	QUIET;
	struct replica_error kept;
	int err = create_empty(name, uuid), ret = REPLICA_SUCCESS;

	if (err)
		return replica_fail_errno(ctx, err, "Source",
					  "mapped device \"%s\" cannot be made", name);
	err = replica_lines_load(ctx, name, lines);
	if (!err)
		ret = resume(ctx, name, HIDDEN, false, &err);
	if (err)
		ret = fail_hidden(ctx, err, name);
	if (!ret || ret == REPLICA_TIMEOUT)
		return REPLICA_SUCCESS;		/* nobody needs its node */
	kept = ctx->err;
	replica_dm_remove(ctx, name);
	ctx->err = kept;
	return ret;
}

int replica_lines_swap(struct replica_ctx *ctx, const char *name, const char *devno, bool freeze)
{
	QUIET;
	int kmsg = replica_kmsg_open(), err, ret;
	char sentence[256];

	ret = resume(ctx, name, 0, freeze, &err);
	replica_kmsg_close(kmsg, devno, name, sentence, sizeof(sentence));
	return err ? replica_dm_fail(ctx, err, name, sentence) : ret;
}
