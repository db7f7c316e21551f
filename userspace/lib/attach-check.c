// SPDX-License-Identifier: LGPL-2.1-or-later
/* A source in use: can it get a replica under its name, and if not, why? */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "signature.h"
#include "table.h"

#define FAULT_LEN	384

#define KEY_FAULT \
	"its key is in a kernel keyring that only cryptsetup reaches; " \
	"'cryptsetup refresh --disable-keyring' puts the key into the table"

/*
 * Targets whose table may be live twice for a moment: they keep nothing in memory that
 * a twin would not see.  Two thin targets share what their pool knows of the device.
 * All others hold state of their own (cache, raid, mirror, snapshot, writecache, era,
 * integrity) or are never exchanged by the kernel (multipath).
 */
static const char *const twins[] = {
	"linear", "striped", "crypt", "thin", "delay", "flakey",
};

/* Programs that load their own tables whenever they see fit, by the start of the uuid. */
static const struct {
	const char *prefix;
	const char *who;
} owners[] = {
	{ "LVM-",
	  "LVM loads its own table again, as 'lvchange --refresh' does, and drops the replica" },
	{ "mpath-", "multipathd loads its own table again whenever a path comes or goes" },
	{ "stratis-", "stratisd loads its own table again whenever it sees fit" },
};

static const struct {
	const char *type;
	const char *why;
} reasons[] = {
	{ "multipath", "device-mapper never exchanges the table of a multipath device" },
	{ REPLICA_TARGET_NAME, "it is a replica already, and has one target at a time" },
	{ "snapshot-origin",
	  "it has snapshots, which give it its own table back when they end: end them first" },
};

static bool is_twin(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(twins); i++)
		if (strcmp(twins[i], type) == 0)
			return true;
	return false;
}

static const char *owner_fault(const struct replica_lines *lines)
{
	for (size_t i = 0; i < ARRAY_SIZE(owners); i++)
		if (strncmp(lines->uuid, owners[i].prefix, strlen(owners[i].prefix)) == 0)
			return owners[i].who;
	return NULL;
}

/* ":32:logon:cryptsetup:..." in the place of the key, which is the second word. */
static bool key_in_keyring(const struct replica_line *line)
{
	const char *key = strchr(line->params, ' ');

	return !strcmp(line->type, "crypt") && key && key[1] == ':';
}

static const char *line_fault(const struct replica_line *line, char *text, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (!strcmp(line->type, reasons[i].type))
			return reasons[i].why;
	if (!is_twin(line->type)) {
		snprintf(text, size,
			 "its target %s cannot be there twice, as it would be for a moment",
			 line->type);
		return text;
	}
	if (key_in_keyring(line))
		return KEY_FAULT;
	return NULL;
}

const char *replica_attach_fault(const struct replica_lines *lines, char *text, size_t size)
{
	char origin[DM_REPLICA_NAME_LEN];
	const char *fault = owner_fault(lines);

	if (!lines->count)
		return "it has no table";
	if (!fault && lines->suspended)
		return "it is suspended";
	if (!fault && lines->inactive)
		return "another program has a new table for it ready";
	for (size_t i = 0; !fault && i < lines->count; i++)
		fault = line_fault(&lines->line[i], text, size);
	if (!fault && !replica_attach_origin_name(lines->name, origin))
		return "its name is too long for that of a hidden device beside it";
	return fault;
}

/* What is no mapped device has nothing that could be exchanged. */
static const char *kind_fault(const struct replica_blockdev *dev)
{
	if (dev->disk != dev->devno)
		return "a partition has no table that could be exchanged under it";
	if (strncmp(dev->kname, "md", 2) == 0)
		return "an md array has no table that could be exchanged under it";
	if (strncmp(dev->kname, "loop", 4) == 0)
		return "a loop device has no table that could be exchanged under it";
	return "a disk has no table that could be exchanged under it";
}

static const char *lines_fault(struct replica_check *c, const char *name, char *text, size_t size)
{
	struct replica_lines lines;
	const char *fault;
	int r = c->ctx->host->lines(c->ctx, name, &lines);

	fault = r ? NULL : replica_attach_fault(&lines, text, size);
	if (r) {
		snprintf(text, size, "its table cannot be read: %s", strerror(-r));
		fault = text;
	}
	replica_lines_clear(&lines);
	return fault;
}

/* A hidden device of an attempt that was cut off, or something else of that name. */
static const char *name_fault(struct replica_check *c, const char *name, char *text, size_t size)
{
	char origin[DM_REPLICA_NAME_LEN];

	if (!replica_attach_origin_name(name, origin) ||
	    c->ctx->host->dm_exists(c->ctx, origin) <= 0)
		return NULL;
	snprintf(text, size,
		 "there is already a mapped device \"%s\"; 'replicactl remove' takes it away if an attempt that was cut off has left it",
		 origin);
	return text;
}

/* Who assembles what carries its mark would find it on three devices. */
static const char *member_fault(struct replica_check *c)
{
	struct replica_signature sig;

	if (c->ctx->host->signature(c->ctx, c->source.path, &sig))
		return NULL;
	if (strstr(sig.id, "LVM2_member:"))
		return "LVM would find its physical volume on two more devices";
	if (strstr(sig.id, "linux_raid_member:"))
		return "md would find its member on two more devices";
	return NULL;
}

static const char *fault_of(struct replica_check *c, char *text, size_t size)
{
	const struct replica_blockdev *dev = &c->source;
	const char *fault;

	if (!dev->dm_name[0])
		return kind_fault(dev);
	fault = lines_fault(c, dev->dm_name, text, size);
	if (!fault)
		fault = member_fault(c);
	return fault ? fault : name_fault(c, dev->dm_name, text, size);
}

/* ------------------------------------------------------------------------ */

/* The name is that of the source, whether it was given or not. */
static bool name_fits(const struct replica_check *c)
{
	return !c->name || strcmp(c->name, c->source.dm_name) == 0;
}

/* Uses that go on when a mapped device gets another table. */
static bool use_goes_on(const struct replica_finding *use)
{
	return use->code == REPLICA_CHECK_MOUNTED || use->code == REPLICA_CHECK_SWAP ||
	       use->code == REPLICA_CHECK_HOLDERS || use->code == REPLICA_CHECK_OPEN;
}

/* Whoever has the source open knows its blocks already. */
static void check_blocks(struct replica_check *c)
{
	if (c->target.block_size > c->source.block_size)
		replica_finding_add(c, REPLICA_CHECK_ALIGNMENT, REPLICA_PARAM_TARGET,
				    "%s has logical blocks of %u bytes, and %s, which is in use, of %u: those who use it would not know",
				    c->target.path, c->target.block_size, c->source.path,
				    c->source.block_size);
}

static void attach(struct replica_check *c, const char *why, bool in_use)
{
	c->attach = true;
	c->in_use = in_use;
	if (!name_fits(c))
		replica_finding_add(c, REPLICA_CHECK_NAME_BAD, REPLICA_PARAM_NAME,
				    "%s: its replica has its name, \"%s\", and cannot be named \"%.140s\"",
				    why, c->source.dm_name, c->name);
	check_blocks(c);
	replica_finding_add(c, REPLICA_CHECK_ATTACH, REPLICA_PARAM_SOURCE,
			    "%s: the replica is put under its name while it is in use", why);
}

static void judge(struct replica_check *c, const struct replica_finding *use)
{
	char text[FAULT_LEN];
	const char *fault = NULL;

	if (use_goes_on(use) && !c->source.suspended)
		fault = c->no_attach ? "nothing is to be put under its name" :
			fault_of(c, text, sizeof(text));
	if (fault)
		replica_finding_add(c, use->code, REPLICA_PARAM_SOURCE, "%s, and %s",
				    use->sentence, fault);
	else if (use_goes_on(use) && !c->source.suspended)
		attach(c, use->sentence, true);
	else
		replica_finding_add(c, use->code, REPLICA_PARAM_SOURCE, "%s", use->sentence);
}

/* It is not in use, but the replica is to have its name. */
static void judge_own_name(struct replica_check *c)
{
	char text[FAULT_LEN], why[DM_REPLICA_NAME_LEN + 64];
	const char *fault;

	if (!c->name || !c->source.dm_name[0] || strcmp(c->name, c->source.dm_name))
		return;
	fault = c->no_attach ? "nothing is to be put under its name" :
		fault_of(c, text, sizeof(text));
	snprintf(why, sizeof(why), "\"%s\" is the name of the source", c->name);
	if (fault)
		replica_finding_add(c, REPLICA_CHECK_NAME_TAKEN, REPLICA_PARAM_NAME,
				    "%s, and %s", why, fault);
	else
		attach(c, why, false);
}

void replica_check_source(struct replica_check *check)
{
	struct replica_finding *others = check->findings, *use;

	check->findings = NULL;
	replica_check_use(check, &check->source, REPLICA_PARAM_SOURCE);
	use = check->findings;
	check->findings = others;
	if (use)
		judge(check, use);
	else
		judge_own_name(check);
	replica_finding_free(use);
}

static bool is_shared(const struct replica_settings *s)
{
	return s->present & REPLICA_SETTING_PAYLOAD && s->payload == DM_REPLICA_PAYLOAD_SHARED;
}

static int fail_shared(struct replica_ctx *ctx, const char *source)
{
	return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "payload",
			    "payload shared needs users that were told to keep their buffers, and those of %s were not",
			    source);
}

/*
 * Who writes to the source changes it while the table is exchanged; and a file system
 * asks but once, when it is mounted, whether its buffers have to stay as they are.
 */
int replica_attach_check_args(struct replica_check *check,
			      const struct replica_create_args *args)
{
	const struct replica_settings *s = args->replication_settings;

	if (check->attach && check->in_use && args->skip_initial_copy)
		return replica_fail(check->ctx, REPLICA_INVALID_PARAMETER, EINVAL,
				    "SkipInitialCopy",
				    "%s is in use, so that it is not known to equal %s: the initial copy cannot be skipped",
				    check->source.path, check->target.path);
	if (check->attach && check->in_use && s && is_shared(s))
		return fail_shared(check->ctx, check->source.path);
	return REPLICA_SUCCESS;
}

int replica_attached_check_settings(struct replica_ctx *ctx, const char *name,
				    const struct replica_settings *settings)
{
	struct replica_attached attached;
	int ret;

	if (!is_shared(settings))
		return REPLICA_SUCCESS;
	ret = replica_attached_look(&attached, ctx, name);
	if (!ret && attached.attached)
		ret = fail_shared(ctx, name);
	replica_attached_clear(&attached);
	return ret;
}
