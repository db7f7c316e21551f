// SPDX-License-Identifier: LGPL-2.1-or-later
/* The part of the preflight that is about the meta device. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "ondisk.h"

static bool is_ours(enum replica_verdict verdict)
{
	return verdict != REPLICA_BLOCK_ZERO && verdict != REPLICA_BLOCK_FOREIGN;
}

static void add_log(struct replica_check *c, const struct replica_blockdev *dev,
		    const char *param, const struct replica_meta *meta)
{
	const struct dm_replica_superblock *sb = replica_meta_superblock(meta);
	char uuid[REPLICA_UUID_TEXT], name[2 * DM_REPLICA_NAME_LEN];

	if (!sb) {
		replica_finding_add(c, REPLICA_CHECK_HAS_LOG, param,
				    "%s is the meta device of a replica, with a superblock that cannot be used (%s)%s",
				    dev->path,
				    replica_enum_name(REPLICA_ENUM_META_VERDICT, meta->why),
				    c->force ? " and will be lost" :
				    "; use force to overwrite it");
		return;
	}
	replica_uuid_text(sb->uuid, uuid);
	replica_printable(sb->name, sizeof(sb->name), name, sizeof(name));
	replica_finding_add(c, REPLICA_CHECK_HAS_LOG, param, c->force ?
			    "%s is the meta device of replica \"%s\" (%s), whose log will be lost" :
			    "%s is the meta device of replica \"%s\" (%s); activate that, or use force to overwrite its log",
			    dev->path, name, uuid);
}

/* What cannot be read for this has been told already. */
void replica_check_log(struct replica_check *check, const struct replica_blockdev *dev,
		       const char *parameter)
{
	struct replica_meta meta;
	uint64_t size;
	int fd = replica_meta_open_file(check->ctx, dev->path, false, false, &size);

	if (fd < 0)
		return;
	replica_meta_peek(&meta, fd, size);
	close(fd);
	if (meta.copy >= 0 || is_ours(meta.why))
		add_log(check, dev, parameter, &meta);
}

static void check_size(struct replica_check *c)
{
	unsigned long long have = c->meta.size, need = c->meta_bytes;
	char found[32], expected[48];
	struct replica_finding *f;

	if (have >= need)
		return;
	f = replica_finding_add(c, REPLICA_CHECK_TOO_SMALL, REPLICA_PARAM_META,
				"%s has %llu bytes, and %llu are needed for the log of %s",
				c->meta.path, have, need, c->source.path);
	snprintf(found, sizeof(found), "%llu", have);
	snprintf(expected, sizeof(expected), "at least %llu", need);
	replica_finding_compare(c, f, found, expected);
}

/* Bytes that are needed, as soon as the source is known. */
static void measure(struct replica_check *c, const struct replica_settings *s, bool wanted)
{
	bool region = s && s->present & REPLICA_SETTING_REGION_SIZE;
	bool activity = s && s->present & REPLICA_SETTING_ACTIVITY;

	c->meta_bytes = replica_meta_bytes(c->source.size, region ? s->region_size : 0,
					   activity ? s->activity : 0);
	if (wanted && c->source.size && !c->meta_bytes)
		replica_finding_add(c, REPLICA_CHECK_TOO_SMALL, "region_size",
				    "region_size is too small: the log of %s would have more than %u regions",
				    c->source.path, DM_REPLICA_REGIONS_MAX);
}

static void check_legs(struct replica_check *c, const struct replica_blockdev *leg)
{
	if (!leg->devno)
		return;
	replica_check_same(c, leg, &c->meta, REPLICA_PARAM_META);
	replica_check_overlap(c, leg, &c->meta, REPLICA_PARAM_META);
}

void replica_check_meta(struct replica_check *check, const char *path,
			const struct replica_settings *settings)
{
	measure(check, settings, path);
	if (!path || !replica_check_open(check, path, REPLICA_PARAM_META, &check->meta))
		return;
	check_legs(check, &check->source);
	check_legs(check, &check->target);
	check_size(check);
	replica_check_read_only(check, &check->meta, REPLICA_PARAM_META);
	if (check->meta.devno == check->source.devno ||
	    check->meta.devno == check->target.devno)
		return;
	replica_check_use(check, &check->meta, REPLICA_PARAM_META);
	if (check->meta.suspended)
		return;				/* reading would wait */
	replica_check_signature(check, &check->meta, REPLICA_PARAM_META);
	replica_check_log(check, &check->meta, REPLICA_PARAM_META);
}
