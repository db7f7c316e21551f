// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Event numbers.  They count without a gap for each mapped device, and a
 * snapshot carries the number of the last event before it.  So whatever happens
 * between joining the group and reading a snapshot, an event is either in the
 * snapshot (its number is not higher) or the next one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "event.h"

static struct replica_tracked *find(struct replica_tracked *list,
				    uint32_t major, uint32_t minor)
{
	while (list && (list->major != major || list->minor != minor))
		list = list->next;
	return list;
}

static int track(struct replica_tracked **list, uint32_t major, uint32_t minor,
		 uint64_t seq, const char *name)
{
	struct replica_tracked *t = find(*list, major, minor);

	if (!t) {
		t = calloc(1, sizeof(*t));
		if (!t)
			return -ENOMEM;
		t->major = major;
		t->minor = minor;
		t->next = *list;
		*list = t;
	}
	t->seq = seq;
	t->seen = true;
	snprintf(t->name, sizeof(t->name), "%s", name);
	return 0;
}

/*
 * Is the end of a replica, whose last event this is, nothing new?  It is none for whoever did not
 * find the replica any more.  But who found it just before that may have got the number of this
 * event with it: nothing else would tell him that it is over.
 */
static bool is_old(const struct replica_tracked *t, const struct replica_event *event)
{
	if (event->type == DM_REPLICA_EVENT_REMOVED)
		return !t || event->seq < t->seq;
	return t && event->seq <= t->seq;
}

int replica_sequence_event(struct replica_tracked **list,
			   const struct replica_event *event)
{
	struct replica_tracked *t = find(*list, event->major, event->minor);
	int r;

	if (is_old(t, event))
		return REPLICA_SEQUENCE_OLD;
	/* With the number of the last one it is the end that the snapshot did not show. */
	if (t && event->seq != t->seq && event->seq != t->seq + 1)
		return REPLICA_SEQUENCE_GAP;
	r = track(list, event->major, event->minor, event->seq, event->name);
	if (r)
		return r;
	if (event->type == DM_REPLICA_EVENT_REMOVED)
		replica_sequence_forget(list, event->major, event->minor);
	return t ? REPLICA_SEQUENCE_NEXT : REPLICA_SEQUENCE_NEW;
}

int replica_sequence_snapshot(struct replica_tracked **list,
			      const struct replica_info *info)
{
	return track(list, info->major, info->minor, info->event_seq,
		     info->name);
}

void replica_sequence_forget(struct replica_tracked **list, uint32_t major,
			     uint32_t minor)
{
	struct replica_tracked *t = find(*list, major, minor);

	if (!t)
		return;
	while (*list != t)
		list = &(*list)->next;
	*list = t->next;
	free(t);
}

struct replica_tracked *replica_sequence_unseen(struct replica_tracked **list)
{
	struct replica_tracked *t;

	for (; *list; list = &(*list)->next) {
		if ((*list)->seen)
			continue;
		t = *list;
		*list = t->next;
		t->next = NULL;
		return t;
	}
	return NULL;
}

void replica_sequence_clear_seen(struct replica_tracked *list)
{
	for (; list; list = list->next)
		list->seen = false;
}

void replica_sequence_free(struct replica_tracked *list)
{
	struct replica_tracked *next;

	for (; list; list = next) {
		next = list->next;
		free(list);
	}
}
