// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * An association becomes a mapped device again.  Everything comes from its meta
 * device: where the legs are, their settings, the name.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "attach.h"
#include "clone.h"
#include "dm.h"
#include "format.h"
#include "genl.h"
#include "info.h"
#include "lock.h"
#include "ondisk.h"
#include "protect.h"
#include "scan.h"
#include "table.h"

struct activate {
	struct replica_ctx *ctx;
	struct replica_info *replicas;	/* that exist already */
	struct replica_meta *meta;
	const struct replica_meta_fields *fields;	/* of it */
	struct replica_check check;	/* has the three devices */
	struct replica_activation *result;
	struct replica_attach attach;	/* if the source keeps its name */
	char origin[REPLICA_LEG_LEN];	/* leg of the table line */
	bool own_name;			/* the log says that it did */
	bool force;
	int claim;			/* of the end of a clone */
};

EXPORT void replica_activation_free(struct replica_activation *activation)
{
	if (!activation)
		return;
	free(activation->element_name);
	free(activation->uuid);
	free(activation->device);
	free(activation->meta);
	free(activation->table);
	replica_info_free(activation->info);
	free(activation);
}

/* ------------------------------------------------------------------------ */
/* Which one */

static const struct replica_info *find_replica(const struct activate *a, const char *name)
{
	for (const struct replica_info *i = a->replicas; i; i = i->next)
		if (strcmp(i->name, name) == 0)
			return i;
	return NULL;
}

static int fail_ambiguous(struct replica_ctx *ctx, const char *name,
			  const struct replica_meta_entry *one,
			  const struct replica_meta_entry *other)
{
	return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "Name",
			    "there are several logs of a replica \"%s\", as on %s and %s: give the path of the one that counts",
			    name, one->path, other->path);
}

/* None that counts: there may be one that does not. */
static int fail_none(struct replica_ctx *ctx, const char *name)
{
	struct replica_meta_entry *list, *e;
	int ret = replica_scan_run(ctx, NULL, 0, true, &list);

	for (e = list; !ret && e; e = e->next)
		if (e->name && !strcmp(e->name, name))
			break;
	if (!ret && e)
		ret = replica_fail(ctx, REPLICA_NOT_FOUND, ENODEV, "Name",
				   "the log of a replica \"%s\" is on %s, which a udev rule calls REPLICA_UNTRUSTED, or what it lies on: give that path if the log is yours",
				   name, e->path);
	else if (!ret)
		ret = replica_fail(ctx, REPLICA_NOT_FOUND, ENODEV, "Name",
				   "no meta device holds the log of a replica \"%s\"", name);
	replica_meta_entry_free(list);
	return ret;
}

/* The meta device of the replica with that name. */
static int find_meta(struct activate *a, const char *name, char path[PATH_MAX])
{
	struct replica_meta_entry *list, *found = NULL;
	int ret = replica_scan_run(a->ctx, NULL, 0, false, &list);

	for (struct replica_meta_entry *e = list; !ret && e; e = e->next) {
		if (!e->name || strcmp(e->name, name))
			continue;
		if (found)
			ret = fail_ambiguous(a->ctx, name, found, e);
		found = e;
	}
	if (!ret && !found)
		ret = fail_none(a->ctx, name);
	if (!ret)
		snprintf(path, PATH_MAX, "%s", found->path);
	replica_meta_entry_free(list);
	return ret;
}

static int read_log(struct activate *a, const char *path)
{
	int ret = replica_meta_open(a->ctx, path, &a->meta);

	replica_error_rename(a->ctx, "ActivateReplica");
	if (ret)
		return ret;
	a->fields = replica_meta_fields(a->meta);
	if (a->fields)
		return REPLICA_SUCCESS;
	return replica_fail(a->ctx, REPLICA_NOT_FOUND, ENODATA, REPLICA_PARAM_META,
			    "%s holds no log that could be activated: its superblocks are %s and %s",
			    path,
			    replica_enum_name(REPLICA_ENUM_META_VERDICT,
					      replica_meta_verdict(a->meta, 0)),
			    replica_enum_name(REPLICA_ENUM_META_VERDICT,
					      replica_meta_verdict(a->meta, 1)));
}

/* Sets the result when the replica exists; else reads the log. */
static int resolve(struct activate *a, const char *what, const struct replica_info **active)
{
	bool is_path = strchr(what, '/');
	char path[PATH_MAX];
	int ret, r;

	*active = is_path ? NULL : find_replica(a, what);
	if (*active)
		return REPLICA_SUCCESS;
	if (is_path)
		snprintf(path, sizeof(path), "%s", what);
	ret = is_path ? REPLICA_SUCCESS : find_meta(a, what, path);
	if (ret)
		return ret;
	r = replica_sysfs_open(a->ctx, path, &a->check.meta);
	if (r)
		return replica_fail_errno(a->ctx, r, REPLICA_PARAM_META,
					  "meta device %s cannot be used", path);
	*active = replica_scan_user(a->replicas, a->check.meta.devno);
	if (!*active && a->check.meta.dm_name[0])	/* the mapped device itself */
		*active = find_replica(a, a->check.meta.dm_name);
	return *active ? REPLICA_SUCCESS : read_log(a, path);
}

/* ------------------------------------------------------------------------ */
/* Legs */

/* No leg of any other replica can have the replica's own name. */
static bool is_own_name(const struct replica_meta_fields *f, const char *path)
{
	static const char directory[] = "/dev/mapper/";

	return f->name && path && !strncmp(path, directory, strlen(directory)) &&
	       !strcmp(path + strlen(directory), f->name);
}

/*
 * The source has its own table now, with what it had before the other device took its place,
 * and may be in use with that.
 */
static int fail_reversed(struct activate *a)
{
	const struct replica_meta_fields *f = a->fields;

	return replica_fail(a->ctx, REPLICA_FAILED, 0, REPLICA_PARAM_META,
			    "the roles of \"%s\" were reversed when it went down: its data is on %.200s, and %.200s has its own table again, with older data; copy what counts, and create the replica anew",
			    f->name, f->origin_path, f->replica_path);
}

/* Its users must not find that its size has changed. */
static void check_own_source(struct activate *a)
{
	struct replica_check *c = &a->check;

	c->name = a->fields->name;
	if (c->source.size > a->fields->size)
		replica_finding_add(c, REPLICA_CHECK_SHRINK, REPLICA_PARAM_SOURCE,
				    "%s has %llu bytes, more than the %llu of the log: it was made larger without the replica, which has to be created anew",
				    c->source.path, (unsigned long long)c->source.size,
				    (unsigned long long)a->fields->size);
	replica_check_source(c);
}

static bool open_leg(struct activate *a, const char *path, const char *param,
		     struct replica_blockdev *leg)
{
	unsigned long long need = a->fields->size;
	struct replica_check *c = &a->check;

	if (!replica_check_open(c, path, param, leg))
		return false;
	if (leg->size < need)
		replica_finding_add(c, REPLICA_CHECK_TOO_SMALL, param,
				    "%s has %llu bytes, less than the %llu of the log",
				    path, (unsigned long long)leg->size, need);
	replica_check_read_only(c, leg, param);
	if (a->own_name && leg == &c->source)
		check_own_source(a);
	else
		replica_check_use(c, leg, param);
	return true;
}

static void check_name(struct activate *a)
{
	const char *fault = replica_name_fault(a->fields->name);

	if (fault)
		replica_finding_add(&a->check, REPLICA_CHECK_NAME_BAD, REPLICA_PARAM_NAME,
				    "the name in the log cannot be one: %s", fault);
	else if (!a->own_name && a->ctx->host->dm_exists(a->ctx, a->fields->name) > 0)
		replica_finding_add(&a->check, REPLICA_CHECK_NAME_TAKEN, REPLICA_PARAM_NAME,
				    "there is already another mapped device \"%s\"",
				    a->fields->name);
}

static int check_devices(struct activate *a)
{
	const struct replica_meta_fields *f = a->fields;
	struct replica_check *c = &a->check;

	if (!f->name || !f->origin_path || !f->replica_path)
		return replica_fail(a->ctx, REPLICA_NOT_FOUND, ENODATA, REPLICA_PARAM_META,
				    "the log on %s does not tell where the two devices are: it was made without replicactl, activate it with dmsetup",
				    c->meta.path);
	if (is_own_name(f, f->replica_path))
		return fail_reversed(a);
	a->own_name = is_own_name(f, f->origin_path);
	if (a->own_name && f->clone)
		return replica_fail(a->ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, REPLICA_PARAM_META,
				    "\"%s\" was a clone of a source in use, which may have been written without it since: it is of no instant any more, and has to be created anew",
				    f->name);
	check_name(a);
	if (open_leg(a, f->origin_path, REPLICA_PARAM_SOURCE, &c->source) &&
	    open_leg(a, f->replica_path, REPLICA_PARAM_TARGET, &c->target))
		replica_check_same(c, &c->source, &c->target, REPLICA_PARAM_TARGET);
	replica_check_read_only(c, &c->meta, REPLICA_PARAM_META);
	replica_check_use(c, &c->meta, REPLICA_PARAM_META);
	return replica_check_result(c);
}

/* ------------------------------------------------------------------------ */
/* The mapped device */

static void put_leg(char leg[REPLICA_LEG_LEN], const struct replica_blockdev *dev)
{
	snprintf(leg, REPLICA_LEG_LEN, "%u:%u", major(dev->devno), minor(dev->devno));
}

/* A hidden device that is yet to be made has no number. */
static void choose_origin(struct activate *a)
{
	if (a->own_name)
		snprintf(a->origin, sizeof(a->origin), "%.119s%s", a->fields->origin_path,
			 REPLICA_ORIGIN_SUFFIX);
	else
		put_leg(a->origin, &a->check.source);
}

static int build_table(struct activate *a, char *params, size_t size)
{
	struct replica_table table = {
		.mode = a->fields->mode,
		.stale_accept = a->force,
		.clone = a->fields->clone,
		.swaps = le32_to_cpu(replica_meta_superblock(a->meta)->swaps),
		.settings = a->fields->settings,
	};
	int r;

	if (table.clone && table.stale_accept)
		return replica_fail(a->ctx, REPLICA_INVALID_PARAMETER, EINVAL, "Force",
				    "\"%s\" is a clone: copied again it would be of another instant, so force is not for it",
				    a->fields->name);
	memcpy(table.origin, a->origin, sizeof(table.origin));
	put_leg(table.replica, &a->check.target);
	put_leg(table.meta, &a->check.meta);
	r = replica_table_build(&table, params, size);
	if (r)
		return replica_fail_errno(a->ctx, r, REPLICA_PARAM_META,
					  "the log on %s cannot be written as a table",
					  a->check.meta.path);
	return REPLICA_SUCCESS;
}

static int fill_result(struct activate *a, const char *params)
{
	const struct replica_meta_fields *f = a->fields;
	struct replica_activation *r = a->result;

	r->own_name = a->own_name;
	r->element_name = strdup(f->name);
	r->uuid = strdup(f->uuid);
	r->meta = strdup(a->check.meta.path);
	if (asprintf(&r->device, "/dev/mapper/%s", f->name) < 0)
		r->device = NULL;
	if (asprintf(&r->table, "0 %llu %s %s",
		     (unsigned long long)f->size >> SECTOR_SHIFT, REPLICA_TARGET_NAME,
		     params) < 0)
		r->table = NULL;
	if (!r->element_name || !r->uuid || !r->meta || !r->device || !r->table)
		return replica_fail_memory(a->ctx);
	return REPLICA_SUCCESS;
}

/* A mapping that nobody can follow is taken back; the error stays. */
static void take_back(struct activate *a)
{
	struct replica_error err = a->ctx->err;
	int ret;

	if (a->own_name) {
		replica_attach_undo(&a->attach);
		return;
	}
	ret = replica_dm_remove(a->ctx, a->fields->name);
	a->ctx->err = err;
	if (ret)
		replica_error_details(a->ctx, "mapped device \"%s\" is left behind",
				      a->fields->name);
}

/*
 * Nobody knows what was written to the source while it ran with its own table, so that
 * nothing of the log counts but what the association is.
 */
static int attach(struct activate *a, char *params, size_t size)
{
	const struct replica_meta_fields *f = a->fields;
	int ret = replica_attach_hide(&a->attach, a->ctx, f->name, f->uuid, a->origin,
				      sizeof(a->origin));

	if (!ret)
		ret = build_table(a, params, size);
	if (!ret)
		ret = replica_distrust_meta(a->ctx, a->check.meta.path,
					    replica_meta_superblock(a->meta));
	if (!ret)
		return replica_attach_start(&a->attach, f->size >> SECTOR_SHIFT, params,
					    false);
	replica_attach_undo(&a->attach);
	return ret;
}

static int make_mapping(struct activate *a, char *params, size_t size)
{
	const struct replica_meta_fields *f = a->fields;
	char uuid[DM_REPLICA_UUID_LEN];

	if (a->own_name)
		return attach(a, params, size);
	snprintf(uuid, sizeof(uuid), "%s%s", REPLICA_DM_UUID_PREFIX, f->uuid);
	return replica_dm_create(a->ctx, f->name, uuid, f->size >> SECTOR_SHIFT, params);
}

static int make_device(struct activate *a, char *params, size_t size)
{
	const struct replica_meta_fields *f = a->fields;
	struct replica_genl *g;
	int ret, slow;

	ret = replica_dm_load_target(a->ctx);
	if (ret)
		return ret;
	slow = make_mapping(a, params, size);
	if (slow && slow != REPLICA_TIMEOUT)
		return slow;
	ret = replica_genl_get(a->ctx, &g);
	if (!ret)
		ret = replica_info_read(a->ctx, g, f->name, &a->result->info);
	if (!ret)
		replica_protect_fill(a->ctx, a->result->info);
	if (ret)
		take_back(a);
	else
		replica_clone_made(a->ctx, a->result->info, false);
	return ret ? ret : slow;
}

/* Who is ending it may be about to erase the log, and nobody ends it before it is looked at. */
static int claim_clone(struct activate *a)
{
	int ret;

	if (!a->fields->clone || !a->fields->name)
		return REPLICA_SUCCESS;
	ret = replica_clone_claim(a->ctx, a->fields->name, &a->claim);
	if (ret)
		return ret;
	replica_meta_free(a->meta);
	a->meta = NULL;
	return read_log(a, a->check.meta.path);
}

static int start(struct activate *a)
{
	char params[1024];
	int ret;

	/* The record of what is made would take the place of what is noted of that. */
	if (a->fields->name)
		replica_clone_tidy_rest(a->ctx, a->fields->name);
	ret = claim_clone(a);
	if (!ret)
		ret = check_devices(a);
	if (!ret) {
		choose_origin(a);
		ret = build_table(a, params, sizeof(params));
	}
	if (!ret)
		ret = fill_result(a, params);
	if (!ret)
		ret = make_device(a, params, sizeof(params));
	if (ret)
		return ret;
	return a->result->info->job ? REPLICA_JOB_STARTED : REPLICA_SUCCESS;
}

/* It runs already: tell about it. */
static int take_active(struct activate *a, const struct replica_info *active)
{
	struct replica_activation *r = a->result;
	struct replica_genl *g;
	int ret;

	r->was_active = true;
	r->element_name = strdup(active->name);
	r->meta = active->meta_path ? strdup(active->meta_path) : NULL;
	if (asprintf(&r->device, "/dev/mapper/%s", active->name) < 0)
		r->device = NULL;
	if (!r->element_name || !r->device || (active->meta_path && !r->meta))
		return replica_fail_memory(a->ctx);
	ret = replica_genl_get(a->ctx, &g);
	if (!ret)
		ret = replica_info_read(a->ctx, g, active->name, &r->info);
	if (!ret)
		replica_protect_fill(a->ctx, r->info);
	return ret;
}

static int activate(struct activate *a, const char *what)
{
	const struct replica_info *active;
	int ret = replica_scan_replicas(a->ctx, &a->replicas);

	a->check = (struct replica_check){ .ctx = a->ctx, .replicas = a->replicas };
	if (!ret)
		ret = resolve(a, what, &active);
	if (ret)
		return ret;
	return active ? take_active(a, active) : start(a);
}

EXPORT int replica_activate(struct replica_ctx *ctx, const char *what, bool force,
			    struct replica_activation **activation)
{
	struct activate *a;
	int ret;

	*activation = NULL;
	replica_error_begin(ctx, "ActivateReplica");
	if (!what || !*what)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "Name",
				    "a name is missing");
	a = calloc(1, sizeof(*a));
	if (a)
		a->result = calloc(1, sizeof(*a->result));
	if (!a || !a->result) {
		free(a);
		return replica_fail_memory(ctx);
	}
	a->ctx = ctx;
	a->force = force;
	a->claim = -1;
	ret = activate(a, what);
	replica_unlock(&a->claim);
	if (ret && ret != REPLICA_JOB_STARTED)
		replica_activation_free(a->result);
	else
		*activation = a->result;
	replica_attach_clear(&a->attach);
	replica_meta_free(a->meta);
	replica_info_free(a->replicas);
	replica_finding_free(a->check.findings);
	free(a);
	return ret;
}
