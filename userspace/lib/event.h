/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_EVENT_H
#define _REPLICA_EVENT_H

#include "replica-private.h"

/* As in the public header, within a call that has begun already. */
int replica_monitor_open(struct replica_ctx *ctx, const char *name,
			 struct replica_monitor **monitor);
int replica_monitor_take(struct replica_monitor *monitor, int timeout_ms,
			 struct replica_event **event);

/* An event that the library makes, with the time of day; name may be NULL.  NULL: no memory. */
struct replica_event *replica_event_new(uint32_t type, const char *name);

/* The connection that the monitor asks for states by. */
struct replica_genl *replica_monitor_genl(struct replica_monitor *monitor);

/* sequence.c: what is known of the events of each replica; pure. */
enum replica_sequence {
	REPLICA_SEQUENCE_NEXT,		/* deliver it */
	REPLICA_SEQUENCE_OLD,		/* a snapshot has it already, or shows it by a lack */
	REPLICA_SEQUENCE_GAP,		/* events before it are missing */
	REPLICA_SEQUENCE_NEW,		/* a replica that was not known */
};

struct replica_tracked {
	struct replica_tracked *next;
	uint32_t major;
	uint32_t minor;
	uint64_t seq;			/* of the last event known */
	bool seen;			/* for a sweep */
	char name[DM_REPLICA_NAME_LEN];
};

/* What an event means; NEXT and NEW also note its number. 0.., or -ENOMEM. */
int replica_sequence_event(struct replica_tracked **list,
			   const struct replica_event *event);
/* A snapshot has been read: 0 or -ENOMEM. */
int replica_sequence_snapshot(struct replica_tracked **list,
			      const struct replica_info *info);
void replica_sequence_forget(struct replica_tracked **list, uint32_t major,
			     uint32_t minor);
/* Takes one that no snapshot has shown since "seen" was cleared, or NULL. */
struct replica_tracked *replica_sequence_unseen(struct replica_tracked **list);
void replica_sequence_clear_seen(struct replica_tracked *list);
void replica_sequence_free(struct replica_tracked *list);

#endif /* _REPLICA_EVENT_H */
