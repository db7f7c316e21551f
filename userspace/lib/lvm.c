// SPDX-License-Identifier: LGPL-2.1-or-later
/* LVM's commands, and what comes back from them. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lvm.h"
#include "proc.h"

/* A pool that hangs must not hold the caller for ever, and who only looks not even long. */
#define LVM_TIMEOUT_MS	180000
#define LVM_LOOK_MS	15000

#define LVM_UUID_LEN	32		/* without dashes */
#define LVM_NAME_MAX	127
#define ARGS_MAX	32

#define LV_FIELDS	"lv_name,vg_name,lv_uuid,lv_dm_path,segtype,pool_lv,origin,lv_tags," \
			"lv_size,vg_extent_size,chunk_size,data_percent,lv_active,lv_device_open," \
			"lv_merging"

/*
 * What lvm.conf's section "report" may change of a report in JSON: how the members of a list
 * are told apart, the brackets of hidden volumes, and fields that are left out when empty.
 */
#define REPORT_CONFIG	"report/list_item_separator=\",\" report/mark_hidden_devices=0 " \
			"report/compact_output=0 report/compact_output_cols=\"\" " \
			"report/binary_values_as_numeric=0"
#define REPORT		"--config", REPORT_CONFIG, "--reportformat", "json", "--units", "b", \
			"--nosuffix", "--options"

bool replica_lvm_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (!len || len > LVM_NAME_MAX || name[0] == '-' || !strcmp(name, ".") ||
	    !strcmp(name, ".."))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("+_.-", name[i]))
			return false;
	return true;
}

static bool put_doubled(const char *part, char *name, size_t *n)
{
	for (; *part && *n + 2 < DM_REPLICA_NAME_LEN; part++) {
		if (*part == '-')
			name[(*n)++] = '-';
		name[(*n)++] = *part;
	}
	return !*part;
}

bool replica_lvm_dm_name(const char *vg, const char *lv, char name[DM_REPLICA_NAME_LEN])
{
	size_t n = 0;
	bool fits = put_doubled(vg, name, &n);

	if (n + 1 < DM_REPLICA_NAME_LEN)
		name[n++] = '-';
	fits = put_doubled(lv, name, &n) && fits;
	name[n] = '\0';
	return fits;
}

/* ------------------------------------------------------------------------ */
/* Running them */

/* LVM's lines as one: "a; b". */
static void one_line(const char *text, char *line, size_t size)
{
	size_t len = 0;

	for (; *text && len + 3 < size; text++) {
		if (*text == '\n' && len && line[len - 1] != ' ') {
			line[len++] = ';';
			line[len++] = ' ';
		} else if (*text != '\n' && (*text != ' ' || (len && line[len - 1] != ' '))) {
			line[len++] = *text;
		}
	}
	while (len && (line[len - 1] == ' ' || line[len - 1] == ';'))
		len--;
	line[len] = '\0';
}

static int fail_status(struct replica_ctx *ctx, const struct replica_proc *proc,
		       const char *what)
{
	bool full = strstr(proc->err, "insufficient free space") ||
		    strstr(proc->err, "insufficient suitable");
	char line[512];
	int ret;

	ret = replica_fail(ctx, full ? REPLICA_NO_RESOURCES : REPLICA_FAILED, full ? ENOSPC : 0,
			   "TargetStoragePool", "LVM's %s cannot %s (exit status %d)",
			   proc->argv[0], what, proc->status);
	one_line(proc->err, line, sizeof(line));
	replica_error_message(ctx, line);
	return ret;
}

static int fail_run(struct replica_ctx *ctx, const struct replica_proc *proc, int err,
		    const char *what)
{
	if (err == -ENOENT)
		return replica_fail(ctx, REPLICA_NOT_SUPPORTED, ENOENT, "TargetStoragePool",
				    "LVM is not installed: there is no program %s",
				    proc->argv[0]);
	if (err == -EDEADLK)
		return replica_fail(ctx, REPLICA_TIMEOUT, ETIMEDOUT, "TargetStoragePool",
				    "LVM's %s is not started: too many of LVM's programs hang, and cannot be killed",
				    proc->argv[0]);
	if (err == -ETIMEDOUT && proc->hangs)
		return replica_fail(ctx, REPLICA_TIMEOUT, ETIMEDOUT, "TargetStoragePool",
				    "LVM's %s did not %s within %u seconds, and cannot be killed: process %d hangs, as it does on a disk that does not answer",
				    proc->argv[0], what, proc->timeout_ms / 1000,
				    (int)proc->hangs);
	if (err == -ETIMEDOUT)
		return replica_fail(ctx, REPLICA_TIMEOUT, ETIMEDOUT, "TargetStoragePool",
				    "LVM's %s did not %s within %u seconds", proc->argv[0],
				    what, proc->timeout_ms / 1000);
	return replica_fail_errno(ctx, err, "TargetStoragePool", "LVM's %s cannot %s",
				  proc->argv[0], what);
}

/* Runs it; proc is to be cleared by the caller, whatever the return value. */
static int run_for(struct replica_ctx *ctx, struct replica_proc *proc, const char *const *argv,
		   const char *what, uint32_t timeout_ms)
{
	int r;

	memset(proc, 0, sizeof(*proc));
	proc->argv = argv;
	proc->timeout_ms = timeout_ms;
	if (geteuid())
		return replica_fail(ctx, REPLICA_ACCESS_DENIED, EPERM, "TargetStoragePool",
				    "LVM's %s is for root only", argv[0]);
	r = replica_proc_run(proc);
	if (r)
		return fail_run(ctx, proc, r, what);
	return proc->status ? fail_status(ctx, proc, what) : REPLICA_SUCCESS;
}

static int run(struct replica_ctx *ctx, struct replica_proc *proc, const char *const *argv,
	       const char *what)
{
	return run_for(ctx, proc, argv, what, LVM_TIMEOUT_MS);
}

/* One that has nothing to tell. */
static int run_only(struct replica_ctx *ctx, const char *const *argv, const char *what)
{
	struct replica_proc proc;
	int ret = run(ctx, &proc, argv, what);

	replica_proc_clear(&proc);
	return ret;
}

static int fail_report(struct replica_ctx *ctx, const char *program, int err)
{
	if (err == -ENOMEM)
		return replica_fail_memory(ctx);
	return replica_fail(ctx, REPLICA_FAILED, EPROTO, "TargetStoragePool",
			    "LVM's %s gave a report that cannot be understood", program);
}

/* ------------------------------------------------------------------------ */
/* Looking */

/* A selection and no name as argument: none such is an empty report, not a failure. */
static int select_lvs(struct replica_ctx *ctx, const char *select, struct replica_lv **list)
{
	const char *const argv[] = {
		"lvs", REPORT, LV_FIELDS, "--select", select, NULL,
	};
	struct replica_proc proc;
	int ret = run(ctx, &proc, argv, "list the logical volumes"), r;

	*list = NULL;
	if (!ret) {
		r = replica_lvm_parse_lvs(proc.out, list);
		if (r)
			ret = fail_report(ctx, argv[0], r);
	}
	replica_proc_clear(&proc);
	return ret;
}

/* A snapshot that is being merged is hidden. */
int replica_lvm_report_tag(struct replica_ctx *ctx, const char *tag, char **report)
{
	char select[64];
	const char *const argv[] = {
		"lvs", "--all", REPORT, LV_FIELDS, "--select", select, NULL,
	};
	struct replica_proc proc;
	int ret;

	*report = NULL;
	snprintf(select, sizeof(select), "lv_tags={\"%s\"}", tag);
	ret = run_for(ctx, &proc, argv, "list the logical volumes", LVM_LOOK_MS);
	if (!ret) {
		*report = proc.out;
		proc.out = NULL;
	}
	replica_proc_clear(&proc);
	return ret;
}

int replica_lvm_take_report(struct replica_ctx *ctx, const char *report, struct replica_lv **list)
{
	int r = replica_lvm_parse_lvs(report, list);

	return r ? fail_report(ctx, "lvs", r) : REPLICA_SUCCESS;
}

int replica_lvm_vg(struct replica_ctx *ctx, const char *name, struct replica_vg **vg)
{
	char select[LVM_NAME_MAX + 32];
	const char *const argv[] = {
		"vgs", REPORT, "vg_name,vg_extent_size,vg_free", "--select", select, NULL,
	};
	struct replica_proc proc;
	int ret, r;

	*vg = NULL;
	if (!replica_lvm_name_ok(name))
		return REPLICA_SUCCESS;
	snprintf(select, sizeof(select), "vg_name=\"%s\"", name);
	ret = run(ctx, &proc, argv, "list the volume groups");
	if (!ret) {
		r = replica_lvm_parse_vgs(proc.out, vg);
		if (r)
			ret = fail_report(ctx, argv[0], r);
	}
	replica_proc_clear(&proc);
	return ret;
}

int replica_lvm_list(struct replica_ctx *ctx, const char *vg, struct replica_lv **list)
{
	char select[LVM_NAME_MAX + 32];

	*list = NULL;
	if (!replica_lvm_name_ok(vg))
		return REPLICA_SUCCESS;
	snprintf(select, sizeof(select), "vg_name=\"%s\"", vg);
	return select_lvs(ctx, select, list);
}

int replica_lvm_lv(struct replica_ctx *ctx, const char *vg, const char *name,
		   struct replica_lv **lv)
{
	char select[2 * LVM_NAME_MAX + 64];

	*lv = NULL;
	if (!replica_lvm_name_ok(vg) || !replica_lvm_name_ok(name))
		return REPLICA_SUCCESS;
	snprintf(select, sizeof(select), "vg_name=\"%s\" && lv_name=\"%s\"", vg, name);
	return select_lvs(ctx, select, lv);
}

/* LVM writes a uuid as groups of 6-4-4-4-4-4-6 characters. */
static bool dashed(const char *plain, char text[LVM_UUID_LEN + 7])
{
	static const unsigned int groups[] = { 6, 4, 4, 4, 4, 4, 6 };

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		if (i)
			*text++ = '-';
		for (unsigned int j = 0; j < groups[i]; j++) {
			if (!isalnum((unsigned char)*plain))
				return false;
			*text++ = *plain++;
		}
	}
	*text = '\0';
	return true;
}

/* lvs lists none where LVM may not look at the disks, and does not fail for that. */
int replica_lvm_by_dm_uuid(struct replica_ctx *ctx, const char *dm_uuid,
			   struct replica_lv **lv)
{
	char uuid[LVM_UUID_LEN + 7], select[96];
	int ret;

	*lv = NULL;
	/* Behind it there may be a suffix: that is a part of a volume and none itself. */
	if (strncmp(dm_uuid, "LVM-", 4) || strlen(dm_uuid) != 4 + 2 * LVM_UUID_LEN ||
	    !dashed(dm_uuid + 4 + LVM_UUID_LEN, uuid))
		return REPLICA_SUCCESS;
	snprintf(select, sizeof(select), "lv_uuid=\"%s\"", uuid);
	ret = select_lvs(ctx, select, lv);
	if (ret || *lv)
		return ret;
	return replica_fail(ctx, REPLICA_NOT_FOUND, ENOENT, "TargetStoragePool",
			    "LVM does not list the volume with the uuid %s, which is there: see its devices file and its filters",
			    uuid);
}

/* ------------------------------------------------------------------------ */
/* Changing */

static void add_tags(const char **argv, size_t *n, const char *change,
		     const char *const *tags, size_t count)
{
	for (size_t i = 0; i < count && tags[i]; i++) {
		argv[(*n)++] = change;
		argv[(*n)++] = tags[i];
	}
}

int replica_lvm_create(struct replica_ctx *ctx, const struct replica_lvm_new *lv)
{
	const char *argv[ARGS_MAX] = {
		"lvcreate", "--yes", "--wipesignatures", "y", "--name", lv->name,
	};
	size_t n = 6;
	char size[32], what[2 * LVM_NAME_MAX + 32];

	snprintf(size, sizeof(size), "%" PRIu64 "b", lv->size);
	snprintf(what, sizeof(what), "make volume %s/%s", lv->vg, lv->name);
	add_tags(argv, &n, "--addtag", lv->tags, ARRAY_SIZE(lv->tags));
	argv[n++] = "--type";
	argv[n++] = lv->pool ? "thin" : "linear";
	if (lv->pool) {
		argv[n++] = "--thinpool";
		argv[n++] = lv->pool;
		argv[n++] = "--virtualsize";
	} else {
		argv[n++] = "--zero";
		argv[n++] = "y";
		argv[n++] = "--size";
	}
	argv[n++] = size;
	argv[n++] = lv->vg;
	return run_only(ctx, argv, what);
}

/* One step for LVM, which brings file systems on the origin to rest for the moment of it. */
int replica_lvm_snapshot(struct replica_ctx *ctx, const struct replica_lvm_snap *snap)
{
	char origin[2 * LVM_NAME_MAX + 2], size[32], chunk[32], what[4 * LVM_NAME_MAX];
	const char *argv[ARGS_MAX] = {
		"lvcreate", "--yes", "--snapshot", "--setactivationskip", "n", "--name", snap->name,
	};
	size_t n = 7;

	snprintf(origin, sizeof(origin), "%s/%s", snap->vg, snap->origin);
	snprintf(what, sizeof(what), "make snapshot %s/%s of volume %s", snap->vg, snap->name,
		 origin);
	add_tags(argv, &n, "--addtag", snap->tags, ARRAY_SIZE(snap->tags));
	if (snap->size) {
		snprintf(size, sizeof(size), "%" PRIu64 "b", snap->size);
		snprintf(chunk, sizeof(chunk), "%" PRIu64 "b", snap->chunk);
		argv[n++] = "--size";
		argv[n++] = size;
		argv[n++] = "--chunksize";
		argv[n++] = chunk;
	}
	argv[n++] = origin;
	return run_only(ctx, argv, what);
}

static void name_of(const struct replica_lv *lv, char *name, size_t size)
{
	snprintf(name, size, "%s/%s", lv->vg, lv->name);
}

/* By uuid and tag and not by name, which may be another volume's by now. */
int replica_lvm_remove(struct replica_ctx *ctx, const struct replica_lv *lv, const char *tag)
{
	char select[160], name[2 * LVM_NAME_MAX + 2], what[2 * LVM_NAME_MAX + 32];
	const char *const argv[] = {
		"lvremove", "--yes", "--select", select, name, NULL,
	};

	name_of(lv, name, sizeof(name));
	snprintf(select, sizeof(select), "lv_uuid=\"%s\" && lv_tags={\"%s\"}", lv->uuid, tag);
	snprintf(what, sizeof(what), "remove volume %s", name);
	return run_only(ctx, argv, what);
}

int replica_lvm_tag(struct replica_ctx *ctx, const struct replica_lv *lv, const char *change,
		    const char *const *tags, size_t count)
{
	char name[2 * LVM_NAME_MAX + 2], what[2 * LVM_NAME_MAX + 48];
	const char *argv[ARGS_MAX] = { "lvchange", "--yes" };
	size_t n = 2;

	name_of(lv, name, sizeof(name));
	snprintf(what, sizeof(what), "change the tags of volume %s", name);
	add_tags(argv, &n, change, tags, count);
	argv[n++] = name;
	return run_only(ctx, argv, what);
}

int replica_lvm_activate(struct replica_ctx *ctx, const struct replica_lv *lv)
{
	char name[2 * LVM_NAME_MAX + 2], what[2 * LVM_NAME_MAX + 48];
	const char *const argv[] = {
		"lvchange", "--yes", "--activate", "y", name, NULL,
	};

	name_of(lv, name, sizeof(name));
	snprintf(what, sizeof(what), "activate volume %s", name);
	return run_only(ctx, argv, what);
}

/*
 * The second copies, and goes on without the caller until LVM has removed the snapshot.  It
 * is quiet, lest it dies of what it has to say when nobody listens any more, and does not.
 */
int replica_lvm_merge(struct replica_ctx *ctx, const struct replica_lv *lv, bool thin)
{
	char name[2 * LVM_NAME_MAX + 2], what[2 * LVM_NAME_MAX + 64];
	const char *const whole[] = { "lvconvert", "--yes", "--quiet", "--mergethin", name, NULL };
	const char *const copied[] = {
		"lvconvert", "--yes", "--quiet", "--mergesnapshot", "--background", "--interval",
		"1", name, NULL,
	};

	name_of(lv, name, sizeof(name));
	snprintf(what, sizeof(what), "merge snapshot %s into its source", name);
	return run_only(ctx, thin ? whole : copied, what);
}

int replica_lvm_poll(struct replica_ctx *ctx, const struct replica_lv *lv)
{
	char name[2 * LVM_NAME_MAX + 2];
	const char *const argv[] = { "lvchange", "--yes", "--poll", "y", name, NULL };

	snprintf(name, sizeof(name), "%s/%s", lv->vg, lv->origin);
	return run_only(ctx, argv, "see to a merge that is over");
}
