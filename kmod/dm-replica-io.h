/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life of one bio, and of the request to the replica that belongs to it.
 */
#ifndef DM_REPLICA_IO_H
#define DM_REPLICA_IO_H

#include <linux/bio.h>
#include <linux/blk_types.h>
#include <linux/list.h>

#include "dm-replica.h"
#include "dm-replica-range.h"

struct replica_io;
struct replica_request;

enum replica_io_kind {
	REPLICA_IO_READ,
	REPLICA_IO_FAILOVER,	/* a read that the origin failed, at the replica now */
	REPLICA_IO_WRITE,	/* write, write zeroes, discard, secure erase */
	REPLICA_IO_FLUSH,
	REPLICA_IO_DONE,	/* only device-mapper's own completion is left */
};

/**
 * struct replica_io - per-bio data
 * @range: lock of the sectors that a write touches
 * @link: place in replica->unranged, for a flush or a failed-over read
 * @generation: that a flush makes durable
 * @admitted: it has been through the range lock, or needs none
 * @replica: the association
 * @request: the part that goes to the replica; NULL when not shipped
 * @iter: of the bio as it came, for a retry
 * @vecs: of the bio as it came; the payload copy stands in for them meanwhile
 * @pending: legs that are not done
 * @kind: enum replica_io_kind
 * @ship: the write goes to both legs
 * @missed: acknowledged by the origin alone
 * @detached: the request was given up
 * @origin_status: of the origin's part
 */
struct replica_io {
	struct replica_range range;
	struct list_head link;
	u64 generation;
	struct replica *replica;
	struct replica_request *request;
	struct bvec_iter iter;
	struct bio_vec *vecs;
	atomic_t pending;
	u8 kind;
	bool ship;
	bool missed;
	bool detached;
	bool admitted;
	blk_status_t origin_status;
};

static inline struct replica_io *replica_io_of(struct bio *bio)
{
	return dm_per_bio_data(bio, sizeof(struct replica_io));
}

static inline struct bio *replica_io_bio(struct replica_io *io)
{
	return dm_bio_from_per_bio_data(io, sizeof(struct replica_io));
}

/* Private copies of at most this many pieces need no table of their own. */
#define REPLICA_INLINE_VECS	4

/* A request is under way, over, or given up by the write that waited for it. */
enum replica_request_state {
	REPLICA_REQUEST_SENT,
	REPLICA_REQUEST_DONE,
	REPLICA_REQUEST_DETACHED,	/* the write goes on, its legs still use the pages */
	REPLICA_REQUEST_ORPHANED,	/* the write is over, the replica alone is left */
};

typedef void (*replica_request_fn)(struct replica_request *request, blk_status_t status);

/**
 * struct replica_request - one bio to the replica
 *
 * It has its own lifetime: when the replica hangs, the bio it serves completes
 * without it, and the request, with the pages that the replica may still read,
 * waits alone for the replica.  Whoever exchanges @state away from SENT (the
 * completion, or the one who detaches) goes on with the write.
 *
 * @io: the write or flush it belongs to; NULL for our own flushes and probes
 * @done: called in any context when the replica completed it in time
 * @context: for @done
 * @sent: jiffies
 * @vecs: table of the private copy: @inline_vecs or a page of the pool
 * @nr_vecs: pieces of the private copy, 0 when the pages are the caller's
 */
struct replica_request {
	struct replica *replica;
	struct replica_io *io;
	replica_request_fn done;
	void *context;
	atomic_t state;
	unsigned long sent;
	unsigned int nr_vecs;
	struct bio_vec *vecs;
	struct bio_vec inline_vecs[REPLICA_INLINE_VECS];
	struct bio bio;
};

/* io.c APIs: */

/**
 * replica_io_map - route one bio of the mapped device
 * Context of the submitter; never sleeps.  Return: DM_MAPIO_*.
 */
int replica_io_map(struct replica *replica, struct bio *bio);
/* One leg's part of @bio, which device-mapper made, is over.  Any context. */
int replica_io_end(struct bio *bio, blk_status_t *error);
/* Range lock callback: a waiting write may go.  Bucket lock held. */
void replica_io_granted(struct replica_io *io);
/* What is left to do for a write that was detached.  No lock held. */
void replica_io_detached(struct replica_io *io);
/* Worker that submits what map could not. */
void replica_io_deferred_work(struct work_struct *work);
/* Let held writes go on or, for a suspend, fail or requeue them.  May sleep. */
void replica_io_release_held(struct replica *replica, bool suspend);

/* leg.c APIs: */

/* Give up the replica's part of a write.  Bucket lock or replica->lock held. */
bool replica_io_detach(struct replica_io *io);
int replica_leg_init(void);
void replica_leg_exit(void);
/* Requests of one replica, apart from those that another one does not give back. */
int replica_request_pool_init(mempool_t *pool);
/* Never sleeps.  NULL when there is no memory now. */
struct replica_request *replica_request_alloc(struct replica *replica);
/* Any context. */
void replica_request_free(struct replica_request *request);
/* The write that a detached request belonged to is over.  Any context. */
void replica_request_abandon(struct replica_request *request);
/* Send it.  The request's bio is ready but for bi_end_io. */
void replica_request_send(struct replica_request *request);
/*
 * Flush the replica; @done gets the status.  May sleep for memory.  A flush
 * that takes longer than replica_timeout fails the replica, and @done is called
 * with BLK_STS_TIMEOUT.  Return: 0 or -ENOMEM.
 */
int replica_leg_flush(struct replica *replica, void (*done)(void *context, blk_status_t status),
		      void *context);
/* Flush the replica and wait, uninterruptible.  0 or a negative errno. */
int replica_leg_flush_wait(struct replica *replica);
/* No flush of our own is under way.  For wait_event(replica->quiet). */
bool replica_leg_quiet(struct replica *replica);
/* A flush of the replica begins: the generation that it makes durable. */
u64 replica_leg_flush_begin(struct replica *replica);
void replica_leg_flush_end(struct replica *replica, u64 generation);
void replica_leg_probe_work(struct work_struct *work);
void replica_leg_timeout_work(struct work_struct *work);
/* Wait until no caller can act on an older value of replica->ship. */
void replica_leg_ship_barrier(struct replica *replica);

/* payload.c APIs: */

struct replica_payload_pool *replica_payload_pool_create(void);
void replica_payload_pool_destroy(struct replica_payload_pool *pool);
/**
 * replica_payload_attach - give the request's bio the data of a write
 * @copy: take a private copy and make @bio use it too
 * Never sleeps.  Return: false when there is no memory now.
 */
bool replica_payload_attach(struct replica_request *request, struct bio *bio, bool copy);
/* The same for a read: pages only.  @iter says how much. */
bool replica_payload_attach_read(struct replica_request *request, const struct bvec_iter *iter);
/* What the replica has read, into the pages of @bio. */
void replica_payload_copy_back(struct replica_request *request, struct bio *bio);
void replica_payload_release(struct replica_request *request);
/* May the pages of this bio change while it is under way? */
bool replica_payload_unstable(struct bio *bio);

/* operate.c APIs: */

/* Range lock callback for a drain.  Bucket lock held. */
void replica_drain_granted(struct replica_range *range);

/* resync.c APIs: */

struct replica_resync *replica_resync_create(struct replica *replica);
void replica_resync_destroy(struct replica_resync *resync);
/*
 * Start a job that copies what is dirty, when the state is one of @from.
 * May sleep.  Return: its number, 0 when the state was another one.
 */
u32 replica_resync_start(struct replica *replica, u32 from, u16 job_type, const char *reason);
/* Let the worker walk: shipping is on, a job is under way.  replica->lock held. */
void replica_resync_run(struct replica *replica);
/* Stop issuing windows; those under way go on.  replica->lock held. */
void replica_resync_stop(struct replica *replica);
/* Stop, and wait for the windows under way.  May sleep. */
void replica_resync_quiesce(struct replica *replica);
/* Undo quiesce. */
void replica_resync_continue(struct replica *replica);
/* Range lock callback.  Bucket lock held. */
void replica_resync_granted(struct replica_range *range);
/*
 * Give up a window that is older than @before, and release its range.  Bucket
 * lock held.  Return: true if it was under way.
 */
bool replica_resync_detach(struct replica_range *range, unsigned long before);

#endif /* DM_REPLICA_IO_H */
