// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Who answers when a resync waits for the snapshot of the replica, and removes the snapshot
 * when it has served.  Both begin with what there is and what the kernel says now, so that
 * nobody has to remember anything: whoever is killed is followed by the next one.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <netlink/attr.h>

#include "genl.h"
#include "info.h"
#include "lock.h"
#include "msg.h"
#include "protect.h"
#include "registry.h"
#include "snapshot.h"

#define PROTECT_LOCK	"/run/dm-replica-protect.lock"

/* Between two looks when no event comes, and before what failed is tried again, ms. */
#define LOOK_MS		5000
#define AGAIN_MS	60000
/* Times that the meta device is given to have what the state says. */
#define DURABLE_TRIES	20
#define DURABLE_STEP_MS	100

#define WORK	"work"
#define WATCH	"watch"

struct protect {
	struct replica_ctx *ctx;
	struct replica_genl *g;
	const struct replica_protect_args *args;	/* may be NULL */
	char name[DM_REPLICA_NAME_LEN];
	bool searched;			/* what is not mapped is not there */
	uint32_t failed_job;		/* for this one it has failed, */
	uint64_t again;			/* and is tried again then */
};

int replica_protect_lock(struct replica_ctx *ctx, const char *what, const char *name, int *fd)
{
	char key[DM_REPLICA_NAME_LEN + 8], text[DM_REPLICA_NAME_LEN + 48];
	const struct replica_lock lock = {
		.path = PROTECT_LOCK, .key = key, .parameter = "Name", .what = text,
		.alone = true,
	};

	snprintf(key, sizeof(key), "%s %s", what, name);
	snprintf(text, sizeof(text), "the protection of replica \"%s\"", name);
	return replica_lock(ctx, &lock, fd);
}

/* ------------------------------------------------------------------------ */
/* The answer */

/* why: that it could not be made, or NULL. */
static int answer(struct protect *p, uint32_t job, const char *why)
{
	struct nl_msg *msg = replica_msg_new(replica_genl_family(p->g), DM_REPLICA_CMD_PROTECTED,
					     0, p->name);
	char text[DM_REPLICA_REASON_LEN];

	snprintf(text, sizeof(text), "%s", why ? why : "");
	if (!msg || (why && nla_put_string(msg, DM_REPLICA_A_REASON, text) < 0) ||
	    nla_put_u32(msg, DM_REPLICA_A_JOB_ID, job) < 0) {
		nlmsg_free(msg);
		return replica_fail_memory(p->ctx);
	}
	return replica_genl_request(p->ctx, p->g, msg, NULL, NULL);
}

/* The resync waits on, and says why; the error stays. */
static void tell_failure(struct protect *p, uint32_t job)
{
	struct replica_error err = p->ctx->err;

	answer(p, job, err.message[0] ? err.message : err.description);
	p->ctx->err = err;
	replica_error_details(p->ctx,
			      "the resync waits; 'replicactl resync %s' tries again, 'replicactl resync --force %s' goes on without",
			      p->name, p->name);
}

/* ------------------------------------------------------------------------ */
/* One look */

static int read_info(struct protect *p, struct replica_info **info)
{
	return replica_info_read(p->ctx, p->g, p->name, info);
}

/* Whether it waits still is asked before what cannot be undone. */
static int drop_older_of(struct protect *p, const struct replica_info *info,
			 const struct replica_blockdev *leg)
{
	struct replica_protect_copy copy;
	int ret = replica_protect_find(p->ctx, info, leg, &copy);

	if (!ret && copy.there && replica_protect_waits(p->ctx, info))
		ret = replica_protect_drop(p->ctx, &copy);
	replica_protect_clear(&copy);
	return ret;
}

/* The replica is whole, so that an older copy is of no use, whichever leg it is of. */
static int drop_older(struct protect *p, const struct replica_info *info)
{
	struct replica_blockdev legs[REPLICA_LEGS];
	int ret = REPLICA_SUCCESS;

	replica_protect_legs(p->ctx, info, legs);
	for (size_t i = 0; !ret && i < REPLICA_LEGS; i++)
		ret = drop_older_of(p, info, &legs[i]);
	return ret;
}

/* Whether one that got no answer itself was taken is not known, and then the copy is needed. */
static bool is_refused(const struct protect *p, int ret)
{
	return ret && (p->ctx->err.sm_source == REPLICA_SOURCE_KERNEL ||
		       replica_is_gone(p->ctx, ret));
}

/* An answer that is refused is for a resync that somebody wanted to go on without. */
static int make_and_answer(struct protect *p, const struct replica_info *info,
			   const struct replica_blockdev *leg)
{
	struct replica_protect_copy copy;
	struct replica_error err;
	int ret = replica_protect_make(p->ctx, info, leg, p->args, &copy);

	if (ret)
		return ret;
	ret = answer(p, info->job->id, NULL);
	err = p->ctx->err;
	if (is_refused(p, ret) && replica_protect_drop(p->ctx, &copy))
		ret = REPLICA_FAILED;
	else if (ret)
		p->ctx->err = err;
	replica_protect_clear(&copy);
	return ret;
}

static int serve(struct protect *p, const struct replica_info *info)
{
	struct replica_blockdev leg;
	int ret = replica_protect_leg(p->ctx, info, &leg);

	if (!ret)
		ret = drop_older(p, info);
	if (!ret && replica_protect_waits(p->ctx, info))
		ret = make_and_answer(p, info, &leg);
	if (!ret)
		return ret;
	if (replica_protect_waits(p->ctx, info)) {
		tell_failure(p, info->job->id);
		return ret;
	}
	replica_error_clear(p->ctx);	/* nobody wants it any more */
	return REPLICA_SUCCESS;
}

/*
 * Has it served?  After a crash a log that has failed is worth nothing, and everything is copied
 * to a replica that nobody takes for whole: then the copy is what there is.  One that may be torn
 * is of no use to anybody: whoever made it was killed, and no resync waits for it.
 */
static bool has_served(const struct replica_info *info, const struct replica_protect_copy *copy)
{
	return !copy->whole ||
	       (info->copy_state == DM_REPLICA_STATE_SYNCHRONIZED && info->whole &&
		(!info->meta_failed || copy->lost));
}

/* The directory of a pool is asked at first only: looking at it is work for the pool. */
static bool worth_finding(struct protect *p, const struct replica_info *info)
{
	struct replica_protect_copy copy;
	bool there;

	if (!p->searched && info->settings.protect == DM_REPLICA_PROTECT_SNAPSHOT)
		return true;
	there = replica_protect_look(p->ctx, info, &copy);
	replica_protect_clear(&copy);
	replica_error_clear(p->ctx);
	return there;
}

/* Nobody maps one of dm-thin after a reboot, if not we. */
static int keep(struct protect *p, const struct replica_protect_copy *copy)
{
	return copy->lv && !copy->lv->active ? replica_volume_activate(p->ctx, copy->lv) :
					       REPLICA_SUCCESS;
}

/*
 * Whoever was killed while he made one has left the leg suspended, and an entry of which it is
 * not known whether there is a volume.  As long as the resync waits the next one sees to that;
 * of one that was forced nothing would come to the replica, nor come back from it.
 */
static int wake_leg(struct protect *p, const struct replica_info *info)
{
	struct replica_protect_copy copy;
	struct replica_blockdev leg;
	int ret;

	if (replica_protect_leg(p->ctx, info, &leg) || !leg.suspended) {
		replica_error_clear(p->ctx);
		return REPLICA_SUCCESS;
	}
	ret = replica_protect_find(p->ctx, info, &leg, &copy);
	if (!ret && copy.lv && !copy.lv->active)
		ret = replica_thin_wake(p->ctx, &leg);
	replica_protect_clear(&copy);
	return ret;
}

/* *left is set when there is one, and it is to stay for now. */
static int tidy_leg(struct protect *p, const struct replica_info *info,
		    const struct replica_blockdev *leg, bool *left)
{
	struct replica_protect_copy copy;
	int ret = replica_protect_find(p->ctx, info, leg, &copy);

	if (!ret && copy.there && !has_served(info, &copy)) {
		*left = true;
		ret = keep(p, &copy);
	} else if (!ret) {
		ret = replica_protect_drop(p->ctx, &copy);
	}
	replica_protect_clear(&copy);
	return ret;
}

/*
 * *left: there is one, and it is to stay for now.  When the legs have their places back after a
 * failback or a restore, the one that was copied to is the origin again.
 */
static int tidy(struct protect *p, const struct replica_info *info, bool *left)
{
	struct replica_blockdev legs[REPLICA_LEGS];
	int ret;

	*left = false;
	ret = wake_leg(p, info);
	if (ret || !worth_finding(p, info))
		return ret;
	replica_protect_legs(p->ctx, info, legs);
	for (size_t i = 0; !ret && i < REPLICA_LEGS; i++)
		ret = tidy_leg(p, info, &legs[i], left);
	p->searched = !ret;
	return ret;
}

/* In step a moment ago, and the meta device is about to have it. */
static int tidy_when_durable(struct protect *p, struct replica_info *info)
{
	const struct timespec step = { .tv_nsec = DURABLE_STEP_MS * 1000000 };
	struct replica_info *now = NULL;
	bool left;
	int ret = REPLICA_SUCCESS;

	for (int i = 0; !info->whole && i < DURABLE_TRIES &&
	     info->copy_state == DM_REPLICA_STATE_SYNCHRONIZED; i++) {
		nanosleep(&step, NULL);
		ret = read_info(p, &now);
		if (ret || now->whole || now->copy_state != info->copy_state)
			break;
		replica_info_free(now);
		now = NULL;
	}
	if (!ret)
		ret = tidy(p, now ? now : info, &left);
	replica_info_free(now);
	return ret;
}

/* A failure is not tried again at once, unless another job waits, or an order came. */
static bool too_early(struct protect *p, const struct replica_info *info)
{
	return info->job->id == p->failed_job && replica_now_ms() < p->again &&
	       info->job->error_text && *info->job->error_text;
}

static int serve_noting(struct protect *p, const struct replica_info *info)
{
	int ret;

	if (too_early(p, info))
		return REPLICA_SUCCESS;
	ret = serve(p, info);
	p->failed_job = ret ? info->job->id : 0;
	p->again = replica_now_ms() + AGAIN_MS;
	return ret;
}

/* Under the lock.  *more: there may be something to do later. */
static int look(struct protect *p, bool *more)
{
	struct replica_info *info = NULL;
	bool left = false;
	int ret = read_info(p, &info);

	*more = true;
	if (!ret && info->waits_protected && info->job)
		ret = serve_noting(p, info);
	else if (!ret)
		ret = tidy(p, info, &left);
	if (info && !left && !info->waits_protected)
		*more = info->settings.protect == DM_REPLICA_PROTECT_SNAPSHOT;
	replica_info_free(info);
	return ret;
}

static int look_locked(struct protect *p, bool *more)
{
	int fd, ret = replica_protect_lock(p->ctx, WORK, p->name, &fd);

	if (ret)
		return ret;
	ret = look(p, more);
	replica_unlock(&fd);
	return ret;
}

/* ------------------------------------------------------------------------ */

static int begin(struct protect *p, struct replica_ctx *ctx, const char *name,
		 const struct replica_protect_args *args, const char *operation)
{
	int ret;

	*p = (struct protect){ .ctx = ctx, .args = args };
	replica_error_begin(ctx, operation);
	if (args && args->size != sizeof(*args))
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, NULL,
				    "the arguments are of another version of the library");
	ret = replica_name_resolve(ctx, name, p->name);
	if (!ret)
		ret = replica_snap_none(ctx, p->name);
	return ret ? ret : replica_genl_get(ctx, &p->g);
}

EXPORT int replica_protect(struct replica_ctx *ctx, const char *name,
			   const struct replica_protect_args *args, bool *made)
{
	struct replica_info *info = NULL;
	struct protect p;
	bool waits = false;
	int fd, ret = begin(&p, ctx, name, args, "ProtectReplica");

	if (!ret)
		ret = replica_protect_lock(ctx, WORK, p.name, &fd);
	if (!ret) {
		ret = read_info(&p, &info);
		waits = !ret && info->waits_protected && info->job;
		if (waits)
			ret = serve(&p, info);
		else if (!ret)
			ret = tidy_when_durable(&p, info);
		replica_info_free(info);
		replica_unlock(&fd);
	}
	if (made)
		*made = waits && !ret;
	return ret;
}

/* An order to resync once more asks once more. */
static int wait_event(struct protect *p, struct replica_monitor *m)
{
	struct replica_event *event = NULL;
	int ret = replica_monitor_next(m, LOOK_MS, &event);

	if (!ret && event->type == DM_REPLICA_EVENT_PROTECT)
		p->failed_job = 0;
	replica_event_free(event);
	if (ret != REPLICA_TIMEOUT)
		return ret;
	replica_error_clear(p->ctx);
	return REPLICA_SUCCESS;
}

/* What could not be made is said in the replica's reason, and tried again. */
static int watch(struct protect *p, struct replica_monitor *m)
{
	bool more = true;
	int ret = REPLICA_SUCCESS;

	while (!ret && more) {
		ret = look_locked(p, &more);
		if (replica_is_gone(p->ctx, ret) || !more)
			break;
		replica_error_clear(p->ctx);
		ret = wait_event(p, m);
	}
	if (!replica_is_gone(p->ctx, ret))
		return ret;
	replica_error_clear(p->ctx);
	return REPLICA_SUCCESS;
}

EXPORT int replica_protect_watch(struct replica_ctx *ctx, const char *name,
				 const struct replica_protect_args *args)
{
	struct replica_monitor *m = NULL;
	struct protect p;
	int fd = -1, ret = begin(&p, ctx, name, args, "ProtectReplica");

	if (!ret)
		ret = replica_protect_lock(ctx, WATCH, p.name, &fd);
	if (!ret)
		ret = replica_monitor_new(ctx, p.name, &m);
	if (!ret)
		ret = watch(&p, m);
	replica_monitor_free(m);
	replica_unlock(&fd);
	if (!replica_is_gone(ctx, ret))
		return ret;
	replica_error_clear(ctx);
	return REPLICA_SUCCESS;
}
