/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: the life of a write (write, wait, leg, complete), the windows of
 * a job, and the states.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dm_replica

#if !defined(DM_REPLICA_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define DM_REPLICA_TRACE_H

#include <linux/tracepoint.h>

#include "dm-replica-io.h"

DECLARE_EVENT_CLASS(dm_replica_io,
	TP_PROTO(struct replica_io *io),
	TP_ARGS(io),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(void *, io)
		__field(u8, kind)
		__field(bool, ship)
		__field(u64, sector)
		__field(u64, sectors)
	),
	TP_fast_assign(
		__entry->dev = io->replica->dev;
		__entry->io = io;
		__entry->kind = io->kind;
		__entry->ship = io->ship;
		__entry->sector = io->kind == REPLICA_IO_WRITE ? io->range.first : 0;
		__entry->sectors = io->kind == REPLICA_IO_WRITE ?
				   io->range.last - io->range.first + 1 : 0;
	),
	TP_printk("%d:%d io=%p kind=%u ship=%d sector=%llu sectors=%llu",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->io, __entry->kind,
		  __entry->ship, __entry->sector, __entry->sectors)
);

/* A write arrives. */
DEFINE_EVENT(dm_replica_io, dm_replica_write, TP_PROTO(struct replica_io *io), TP_ARGS(io));
/* It waits for an overlapping write or a window. */
DEFINE_EVENT(dm_replica_io, dm_replica_wait, TP_PROTO(struct replica_io *io), TP_ARGS(io));
/* It is sent to the legs. */
DEFINE_EVENT(dm_replica_io, dm_replica_submit, TP_PROTO(struct replica_io *io), TP_ARGS(io));
/* All legs are done. */
DEFINE_EVENT(dm_replica_io, dm_replica_complete, TP_PROTO(struct replica_io *io), TP_ARGS(io));

/* The replica's part of it is over. */
TRACE_EVENT(dm_replica_leg,
	TP_PROTO(struct replica_io *io, blk_status_t status),
	TP_ARGS(io, status),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(void *, io)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->dev = io->replica->dev;
		__entry->io = io;
		__entry->error = blk_status_to_errno(status);
	),
	TP_printk("%d:%d io=%p error=%d", MAJOR(__entry->dev), MINOR(__entry->dev),
		  __entry->io, __entry->error)
);

DECLARE_EVENT_CLASS(dm_replica_entry,
	TP_PROTO(struct replica_request *request),
	TP_ARGS(request),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, seq)
		__field(u64, dep)
		__field(u64, sector)
		__field(u64, sectors)
	),
	TP_fast_assign(
		__entry->dev = request->replica->dev;
		__entry->seq = request->ordered.seq;
		__entry->dep = request->ordered.dep;
		__entry->sector = request->sector;
		__entry->sectors = request->sectors;
	),
	TP_printk("%d:%d seq=%llu dep=%llu sector=%llu sectors=%llu", MAJOR(__entry->dev),
		  MINOR(__entry->dev), __entry->seq, __entry->dep, __entry->sector,
		  __entry->sectors)
);

/* A write takes its place in the queue; 0 sectors are a flush. */
DEFINE_EVENT(dm_replica_entry, dm_replica_enqueue,
	TP_PROTO(struct replica_request *request), TP_ARGS(request));
/* It is sent to the replica. */
DEFINE_EVENT(dm_replica_entry, dm_replica_issue,
	TP_PROTO(struct replica_request *request), TP_ARGS(request));
/* The replica has it, or it was given up. */
DEFINE_EVENT(dm_replica_entry, dm_replica_dequeue,
	TP_PROTO(struct replica_request *request), TP_ARGS(request));

TRACE_EVENT(dm_replica_window,
	TP_PROTO(struct replica *replica, u64 sector, u64 sectors, const char *what),
	TP_ARGS(replica, sector, sectors, what),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, sector)
		__field(u64, sectors)
		__array(char, what, 8)
	),
	TP_fast_assign(
		__entry->dev = replica->dev;
		__entry->sector = sector;
		__entry->sectors = sectors;
		strscpy(__entry->what, what, sizeof(__entry->what));
	),
	TP_printk("%d:%d %s sector=%llu sectors=%llu", MAJOR(__entry->dev),
		  MINOR(__entry->dev), __entry->what, __entry->sector, __entry->sectors)
);

TRACE_EVENT(dm_replica_state,
	TP_PROTO(struct replica *replica, u16 old, u16 state, const char *reason),
	TP_ARGS(replica, old, state, reason),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u16, old)
		__field(u16, state)
		__array(char, reason, DM_REPLICA_REASON_LEN)
	),
	TP_fast_assign(
		__entry->dev = replica->dev;
		__entry->old = old;
		__entry->state = state;
		strscpy(__entry->reason, reason, sizeof(__entry->reason));
	),
	TP_printk("%d:%d %u -> %u: %s", MAJOR(__entry->dev), MINOR(__entry->dev),
		  __entry->old, __entry->state, __entry->reason)
);

#endif /* DM_REPLICA_TRACE_H */

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE dm-replica-trace
#include <trace/define_trace.h>
