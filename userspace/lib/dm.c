// SPDX-License-Identifier: LGPL-2.1-or-later
/* libdevmapper, made to speak with errno and sentences. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <libdevmapper.h>
#include <linux/dm-ioctl.h>

#include "dm-task.h"
#include "registry.h"
#include "table.h"

/* How long udev may take for one device. */
#define UDEV_WAIT_MS	30000
#define UDEV_STEP_MS	5

/* What libdevmapper said last; it has one log function for a whole process. */
static __thread char dm_text[256];

static void keep_text(int level, const char *file, int line, int err,
		      const char *fmt, ...)
{
	va_list ap;

	(void)file;
	(void)line;
	(void)err;
	if ((level & 7) > 3)		/* _LOG_ERR and worse, as in syslog */
		return;
	va_start(ap, fmt);
	vsnprintf(dm_text, sizeof(dm_text), fmt, ap);
	va_end(ap);
}

/* A program that gave libdevmapper a log function of its own keeps it. */
bool replica_dm_quiet_begin(void)
{
	bool quiet = !dm_log_is_non_default();

	dm_text[0] = '\0';
	if (quiet)
		dm_log_with_errno_init(keep_text);
	return quiet;
}

void replica_dm_quiet_end(const bool *quiet)
{
	if (*quiet)
		dm_log_with_errno_init(NULL);
}

/*
 * Why device-mapper does not answer at all: a positive errno.  Who may open the node need
 * not be allowed to use it.
 */
static int control_errno(void)
{
	struct dm_ioctl version = {
		.version = { DM_VERSION_MAJOR, 0, 0 },
		.data_size = sizeof(version),
	};
	int fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	int err;

	if (fd >= 0) {
		err = ioctl(fd, DM_VERSION, &version) < 0 ? errno : ENOMEM;
		close(fd);
		return err;
	}
	if (errno == ENOENT || errno == ENXIO || errno == ENODEV)
		return EOPNOTSUPP;	/* the kernel has no device-mapper */
	return errno;
}

int replica_dm_run(struct dm_task *task)
{
	int r;

	if (dm_task_run(task))
		return 0;
	r = -dm_task_get_errno(task);
	return r ? r : -control_errno();
}

struct dm_task *replica_dm_task(int type, const char *name)
{
	struct dm_task *task = dm_task_create(type);

	if (task && (!name || dm_task_set_name(task, name)))
		return task;
	if (task)
		dm_task_destroy(task);
	errno = task ? ENOMEM : control_errno();
	return NULL;
}

/* Without a flush, which would wait for a pool that hangs. */
int replica_dm_status(const char *name, const char *type, char *text, size_t size)
{
	QUIET;
	struct dm_task *task = replica_dm_task(DM_DEVICE_STATUS, name);
	char *found = NULL, *params = NULL;
	uint64_t start, length;
	int r;

	if (!task)
		return -errno;
	dm_task_no_flush(task);
	r = replica_dm_run(task);
	if (!r)
		dm_get_next_target(task, NULL, &start, &length, &found, &params);
	if (!r && (!found || !params || strcmp(found, type)))
		r = -ENOMSG;
	if (!r)
		snprintf(text, size, "%s", params);
	dm_task_destroy(task);
	return r;
}

int replica_dm_unusable(struct replica_ctx *ctx, int err)
{
	return replica_fail_errno(ctx, err, NULL, "device-mapper cannot be used");
}

int replica_dm_fail_task(struct replica_ctx *ctx)
{
	return replica_dm_unusable(ctx, errno);
}

static int wait_udev(struct replica_ctx *ctx, uint32_t cookie, const char *name)
{
	const struct timespec step = { .tv_nsec = UDEV_STEP_MS * 1000000 };
	uint64_t deadline = replica_now_ms() + UDEV_WAIT_MS;
	int ready = 0;

	if (!cookie)
		dm_task_update_nodes();		/* without udev the node is our own matter */
	while (cookie && dm_udev_wait_immediate(cookie, &ready) && !ready) {
		if (replica_now_ms() > deadline)
			return replica_fail(ctx, REPLICA_TIMEOUT, ETIMEDOUT, NULL,
					    "udev did not finish with %s in %d seconds",
					    name, UDEV_WAIT_MS / 1000);
		nanosleep(&step, NULL);
	}
	return REPLICA_SUCCESS;
}

int replica_dm_exists(struct replica_ctx *ctx, const char *name)
{
	QUIET;
	struct dm_task *task = replica_dm_task(DM_DEVICE_INFO, name);
	struct dm_info info = { .exists = 0 };
	int r;

	(void)ctx;
	if (!task)
		return -errno;
	r = replica_dm_run(task);
	if (!r && dm_task_get_info(task, &info))
		r = info.exists;
	dm_task_destroy(task);
	return r;
}

int replica_dm_load_target(struct replica_ctx *ctx)
{
	QUIET;
	struct dm_task *task = replica_dm_task(DM_DEVICE_GET_TARGET_VERSION,
					       REPLICA_TARGET_NAME);
	int r;

	if (!task)
		return replica_dm_fail_task(ctx);
	r = replica_dm_run(task);
	dm_task_destroy(task);
	if (r == -EPERM || r == -EACCES)
		return replica_dm_unusable(ctx, r);
	return r ? replica_fail_module(ctx) : REPLICA_SUCCESS;
}

/* The third word, whatever features a newer module has behind it. */
static void read_meta(const char *params, struct replica_dm_info *info)
{
	if (!params || sscanf(params, "%*s %*s %31s", info->meta) != 1 ||
	    !strcmp(info->meta, "-"))
		info->meta[0] = '\0';
}

static void read_table(struct dm_task *task, struct replica_dm_info *info)
{
	const char *uuid = dm_task_get_uuid(task);
	char *type = NULL, *params = NULL;
	uint64_t start, length;

	dm_get_next_target(task, NULL, &start, &length, &type, &params);
	info->has_legs = type && strcmp(type, REPLICA_TARGET_NAME) == 0;
	info->ours = info->has_legs;
	if (info->has_legs)
		read_meta(params, info);
	if (uuid && strncmp(uuid, REPLICA_DM_UUID_PREFIX,
			    strlen(REPLICA_DM_UUID_PREFIX)) == 0)
		info->ours = true;
}

/* By TABLE and not by STATUS, which could wait for a device that hangs. */
int replica_dm_info(struct replica_ctx *ctx, const char *name,
		    struct replica_dm_info *info)
{
	QUIET;
	struct dm_task *task = replica_dm_task(DM_DEVICE_TABLE, name);
	struct dm_info dmi = { .exists = 0 };
	int r;

	memset(info, 0, sizeof(*info));
	if (!task)
		return replica_dm_fail_task(ctx);
	dm_task_no_flush(task);
	r = replica_dm_run(task);
	if (!r && dm_task_get_info(task, &dmi) && dmi.exists) {
		info->exists = true;
		info->open_count = dmi.open_count;
		read_table(task, info);
	}
	dm_task_destroy(task);
	if (r == -ENXIO || r == -ENODEV || !r)
		return REPLICA_SUCCESS;
	return replica_fail_errno(ctx, r, "Name",
				  "device-mapper does not tell about \"%s\"", name);
}

int replica_dm_run_udev(struct replica_ctx *ctx, struct dm_task *task, const char *name,
			uint16_t flags, int *err)
{
	uint32_t cookie = 0;

	*err = 0;
	if (!dm_task_set_cookie(task, &cookie, flags))
		return replica_fail(ctx, REPLICA_NO_RESOURCES, ENOSPC, NULL,
				    "no udev cookie could be made");
	*err = replica_dm_run(task);
	return wait_udev(ctx, cookie, name);
}

/* Devices that do not belong together are no list that is out of date. */
static int return_of(int err)
{
	return err == -ESTALE ? REPLICA_FAILED : replica_return_from_errno(err);
}

int replica_dm_fail(struct replica_ctx *ctx, int err, const char *name,
		    const char *sentence)
{
	int ret;

	if (sentence[0]) {
		ret = replica_fail(ctx, return_of(err), replica_sm_code(err), NULL,
				   "the kernel refused the mapping \"%s\": %s",
				   name, sentence);
		replica_error_kernel(ctx, sentence);
	} else {
		ret = replica_fail_errno(ctx, err, NULL,
					 "the kernel refused the mapping \"%s\"",
					 name);
		replica_error_kernel(ctx, dm_text);
	}
	return ret;
}

/* A mapped device without a table; devno becomes its number, "253:4". */
static int create_empty(struct replica_ctx *ctx, const char *name,
			const char *uuid, char *devno, size_t size)
{
	struct dm_task *task = replica_dm_task(DM_DEVICE_CREATE, name);
	struct dm_info info = { .major = 0 };
	int r;

	if (!task)
		return replica_dm_fail_task(ctx);
	r = dm_task_set_uuid(task, uuid) ? replica_dm_run(task) : -ENOMEM;
	if (!r && dm_task_get_info(task, &info))
		snprintf(devno, size, "%u:%u", info.major, info.minor);
	dm_task_destroy(task);
	return r ? replica_dm_fail(ctx, r, name, "") : REPLICA_SUCCESS;
}

static int load_target(struct replica_ctx *ctx, const char *name, const char *devno,
		       uint64_t sectors, const char *target, const char *params)
{
	struct dm_task *task = replica_dm_task(DM_DEVICE_RELOAD, name);
	char sentence[256];
	int kmsg, r, ret;

	if (!task)
		return replica_dm_fail_task(ctx);
	kmsg = replica_kmsg_open();
	r = (!replica_table_read_only(params) || dm_task_set_ro(task)) &&
	    dm_task_add_target(task, 0, sectors, target, params) ? replica_dm_run(task) : -ENOMEM;
	replica_kmsg_close(kmsg, devno, name, sentence, sizeof(sentence));
	dm_task_destroy(task);
	if (!r)
		return REPLICA_SUCCESS;
	ret = replica_dm_fail(ctx, r, name, sentence);
	replica_error_details(ctx, "table: 0 %llu %s %s",
			      (unsigned long long)sectors, target, params);
	return ret;
}

int replica_dm_load(struct replica_ctx *ctx, const char *name, const char *devno,
		    uint64_t sectors, const char *params)
{
	return load_target(ctx, name, devno, sectors, REPLICA_TARGET_NAME, params);
}

/* REPLICA_TIMEOUT: it runs, and udev is late. */
static int start_device(struct replica_ctx *ctx, const char *name, const char *devno)
{
	struct dm_task *task = replica_dm_task(DM_DEVICE_RESUME, name);
	int kmsg, err, ret;
	char sentence[256];

	if (!task)
		return replica_dm_fail_task(ctx);
	kmsg = replica_kmsg_open();
	ret = replica_dm_run_udev(ctx, task, name, 0, &err);
	replica_kmsg_close(kmsg, devno, name, sentence, sizeof(sentence));
	if (err)
		ret = replica_dm_fail(ctx, err, name, sentence);
	dm_task_destroy(task);
	return ret;
}

/* Takes a device back that did not come up; the error stays. */
static void undo_create(struct replica_ctx *ctx, const char *name)
{
	struct replica_error err = ctx->err;

	replica_dm_remove(ctx, name);
	ctx->err = err;
}

/*
 * Step by step and not by libdevmapper's create with a table, which keeps the
 * errno of a refused table to itself.
 */
int replica_dm_create(struct replica_ctx *ctx, const char *name,
		      const char *uuid, uint64_t sectors, const char *params)
{
	QUIET;
	char devno[32] = "";
	int ret;

	ret = create_empty(ctx, name, uuid, devno, sizeof(devno));
	if (ret)
		return ret;
	ret = replica_dm_load(ctx, name, devno, sectors, params);
	if (!ret)
		ret = start_device(ctx, name, devno);
	if (ret && ret != REPLICA_TIMEOUT)
		undo_create(ctx, name);
	return ret;
}

/* ------------------------------------------------------------------------ */
/* Another length */

static int take_table(struct replica_ctx *ctx, struct dm_task *task, const char *name,
		      struct replica_dm_table *table)
{
	char *type = NULL, *params = NULL;
	struct dm_info info = { .exists = 0 };
	uint64_t start = 0;

	if (!dm_task_get_info(task, &info) || !info.exists)
		return replica_fail(ctx, REPLICA_NOT_FOUND, ENODEV, "Name",
				    "there is no replica \"%s\"", name);
	if (dm_get_next_target(task, NULL, &start, &table->sectors, &type, &params) || start ||
	    !type || strcmp(type, REPLICA_TARGET_NAME) || !params ||
	    strlen(params) >= sizeof(table->params))
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "Name",
				    "mapped device \"%s\" is not a replica", name);
	strcpy(table->params, params);
	snprintf(table->devno, sizeof(table->devno), "%u:%u", info.major, info.minor);
	return REPLICA_SUCCESS;
}

int replica_dm_table(struct replica_ctx *ctx, const char *name, struct replica_dm_table *table)
{
	QUIET;
	struct dm_task *task = replica_dm_task(DM_DEVICE_TABLE, name);
	int r, ret;

	if (!task)
		return replica_dm_fail_task(ctx);
	dm_task_no_flush(task);
	r = replica_dm_run(task);
	if (r)
		ret = replica_fail_errno(ctx, r, "Name",
					 "device-mapper does not tell about \"%s\"", name);
	else
		ret = take_table(ctx, task, name, table);
	dm_task_destroy(task);
	return replica_record_explain(ctx, name, ret);
}

/* The new table may be live already and not running; the error stays. */
static void restore_table(struct replica_ctx *ctx, const char *name,
			  const struct replica_dm_table *table)
{
	struct replica_error err = ctx->err;
	int ret;

	ret = replica_dm_load(ctx, name, table->devno, table->sectors, table->params);
	if (!ret)
		ret = start_device(ctx, name, table->devno);
	ctx->err = err;
	if (!ret || ret == REPLICA_TIMEOUT)
		return;
	replica_error_details(ctx,
			      "mapped device \"%s\" is left suspended; its table was: 0 %llu %s %s",
			      name, (unsigned long long)table->sectors, REPLICA_TARGET_NAME,
			      table->params);
}

/*
 * Without a suspend of our own: the kernel suspends, exchanges and resumes in one
 * call, so that nobody who is killed on the way leaves a device that holds all I/O.
 */
int replica_dm_set_length(struct replica_ctx *ctx, const char *name,
			  const struct replica_dm_table *table, uint64_t sectors)
{
	QUIET;
	int ret = replica_dm_load(ctx, name, table->devno, sectors, table->params);

	if (ret)
		return ret;		/* the live one was not touched */
	ret = start_device(ctx, name, table->devno);
	if (ret && ret != REPLICA_TIMEOUT)
		restore_table(ctx, name, table);
	return ret;
}

int replica_dm_become_origin(struct replica_ctx *ctx, const char *name)
{
	QUIET;
	struct replica_dm_table table;
	char params[64], origin[32];
	int ret = replica_dm_table(ctx, name, &table);

	if (ret)
		return ret;
	if (sscanf(table.params, "%31s", origin) != 1)
		return replica_fail(ctx, REPLICA_FAILED, EPROTO, "Name",
				    "the table of \"%s\" names no origin", name);
	snprintf(params, sizeof(params), "%s 0", origin);
	ret = load_target(ctx, name, table.devno, table.sectors, "linear", params);
	if (ret)
		return ret;		/* the live one was not touched */
	ret = start_device(ctx, name, table.devno);
	if (ret && ret != REPLICA_TIMEOUT)
		restore_table(ctx, name, &table);
	return ret;
}

int replica_dm_remove(struct replica_ctx *ctx, const char *name)
{
	QUIET;
	struct dm_task *task = replica_dm_task(DM_DEVICE_REMOVE, name);
	int err, ret;

	if (!task)
		return replica_dm_fail_task(ctx);
	dm_task_retry_remove(task);	/* udev may be looking at it just now */
	ret = replica_dm_run_udev(ctx, task, name, 0, &err);
	if (err == -EBUSY)
		ret = replica_fail(ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, "Name",
				   "replica \"%s\" is in use", name);
	else if (err)
		ret = replica_fail_errno(ctx, err, "Name",
					 "replica \"%s\" cannot be removed", name);
	if (err)
		replica_error_kernel(ctx, dm_text);
	dm_task_destroy(task);
	return ret;
}
