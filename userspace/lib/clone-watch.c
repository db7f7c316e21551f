// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Who ends a clone.  Whoever creates it has claimed its end until he returns; beside him one
 * may watch over it, the unit that udev has systemd start among them, and ends it when it
 * is complete and not claimed any more.  Claim and watch go with the process: what he
 * does not do who was killed is done by the other.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clone.h"
#include "create-goals.h"
#include "genl.h"
#include "info.h"
#include "lock.h"
#include "registry.h"
#include "token.h"

#define CLONES_LOCK	"/run/dm-replica-clones.lock"

enum role { CLAIM, WATCH };

struct clone_lock {
	char key[DM_REPLICA_NAME_LEN + 8];
	char what[DM_REPLICA_NAME_LEN + 32];
	struct replica_lock lock;
};

static const struct replica_lock *lock_of(struct clone_lock *l, enum role role, const char *name,
					  bool alone)
{
	snprintf(l->key, sizeof(l->key), "%s %s", role == CLAIM ? "claim" : "watch", name);
	snprintf(l->what, sizeof(l->what), "the end of clone \"%s\"", name);
	l->lock = (struct replica_lock){
		.path = CLONES_LOCK, .key = l->key, .parameter = "Name", .what = l->what,
		.alone = alone,
	};
	return &l->lock;
}

int replica_clone_claim(struct replica_ctx *ctx, const char *name, int *fd)
{
	struct clone_lock l;

	return replica_lock(ctx, lock_of(&l, CLAIM, name, true), fd);
}

/* What is noted of that would be lost; it may be of devices that are not there any more. */
void replica_clone_tidy_rest(struct replica_ctx *ctx, const char *name)
{
	bool done;
	int fd;

	if (!replica_clone_has_rest(ctx, name))
		return;
	if (!replica_clone_claim(ctx, name, &fd)) {
		replica_clone_resume(ctx, name, &done);
		replica_unlock(&fd);
	}
	replica_error_clear(ctx);
}

int replica_clone_begin(struct replica_ctx *ctx, const struct replica_create_args *args,
			const char *name, int *fd)
{
	*fd = -1;
	replica_clone_tidy_rest(ctx, name);
	return replica_is_clone(args) ? replica_clone_claim(ctx, name, fd) : REPLICA_SUCCESS;
}

int replica_clone_claimed(const char *name)
{
	struct clone_lock l;

	return replica_lock_held(lock_of(&l, CLAIM, name, true));
}

/* systemd takes no longer name; the tool's __udev writes ":2b" where it takes no character. */
static bool has_unit_name(const char *name)
{
	size_t len = strlen("dm-replica-finish@.service");

	for (; *name; name++)
		len += isascii(*name) && (isalnum(*name) || strchr("-_.@", *name)) ? 1 : 3;
	return len <= 255;
}

/* What should be so: nobody watches over redeems. */
static bool will_end(struct replica_ctx *ctx, const struct replica_info *info)
{
	return replica_clones_end(ctx) && has_unit_name(info->name) &&
	       !(info->uuid && replica_id_of(info->uuid, REPLICA_REDEEM_UUID_PREFIX));
}

/* Who is not root cannot see the locks. */
bool replica_clone_watched(struct replica_ctx *ctx, const struct replica_info *info)
{
	struct clone_lock l;
	int r = replica_lock_held(lock_of(&l, WATCH, info->name, true));

	if (r < 0)
		return will_end(ctx, info);
	return r || replica_clone_claimed(info->name) > 0;
}

/* The claim that is seen is the caller's own, and he goes. */
void replica_clone_left(struct replica_ctx *ctx, struct replica_info *info)
{
	struct clone_lock l;

	if (info->sync_type == REPLICA_SYNC_TYPE_CLONE)
		info->ends_itself = will_end(ctx, info) ||
				    replica_lock_held(lock_of(&l, WATCH, info->name, true)) > 0;
}

void replica_clone_made(struct replica_ctx *ctx, struct replica_info *info, bool waits)
{
	if (!waits)
		replica_clone_left(ctx, info);
	replica_record_note(ctx, info);
}

/* ------------------------------------------------------------------------ */

static int wait_complete(struct replica_ctx *ctx, const char *name, uint64_t timeout_ms,
			 replica_progress_fn progress, void *progress_data)
{
	struct replica_info *info = NULL;
	const struct replica_wait wait = {
		.name = name,
		.state = DM_REPLICA_STATE_SYNCHRONIZED,
		.patient = true,
		.timeout_ms = timeout_ms,
		.progress = progress,
		.progress_data = progress_data,
		.info = &info,
	};
	int ret = replica_wait_run(ctx, &wait);

	replica_info_free(info);
	return ret;
}

static bool is_clone(struct replica_ctx *ctx, const char *name)
{
	struct replica_info *info;
	struct replica_genl *g;
	bool clone;

	if (replica_genl_get(ctx, &g) || replica_info_read(ctx, g, name, &info)) {
		replica_error_clear(ctx);
		return false;
	}
	clone = info->sync_type == REPLICA_SYNC_TYPE_CLONE;
	replica_info_free(info);
	return clone;
}

/* Of what is no clone finish says it. */
static int finish_complete(struct replica_ctx *ctx, const char *name, uint64_t timeout_ms,
			   replica_progress_fn progress, void *progress_data, uint32_t *ended)
{
	int ret = REPLICA_SUCCESS;

	if (is_clone(ctx, name))
		ret = wait_complete(ctx, name, timeout_ms, progress, progress_data);
	return ret ? ret : replica_clone_finish(ctx, name, ended);
}

/* Who has claimed it may take his time, as one who wants no time limit does. */
static int watch(struct replica_ctx *ctx, const char *name, uint64_t timeout_ms,
		 replica_progress_fn progress, void *progress_data, uint32_t *ended)
{
	int ret;

	do {
		replica_error_clear(ctx);
		ret = finish_complete(ctx, name, timeout_ms, progress, progress_data, ended);
	} while (ret == REPLICA_TIMEOUT && !timeout_ms);
	return ret;
}

EXPORT int replica_finish_wait(struct replica_ctx *ctx, const char *name, uint32_t timeout_ms,
			       replica_progress_fn progress, void *progress_data,
			       uint32_t *ended)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	uint32_t how = REPLICA_ENDED_NOT;
	struct clone_lock l;
	bool redeem;
	int fd, ret;

	replica_error_begin(ctx, "FinishClone");
	ret = replica_name_resolve(ctx, name, dm_name);
	if (!ret)
		ret = replica_lock(ctx, lock_of(&l, WATCH, dm_name, false), &fd);
	if (!ret) {
		redeem = replica_is_redeem(ctx, dm_name);
		ret = watch(ctx, dm_name, timeout_ms, progress, progress_data, &how);
		if (redeem)
			replica_token_tidy(ctx);
		replica_unlock(&fd);
	}
	if (ended)
		*ended = how;
	return ret;
}

/* By the first of these files; one that is masked is /dev/null, or empty. */
bool replica_has_unit(struct replica_ctx *ctx, const char *unit)
{
	static const char *const places[] = {
		"/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib",
	};
	char path[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(path, sizeof(path), "%s%s/systemd/system/%s", ctx->root, places[i],
			 unit);
		if (!stat(path, &st))
			return S_ISREG(st.st_mode) && st.st_size;
	}
	return false;
}

EXPORT bool replica_clones_end(struct replica_ctx *ctx)
{
	static const char *const signs[] = { "/run/systemd/system", "/run/udev/control" };
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
		snprintf(path, sizeof(path), "%s%s", ctx->root, signs[i]);
		if (access(path, F_OK))
			return false;
	}
	return replica_has_unit(ctx, "dm-replica-finish@.service");
}
