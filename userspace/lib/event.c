// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Following replicas: first what is, then what changes.  The group is joined
 * before the state is read, so that nothing falls between the two; sequence.c
 * tells what the state had in it already.  Whatever was lost is made good by
 * reading the state again, and said.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "event.h"
#include "genl.h"
#include "info.h"
#include "msg.h"
#include "protect.h"
#include "registry.h"
#include "snapshot.h"

struct queued {
	struct queued *next;
	struct replica_event *event;
};

struct replica_monitor {
	struct replica_ctx *ctx;
	struct replica_genl *events;
	struct replica_genl *requests;
	char *name;			/* NULL: all */
	struct replica_tracked *tracked;
	struct queued *first, **last;	/* to be given out */
	bool stale;			/* the state must be read before going on */
	struct replica_snap_watch *snaps;
};

EXPORT void replica_event_free(struct replica_event *event)
{
	if (!event)
		return;
	free(event->name);
	free(event->reason);
	replica_job_free(event->job);
	replica_info_free(event->info);
	free(event);
}

/* Takes the event over, also when it fails. */
static int enqueue(struct replica_monitor *m, struct replica_event *event)
{
	struct queued *q = calloc(1, sizeof(*q));

	if (!q) {
		replica_event_free(event);
		return -ENOMEM;
	}
	q->event = event;
	*m->last = q;
	m->last = &q->next;
	return 0;
}

static struct replica_event *dequeue(struct replica_monitor *m)
{
	struct queued *q = m->first;
	struct replica_event *event;

	if (!q)
		return NULL;
	event = q->event;
	m->first = q->next;
	if (!m->first)
		m->last = &m->first;
	free(q);
	return event;
}

/* An event that the library makes; name may be NULL. */
struct replica_event *replica_event_new(uint32_t type, const char *name)
{
	struct replica_event *event = calloc(1, sizeof(*event));
	struct timespec now;

	if (!event)
		return NULL;
	clock_gettime(CLOCK_REALTIME, &now);
	event->type = type;
	event->time = now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
	event->name = name ? strdup(name) : NULL;
	if (name && !event->name) {
		free(event);
		return NULL;
	}
	return event;
}

static int enqueue_lost(struct replica_monitor *m, const char *name)
{
	struct replica_event *event = replica_event_new(REPLICA_EVENT_LOST, name);

	return event ? enqueue(m, event) : -ENOMEM;
}

/* Takes info over. */
static int enqueue_snapshot(struct replica_monitor *m, struct replica_info *info)
{
	struct replica_event *event = replica_event_new(REPLICA_EVENT_SNAPSHOT, info->name);

	replica_protect_fill(m->ctx, info);
	if (!event || replica_sequence_snapshot(&m->tracked, info)) {
		replica_event_free(event);
		replica_info_free(info);
		return -ENOMEM;
	}
	event->seq = info->event_seq;
	event->major = info->major;
	event->minor = info->minor;
	event->copy_state = info->copy_state;
	event->reason = info->reason ? strdup(info->reason) : NULL;
	event->info = info;
	return enqueue(m, event);
}

static int enqueue_gone(struct replica_monitor *m)
{
	struct replica_event *event;
	struct replica_tracked *t;
	int r = 0;

	while (!r && (t = replica_sequence_unseen(&m->tracked))) {
		event = replica_event_new(DM_REPLICA_EVENT_REMOVED, t->name);
		if (event) {
			event->major = t->major;
			event->minor = t->minor;
		}
		free(t);
		r = event ? enqueue(m, event) : -ENOMEM;
	}
	return r;
}

/* ------------------------------------------------------------------------ */
/* Snapshots */

static int read_states(struct replica_monitor *m, struct replica_info **list)
{
	int ret;

	if (!m->name)
		return replica_info_list(m->ctx, m->requests, list);
	ret = replica_info_read(m->ctx, m->requests, m->name, list);
	if (!replica_is_gone(m->ctx, ret))
		return ret;
	replica_error_clear(m->ctx);	/* gone is a state as well */
	return REPLICA_SUCCESS;
}

/* Queues the state of all that is followed; what is gone is said to be. */
static int take_snapshots(struct replica_monitor *m)
{
	struct replica_info *list, *info;
	int ret, r = 0;

	ret = read_states(m, &list);
	if (ret)
		return ret;
	replica_sequence_clear_seen(m->tracked);
	while (list && !r) {
		info = list;
		list = info->next;
		info->next = NULL;
		r = enqueue_snapshot(m, info);
	}
	replica_info_free(list);
	if (!r)
		r = enqueue_gone(m);
	if (r)
		return replica_fail_memory(m->ctx);
	m->stale = false;
	return REPLICA_SUCCESS;
}

/* ------------------------------------------------------------------------ */
/* Events */

static int sort_event(struct replica_monitor *m, struct replica_event *event)
{
	int r = replica_sequence_event(&m->tracked, event);

	switch (r) {
	case REPLICA_SEQUENCE_NEXT:
		return enqueue(m, event);
	case REPLICA_SEQUENCE_NEW:
		if (event->type != DM_REPLICA_EVENT_ADDED)
			m->stale = true;
		return enqueue(m, event);
	case REPLICA_SEQUENCE_GAP:
		m->stale = true;
		r = enqueue_lost(m, event->name);
		break;
	default:
		break;			/* old, or an error */
	}
	replica_event_free(event);
	return r < 0 ? r : 0;
}

static int read_event(const struct nlmsghdr *nlh, void *data)
{
	struct replica_monitor *m = data;
	struct replica_event *event;
	int r;

	if (replica_msg_cmd(nlh) != DM_REPLICA_CMD_EVENT)
		return 0;
	r = replica_msg_parse_event(nlh, &event);
	if (r)
		return r;
	if (m->name && strcmp(m->name, event->name)) {
		replica_event_free(event);
		return 0;
	}
	return sort_event(m, event);
}

/* Waits for one datagram and queues what it has. */
static int receive_events(struct replica_monitor *m, int timeout_ms)
{
	struct pollfd p = { .fd = replica_genl_fd(m->events), .events = POLLIN };
	int r = replica_genl_receive(m->events, read_event, m);

	if (r == -EAGAIN) {
		r = poll(&p, 1, timeout_ms);
		if (r == 0)
			return REPLICA_TIMEOUT;
		r = r < 0 ? -errno : 0;
	}
	if (r == -ENOBUFS) {
		m->stale = true;
		r = enqueue_lost(m, NULL);
	}
	if (r)
		return replica_fail_errno(m->ctx, r, NULL,
					  "events cannot be received");
	return REPLICA_SUCCESS;
}

static int time_left(int timeout_ms, uint64_t start)
{
	uint64_t spent = replica_now_ms() - start;

	if (timeout_ms < 0)
		return -1;
	return spent >= (uint64_t)timeout_ms ? 0 : timeout_ms - (int)spent;
}

/* The kernel tells nothing of snapshots, so they are looked at from time to time. */
static int take_snapshot_events(struct replica_monitor *m)
{
	struct replica_event *event;
	int r;

	do {
		r = replica_snap_watch_step(m->ctx, m->snaps, &event);
		if (!r && event)
			r = enqueue(m, event);
	} while (!r && event);
	return r ? replica_fail_memory(m->ctx) : REPLICA_SUCCESS;
}

/* Not longer than until the next look; *sliced: that is shorter than left. */
static int slice(const struct replica_monitor *m, int left, bool *sliced)
{
	int nap = replica_snap_watch_nap(m->snaps);

	*sliced = nap >= 0 && (left < 0 || nap < left);
	return *sliced ? nap : left;
}

static int wait_events(struct replica_monitor *m, int left)
{
	bool sliced;
	int ret = receive_events(m, slice(m, left, &sliced));

	return ret == REPLICA_TIMEOUT && sliced ? REPLICA_SUCCESS : ret;
}

int replica_monitor_take(struct replica_monitor *m, int timeout_ms,
			 struct replica_event **event)
{
	uint64_t start = replica_now_ms();
	int ret = REPLICA_SUCCESS;

	*event = dequeue(m);
	while (!ret && !*event) {
		if (m->stale)
			ret = take_snapshots(m);
		else
			ret = take_snapshot_events(m);
		if (!ret && !m->stale && !m->first)
			ret = wait_events(m, time_left(timeout_ms, start));
		*event = dequeue(m);
	}
	/* what was queued before a failure is still given out */
	return *event ? REPLICA_SUCCESS : ret;
}

EXPORT int replica_monitor_next(struct replica_monitor *monitor, int timeout_ms,
				struct replica_event **event)
{
	replica_error_begin(monitor->ctx, "MonitorReplicas");
	return replica_monitor_take(monitor, timeout_ms, event);
}

/* ------------------------------------------------------------------------ */

struct replica_genl *replica_monitor_genl(struct replica_monitor *monitor)
{
	return monitor->requests;
}

EXPORT int replica_monitor_fd(const struct replica_monitor *monitor)
{
	return replica_genl_fd(monitor->events);
}

int replica_monitor_open(struct replica_ctx *ctx, const char *name,
			 struct replica_monitor **out)
{
	struct replica_monitor *m = calloc(1, sizeof(*m));
	int ret = REPLICA_SUCCESS;

	*out = NULL;
	if (m && name)
		m->name = strdup(name);
	if (!m || (name && !m->name)) {
		free(m);
		return replica_fail_memory(ctx);
	}
	m->ctx = ctx;
	m->last = &m->first;
	ret = replica_genl_open(ctx, &m->events);
	if (!ret)
		ret = replica_genl_subscribe(ctx, m->events);
	if (!ret)
		ret = replica_genl_open(ctx, &m->requests);
	if (!ret)
		ret = take_snapshots(m);
	m->snaps = replica_snap_watch_new(ctx, name);
	if (!ret)
		ret = m->snaps ? take_snapshot_events(m) : replica_fail_memory(ctx);
	if (!ret && name && !m->first)
		ret = replica_record_explain(ctx, name,
					     replica_fail(ctx, REPLICA_NOT_FOUND, ENODEV, "Name",
							  "there is no replica \"%s\"", name));
	if (ret)
		replica_monitor_free(m);
	else
		*out = m;
	return ret;
}

EXPORT int replica_monitor_new(struct replica_ctx *ctx, const char *name,
			       struct replica_monitor **monitor)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	int ret = REPLICA_SUCCESS;

	*monitor = NULL;
	replica_error_begin(ctx, "MonitorReplicas");
	if (name)
		ret = replica_name_resolve(ctx, name, dm_name);
	return ret ? ret : replica_monitor_open(ctx, name ? dm_name : NULL,
						monitor);
}

EXPORT void replica_monitor_free(struct replica_monitor *m)
{
	struct replica_event *event;

	if (!m)
		return;
	while ((event = dequeue(m)))
		replica_event_free(event);
	replica_sequence_free(m->tracked);
	replica_snap_watch_free(m->snaps);
	replica_genl_close(m->events);
	replica_genl_close(m->requests);
	free(m->name);
	free(m);
}
