// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The kernel has no event for a store that fills up: dm-snapshot tells of one that
 * is full.  So as long as somebody listens, the stores are looked at once a second.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "snapshot.h"

#define LOOK_MS		1000

/* Percent of a store in use at which an event tells it. */
static const unsigned int levels[] = { 80, 90, 95 };

struct watched {
	struct watched *next;
	char *name;
	uint32_t major, minor;
	uint32_t copy_state;
	unsigned int level;		/* of levels, those reached */
	bool seen;
};

struct pending {
	struct pending *next;
	struct replica_event *event;
};

struct replica_snap_watch {
	char *name;			/* NULL: all */
	bool idle;			/* the name is none of a snapshot */
	bool looked;
	uint64_t next_look;
	struct watched *known;
	struct pending *first, **last;
};

struct replica_snap_watch *replica_snap_watch_new(struct replica_ctx *ctx, const char *name)
{
	struct replica_snap_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->last = &w->first;
	w->idle = name && !replica_snap_is(ctx, name);
	w->name = name ? strdup(name) : NULL;
	if (!name || w->name)
		return w;
	free(w);
	return NULL;
}

static void forget(struct watched *known)
{
	free(known->name);
	free(known);
}

void replica_snap_watch_free(struct replica_snap_watch *w)
{
	struct watched *known;
	struct pending *p;

	if (!w)
		return;
	while ((known = w->known)) {
		w->known = known->next;
		forget(known);
	}
	while ((p = w->first)) {
		w->first = p->next;
		replica_event_free(p->event);
		free(p);
	}
	free(w->name);
	free(w);
}

static unsigned int level_of(const struct replica_info *info)
{
	unsigned int level = 0;

	while (level < ARRAY_SIZE(levels) && info->store &&
	       info->store->percent >= levels[level])
		level++;
	return level;
}

/* The event, to be filled further, or NULL. */
static struct replica_event *add(struct replica_snap_watch *w, uint32_t type, const char *name,
				 uint32_t major, uint32_t minor)
{
	struct replica_event *event = replica_event_new(type, name);
	struct pending *p = calloc(1, sizeof(*p));

	if (!event || !p) {
		replica_event_free(event);
		free(p);
		return NULL;
	}
	event->major = major;
	event->minor = minor;
	p->event = event;
	*w->last = p;
	w->last = &p->next;
	return event;
}

static struct watched *find(struct replica_snap_watch *w, const char *name)
{
	struct watched *known = w->known;

	while (known && strcmp(known->name, name))
		known = known->next;
	return known;
}

/* Takes the state over into the event. */
static int welcome(struct replica_snap_watch *w, const struct replica_info *info,
		   struct replica_event *event)
{
	struct watched *known = calloc(1, sizeof(*known));

	if (!known || !event) {
		free(known);
		return -ENOMEM;
	}
	known->name = strdup(info->name);
	if (!known->name) {
		free(known);
		return -ENOMEM;
	}
	known->major = info->major;
	known->minor = info->minor;
	known->copy_state = info->copy_state;
	known->level = w->looked ? 0 : level_of(info);
	known->seen = true;
	known->next = w->known;
	w->known = known;
	event->copy_state = info->copy_state;
	event->reason = strdup(info->reason);
	return event->reason ? 0 : -ENOMEM;
}

static int tell_state(struct replica_snap_watch *w, struct watched *known,
		      const struct replica_info *info)
{
	struct replica_event *event;

	if (known->copy_state == info->copy_state)
		return 0;
	event = add(w, DM_REPLICA_EVENT_STATE, info->name, info->major, info->minor);
	if (!event)
		return -ENOMEM;
	event->copy_state = info->copy_state;
	event->old_copy_state = known->copy_state;
	event->reason = strdup(info->reason);
	known->copy_state = info->copy_state;
	return event->reason ? 0 : -ENOMEM;
}

static int tell_level(struct replica_snap_watch *w, struct watched *known,
		      const struct replica_info *info)
{
	unsigned int level = level_of(info), before = known->level;
	struct replica_event *event;

	known->level = level;
	if (level <= before || info->job)
		return 0;
	event = add(w, REPLICA_EVENT_STORE, info->name, info->major, info->minor);
	if (!event)
		return -ENOMEM;
	event->copy_state = info->copy_state;
	if (asprintf(&event->reason, "the %s is %u %% full; %s when it is full",
		     info->store->shared ? "thin pool" : "store", info->store->percent,
		     info->store->shared ? "writes to the source wait or fail" :
		     "the snapshot is lost") < 0)
		event->reason = NULL;
	return event->reason ? 0 : -ENOMEM;
}

static int compare(struct replica_snap_watch *w, struct replica_info *info)
{
	struct watched *known = find(w, info->name);
	struct replica_event *event;
	int r;

	if (!known) {
		event = add(w, w->looked ? DM_REPLICA_EVENT_ADDED : REPLICA_EVENT_SNAPSHOT,
			    info->name, info->major, info->minor);
		r = welcome(w, info, event);
		if (!r && !w->looked) {
			event->info = info;
			return 0;
		}
	} else {
		known->seen = true;
		r = tell_state(w, known, info);
		if (!r)
			r = tell_level(w, known, info);
	}
	replica_info_free(info);
	return r;
}

static int tell_gone(struct replica_snap_watch *w)
{
	struct watched **at = &w->known, *known;
	int r = 0;

	while (!r && (known = *at)) {
		if (known->seen) {
			known->seen = false;
			at = &known->next;
			continue;
		}
		if (!add(w, DM_REPLICA_EVENT_REMOVED, known->name, known->major, known->minor))
			r = -ENOMEM;
		*at = known->next;
		forget(known);
	}
	return r;
}

/* One that cannot be read now is read the next time. */
static int look(struct replica_ctx *ctx, struct replica_snap_watch *w)
{
	struct replica_info *list, *info;
	int ret, r = 0;

	ret = w->name ? replica_snap_info(ctx, w->name, &list) : replica_snap_list(ctx, &list);
	replica_error_clear(ctx);
	if (ret && ret != REPLICA_NOT_FOUND)
		return 0;
	while ((info = list)) {
		list = info->next;
		info->next = NULL;
		if (r)
			replica_info_free(info);
		else
			r = compare(w, info);
	}
	if (!r)
		r = tell_gone(w);
	w->looked = true;
	return r;
}

int replica_snap_watch_step(struct replica_ctx *ctx, struct replica_snap_watch *w,
			    struct replica_event **event)
{
	struct pending *p;
	int r = 0;

	*event = NULL;
	if (!w->first && !w->idle && replica_now_ms() >= w->next_look) {
		r = look(ctx, w);
		w->next_look = replica_now_ms() + LOOK_MS;
	}
	p = w->first;
	if (r || !p)
		return r;
	*event = p->event;
	w->first = p->next;
	if (!w->first)
		w->last = &w->first;
	free(p);
	return 0;
}

int replica_snap_watch_nap(const struct replica_snap_watch *w)
{
	uint64_t now = replica_now_ms();

	if (w->idle)
		return -1;
	return now >= w->next_look ? 0 : (int)(w->next_look - now);
}
