/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens to replicas, as it happens; part of libreplica.h, which says what
 * holds for all of it.
 */
#ifndef _REPLICA_EVENTS_H
#define _REPLICA_EVENTS_H

#include <replica/libreplica.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Freed by replica_event_free().  What a type does not have is 0 or NULL. */
struct replica_event {
	uint32_t type;			/* the two event enumerations */
	uint64_t seq;			/* counts for each replica, 0: none */
	uint64_t time;			/* time of day */
	char *name;			/* NULL: LOST for all replicas */
	uint32_t major;
	uint32_t minor;
	uint32_t copy_state;
	uint32_t old_copy_state;
	char *reason;
	uint64_t sector;
	uint32_t error;			/* positive errno */
	struct replica_job *job;
	struct replica_info *info;	/* SNAPSHOT */
	uint32_t mode;			/* Mode: enum dm_replica_mode, else 0 */
	uint32_t ack_mode;		/* Mode: writes are acknowledged so now */
};

void replica_event_free(struct replica_event *event);

struct replica_monitor;

/*
 * Follows one replica, or all when name is NULL.  The first events are one
 * SNAPSHOT for each replica that exists, then come the kernel's.  When events
 * are lost (the socket overran, or a sequence number is missing) a LOST event
 * is given, then new SNAPSHOTs: no gap goes unnoticed.
 *
 * The monitor has its own sockets, but reports errors in ctx, which must
 * outlive it.
 */
int replica_monitor_new(struct replica_ctx *ctx, const char *name,
			struct replica_monitor **monitor);
void replica_monitor_free(struct replica_monitor *monitor);

/*
 * Becomes readable when the kernel has sent an event; for poll(2).  It sends none of
 * snapshots: replica_monitor_next() looks at them once a second, also with timeout 0.
 */
int replica_monitor_fd(const struct replica_monitor *monitor);

/*
 * The next event.  Waits timeout_ms, as poll(2): -1 without limit, 0 not at all.
 * Returns REPLICA_SUCCESS with *event, REPLICA_TIMEOUT without (replica_last_error()
 * is NULL then), or REPLICA_FAILED with SMErrorCode EINTR after a signal.
 */
int replica_monitor_next(struct replica_monitor *monitor, int timeout_ms,
			 struct replica_event **event);

#ifdef __cplusplus
}
#endif

#endif /* _REPLICA_EVENTS_H */
