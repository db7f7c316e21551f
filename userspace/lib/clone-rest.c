// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is left of a clone whose end was cut off: its log, the label on its target, and the
 * hidden device of a source that had it under its own name.  The registry tells
 * where; what stands on the devices themselves decides whether it is that clone's.
 */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "belong.h"
#include "clone.h"
#include "dm.h"
#include "format.h"
#include "registry.h"
#include "scan.h"
#include "sysfs.h"
#include "table.h"

static bool is_uuid(const char *text)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	static_assert(sizeof(form) == REPLICA_UUID_TEXT, "it is as long as a uuid");
	if (strlen(text) != strlen(form))
		return false;
	for (size_t i = 0; form[i]; i++)
		if (form[i] == '-' ? text[i] != '-' : !strchr("0123456789abcdef", text[i]))
			return false;
	return true;
}

static void parse_uuid(const char *text, uint8_t uuid[16])
{
	unsigned int byte;

	for (size_t i = 0; i < 16; i++) {
		text += *text == '-';
		if (sscanf(text, "%2x", &byte) != 1)
			byte = 0;
		uuid[i] = byte;
		text += 2;
	}
}

/* The uuid that log and label have, if it is one that this library gave. */
static void find_association(const struct replica_info *info,
			     const struct replica_attached *attached,
			     char text[REPLICA_UUID_TEXT])
{
	const char *prefix = REPLICA_DM_UUID_PREFIX, *uuid = info->uuid ? info->uuid : "";

	if (attached->attached) {
		prefix = REPLICA_ORIGIN_UUID_PREFIX;
		uuid = attached->hidden.uuid;
	}
	text[0] = '\0';
	if (!strncmp(uuid, prefix, strlen(prefix)) && is_uuid(uuid + strlen(prefix)))
		strcpy(text, uuid + strlen(prefix));
}

bool replica_clone_association(const struct replica_info *info,
			       const struct replica_attached *attached, uint8_t uuid[16])
{
	char text[REPLICA_UUID_TEXT];

	find_association(info, attached, text);
	if (!text[0])
		return false;
	parse_uuid(text, uuid);
	return true;
}

void replica_clone_rest_note(struct replica_ctx *ctx, const struct replica_info *info,
			     const struct replica_attached *attached,
			     const struct replica_old_label *label)
{
	struct replica_record record;
	struct replica_ending *ending = &record.ending;
	dev_t devno;

	replica_record_fill(ctx, info, &record);
	ending->begun = true;
	ending->attached = attached->attached;
	find_association(info, attached, ending->association);
	if (info->meta && !replica_parse_devno(info->meta, &devno))
		replica_sysfs_path(ctx, devno, ending->meta, sizeof(ending->meta));
	snprintf(ending->target, sizeof(ending->target), "%s", label->path);
	replica_record_write(ctx, &record);
}

/* ------------------------------------------------------------------------ */

/* Reading it would wait for whoever has suspended it, and so would all who end the clone. */
static int fail_suspended(struct replica_ctx *ctx, const char *name, const char *what,
			  const char *param, const struct replica_blockdev *dev)
{
	return replica_fail(ctx, REPLICA_FAILED, EBUSY, param,
			    "clone \"%s\" has ended, but its %s stays on mapped device %s, which is suspended: 'dmsetup resume %s' first",
			    name, what, dev->path, dev->dm_name);
}

static int resume_log(struct replica_ctx *ctx, const char *name,
		      const struct replica_ending *ending)
{
	const char *path = ending->meta;
	struct replica_meta_entry *list, *e;
	struct replica_blockdev dev;
	uint8_t uuid[16];
	int ret;

	if (path[0] != '/' || replica_sysfs_open(ctx, path, &dev))
		return REPLICA_SUCCESS;
	if (dev.suspended)
		return fail_suspended(ctx, name, "log", REPLICA_PARAM_META, &dev);
	parse_uuid(ending->association, uuid);
	ret = replica_scan_run(ctx, &path, 1, false, &list);
	for (e = list; !ret && e; e = e->next)
		if (e->uuid && !strcmp(e->uuid, ending->association) && !e->active)
			ret = replica_erase_meta_of(ctx, path, uuid);
	replica_meta_entry_free(list);
	return ret;
}

static int resume_label(struct replica_ctx *ctx, const char *name,
			const struct replica_ending *ending)
{
	struct replica_old_label label;
	struct replica_blockdev dev;

	if (ending->target[0] != '/' || replica_sysfs_open(ctx, ending->target, &dev))
		return REPLICA_SUCCESS;
	if (dev.suspended)
		return fail_suspended(ctx, name, "label", REPLICA_PARAM_TARGET, &dev);
	strcpy(label.path, ending->target);
	label.devno = dev.devno;
	parse_uuid(ending->association, label.uuid);
	return replica_old_label_erase(ctx, name, &label);
}

static int resume_hidden(struct replica_attached *attached, const char *name,
			 const struct replica_ending *ending)
{
	const char *uuid = attached->hidden.uuid;

	if (!ending->attached || !attached->left ||
	    strcmp(uuid + strlen(REPLICA_ORIGIN_UUID_PREFIX), ending->association))
		return REPLICA_SUCCESS;
	return replica_attached_tidy(attached, name);
}

static int resume(struct replica_attached *attached, const char *name,
		  const struct replica_ending *ending)
{
	struct replica_ctx *ctx = attached->ctx;
	int ret = REPLICA_SUCCESS;

	if (is_uuid(ending->association)) {
		ret = resume_log(ctx, name, ending);
		if (!ret)
			ret = resume_label(ctx, name, ending);
		if (!ret)
			ret = resume_hidden(attached, name, ending);
	}
	if (!ret)
		replica_record_drop(ctx, name);
	return ret;
}

bool replica_clone_has_rest(struct replica_ctx *ctx, const char *name)
{
	struct replica_record record;

	return !replica_record_read(ctx, name, &record) && record.ending.begun;
}

int replica_clone_resume(struct replica_ctx *ctx, const char *name, bool *done)
{
	struct replica_attached attached;
	struct replica_record record;
	int ret;

	*done = false;
	if (replica_record_read(ctx, name, &record) || !record.ending.begun)
		return REPLICA_SUCCESS;
	ret = replica_attached_look(&attached, ctx, name);
	/* A replica of that name is another one, or the end has not come that far. */
	if (!ret && !replica_lines_only(&attached.live, REPLICA_TARGET_NAME)) {
		ret = resume(&attached, name, &record.ending);
		*done = !ret;
	}
	replica_attached_clear(&attached);
	return ret;
}
