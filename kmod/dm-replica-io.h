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
#include "dm-replica-order.h"
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
 * @unranged: what others need instead of it
 * @unranged.link: place of a flush or a failed-over read in replica->unranged
 * @unranged.on_origin: what a flush makes durable there
 * @unranged.on_replica: likewise, when it is not in the queue
 * @unranged.iter: of a read as it came, for the replica
 * @replica: the association
 * @request: the part that goes to the replica; NULL when not shipped
 * @vecs: of the bio as it came; the payload copy stands in for them meanwhile
 * @pending: legs that are not done
 * @kind: enum replica_io_kind
 * @ship: the write goes to both legs
 * @missed: acknowledged by the origin alone
 * @detached: the request was given up
 * @admitted: it has been through the range lock, or needs none
 * @queued: the replica's part is in the queue, which has a say in the end of the write
 * @charged: room in the queue is reserved for it
 * @paced: it has waited for room
 * @log_waits: intent.c has it, until its regions are active
 * @origin_status: of the origin's part
 *
 * Device-mapper allocates it with each bio, and kernels that clear what they allocate clear
 * it each time, so it is kept small.  Others do not: nothing is read before it is set.
 */
struct replica_io {
	union {
		struct replica_range range;
		struct {
			struct list_head link;
			union {
				struct {
					struct replica_flush on_origin;
					struct replica_flush on_replica;
				};
				struct bvec_iter iter;
			};
		} unranged;
	};
	struct replica *replica;
	struct replica_request *request;
	struct bio_vec *vecs;
	atomic_t pending;
	u8 kind;
	bool ship;
	bool missed;
	bool detached;
	bool admitted;
	bool queued;
	bool charged;
	bool paced;
	bool log_waits;
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
 * @sent: jiffies when it was made
 * @link: in replica->resend
 * @leg: that it was sent to, to send it again
 * @sector: likewise, of the bio
 * @bytes: likewise
 * @nr_vecs: pieces in @vecs that have to be given back
 * @vecs: table of the data: @inline_vecs or a page of the pool
 * @borrowed: the pieces are pages of the caller, with a reference on each
 * @page: stays with the request from one use to the next, or NULL
 *
 * What follows is queue.c's, for a write that goes through the queue.  There @io is under
 * the queue's lock, and NULL once the write needs nobody's leave to be acknowledged.
 *
 * @queued: it does, and what follows has a meaning
 * @alone: it was acknowledged by the origin alone
 * @users: the write and the queue: the later of the two frees
 * @sectors: of the write, 0 for a flush
 * @cost: memory that it stands for, bytes
 * @ordered: its place
 * @late: in the queue's list of late acknowledgments
 * @born: ktime of its submission, ns
 * @issued: ktime at which it was sent to the replica, ns
 * @due: ktime at which it is acknowledged, ns; 0: at once
 * @held: how long it waited for room, ns
 * @flush: what a flush makes durable
 */
struct replica_request {
	struct replica *replica;
	struct replica_io *io;
	replica_request_fn done;
	void *context;
	atomic_t state;
	unsigned long sent;
	struct list_head link;
	struct block_device *leg;
	sector_t sector;
	unsigned int bytes;
	unsigned int nr_vecs;
	bool borrowed;
	struct bio_vec *vecs;
	struct page *page;
	bool queued;
	bool alone;
	atomic_t users;
	unsigned int sectors;
	unsigned int cost;
	struct replica_ordered ordered;
	struct list_head late;
	u64 born;
	u64 issued;
	u64 due;
	u64 held;
	struct replica_flush flush;
	struct bio_vec inline_vecs[REPLICA_INLINE_VECS];
	struct bio bio;
};

/* Requests and pieces that each CPU keeps of those that were freed. */
#define REPLICA_STASH_REQUESTS	32
#define REPLICA_STASH_PIECES	8
/* At most, all CPUs together: 1 MiB of pages and 2 MiB of pieces. */
#define REPLICA_STASH_TOTAL	256
#define REPLICA_STASH_PIECES_TOTAL	64

/**
 * struct replica_stash - what one CPU keeps at hand, with interrupts off
 *
 * The page allocator and slab clear what they give out (init_on_alloc), which
 * for a page costs more than all else that is done for a write; a private copy
 * is overwritten anyway.
 *
 * @requests: most with a page
 * @pieces: of PAYLOAD_ORDER
 */
struct replica_stash {
	unsigned int nr_requests;
	unsigned int nr_pieces;
	struct replica_request *requests[REPLICA_STASH_REQUESTS];
	struct page *pieces[REPLICA_STASH_PIECES];
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
/* The replica's part, or its leave to acknowledge, is given.  Any context. */
void replica_io_put_pending(struct replica_io *io);
/*
 * Is it a write that a leg may have?  Not one that waits for the log, nor one that waits for its
 * range and asks the log when that is granted.  Bucket lock held.
 */
static inline bool replica_io_is_issued(const struct replica_range *range)
{
	return range->kind == REPLICA_RANGE_WRITE && !range->blockers &&
	       !container_of(range, struct replica_io, range)->log_waits;
}

/* Submit a granted write that has waited for intent.c or for room.  Any context. */
void replica_io_continue(struct replica *replica, struct bio *bio);
/* Give granted writes that were not issued back to device-mapper.  May sleep. */
void replica_io_requeue(struct replica *replica, struct bio_list *list);
/* Put a flush or a failed-over read where the clock can find it.  Any context. */
void replica_io_link(struct replica_io *io);
/* Worker that submits what map could not. */
void replica_io_deferred_work(struct work_struct *work);

/*
 * Reads and flushes are not in the range lock.  Who changes the places of the legs closes
 * the gate and waits until those that have entered it have left.  Return: false when it
 * is closed.
 */
static inline bool replica_gate_enter(struct replica *replica)
{
	if (unlikely(!percpu_ref_tryget_live(&replica->gate)))
		return false;
	/* Pairs with replica_gate_open(): who enters sees where the legs are. */
	smp_rmb();
	return true;
}

static inline void replica_gate_leave(struct replica *replica)
{
	percpu_ref_put(&replica->gate);
}

/* gate.c APIs: */

int replica_gate_init(struct replica *replica);
void replica_gate_exit(struct replica *replica);
/* Keep a read or flush until the gate opens.  Return: false when it has opened already. */
bool replica_gate_hold(struct replica *replica, struct bio *bio);
/* Return: true when it has entered, false when it is kept. */
static inline bool replica_gate_enter_or_hold(struct replica *replica, struct bio *bio)
{
	while (unlikely(!replica_gate_enter(replica)))
		if (replica_gate_hold(replica, bio))
			return false;
	return true;
}

/* No read or flush enters from here on.  May sleep. */
void replica_gate_close(struct replica *replica);
/* Those that are kept go on.  May sleep. */
void replica_gate_open(struct replica *replica);
/* Wait for those that have entered.  Return: false when they are not over in time. */
bool replica_gate_drain(struct replica *replica, unsigned int ms);

/* hold.c APIs: */

/*
 * Keep a write that is not admitted; under a suspend without flush it is for device-mapper to
 * requeue.  Return: DM_MAPIO_*.
 */
int replica_hold_bio(struct replica *replica, struct bio *bio);
/* Keep the end of one, which is counted in replica->ending.  Any context.  Return: is it kept? */
bool replica_hold_completion(struct replica_io *io);
/* End one that is kept so that device-mapper requeues it.  Any context. */
void replica_hold_requeue(struct bio *bio);
/* Let held writes go on or, for a suspend without flush, requeue them.  May sleep. */
void replica_hold_release(struct replica *replica, bool requeue);

/* failover.c APIs: */

/* Is the replica as the origin wherever nothing is dirty, so that it serves reads?  Any context. */
bool replica_io_keeps_up(const struct replica *replica);
/* The origin's part of a read is over.  Any context.  Return: DM_ENDIO_*. */
int replica_io_end_read(struct replica_io *io, struct bio *bio, blk_status_t status);
/* Return: false when there is no memory now. */
bool replica_io_start_failover(struct replica_io *io, struct bio *bio);

/* leg.c APIs: */

/* Give up the replica's part of a write.  Bucket lock or replica->lock held. */
bool replica_io_detach(struct replica_io *io);

/* request.c APIs: */

int replica_request_init(void);
void replica_request_exit(void);
/* Requests of one replica, apart from those that another one does not give back. */
int replica_request_pool_init(struct replica *replica);
void replica_request_pool_exit(struct replica *replica);
/* Never sleeps.  NULL when there is no memory now. */
struct replica_request *replica_request_alloc(struct replica *replica);
/* Any context. */
void replica_request_free(struct replica_request *request);
/* The write that a detached request belonged to is over.  Any context. */
void replica_request_abandon(struct replica_request *request);
/* To the pool even when there is a reserve to be filled: it was never used. */
void replica_request_give_back(struct replica_request *request);
/* One of the reserve, if need be after a wait. */
struct replica_request *replica_request_wait(struct replica *replica);
/*
 * The replica is not waited for any more: @state is what the request becomes.  Return:
 * false when it is being completed.
 */
bool replica_request_detach(struct replica_request *request, int state);
/*
 * Send it.  The request's bio is ready but for bi_end_io.  Does not sleep on a
 * replica that can say so; what it does not take at once send_work sends.
 */
void replica_request_send(struct replica_request *request);
void replica_leg_send_work(struct work_struct *work);
/* The memory that flushes have set aside.  init: 0 or -ENOMEM. */
int replica_leg_pool_init(struct replica *replica);
void replica_leg_pool_exit(struct replica *replica);
/*
 * Flush the replica; @done gets the status.  May sleep for memory, which is set aside.  A
 * flush that takes longer than replica_timeout fails the replica, and @done is called
 * with BLK_STS_TIMEOUT.
 */
void replica_leg_flush(struct replica *replica, void (*done)(void *context, blk_status_t status),
		       void *context);
/* Flush the replica and wait, uninterruptible.  0 or a negative errno. */
int replica_leg_flush_wait(struct replica *replica);
/* The same, for as long as replica_timeout lets it take. */
int replica_leg_flush_patiently(struct replica *replica);
/* No flush of our own is under way.  For wait_event(replica->quiet). */
bool replica_leg_quiet(struct replica *replica);
/* Writes with a generation up to here survive a loss of the replica's cache. */
static inline u64 replica_leg_durable(const struct replica *replica)
{
	return replica_durable_generation(&replica->on_replica);
}

/* Requests that were given up and may still reach the replica.  May sleep. */
bool replica_leg_owes(struct replica *replica);
void replica_leg_probe_work(struct work_struct *work);
/* Let it look now, whatever it waits for.  Any context. */
void replica_leg_probe_soon(struct replica *replica);
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
/* Memory that the private copy of so many bytes takes, at most. */
unsigned int replica_payload_cost(unsigned int bytes);
/* Give back the pieces; request->page stays. */
void replica_payload_release(struct replica_request *request);
/* A page of the reserve for one request, or NULL, and its return. */
struct page *replica_payload_page_alloc(struct replica_payload_pool *pool);
void replica_payload_page_free(struct replica_payload_pool *pool, struct page *page);
void replica_payload_piece_free(struct page *page);
/* Is the reserve not full? */
bool replica_payload_short(struct replica_payload_pool *pool);
/* May the pages of this bio change while it is under way? */
bool replica_payload_unstable(struct bio *bio);

/* operate.c APIs: */

/* Can anything be asked of it now?  op_mutex held.  0 or a negative errno with *error. */
int replica_operable(struct replica *replica, const char **error);
struct replica_drain;
/* Room for a barrier, for who holds writes before it.  May sleep for writes.  NULL: no memory. */
struct replica_drain *replica_drain_create(void);
/* One that was never begun. */
void replica_drain_destroy(struct replica_drain *drain);
/* Hold every new write until replica_drain_end(), which frees it.  Waits for nothing. */
void replica_drain_hold(struct replica *replica, struct replica_drain *drain);
/* Both.  May sleep.  NULL: no memory. */
struct replica_drain *replica_drain_begin(struct replica *replica);
/* Wait for the writes before it.  0, or -EBUSY with *error set. */
int replica_drain_wait(struct replica *replica, struct replica_drain *drain, unsigned int ms,
		       const char **error);
void replica_drain_end(struct replica *replica, struct replica_drain *drain);
/* Range lock callback for a drain.  Bucket lock held. */
void replica_drain_granted(struct replica_range *range);

/* resync.c APIs: */

/* What a job does with a window. */
enum replica_walk {
	REPLICA_WALK_COPY,
	REPLICA_WALK_COMPARE,	/* read both legs, copy when they differ */
	REPLICA_WALK_VERIFY,	/* of all regions; read both legs, tell what differs */
};

struct replica_resync *replica_resync_create(struct replica *replica);
void replica_resync_destroy(struct replica_resync *resync);
/*
 * Start a job that copies what is dirty, when the state is one of @from.
 * May sleep.  Return: its number, 0 when the state was another one.
 */
u32 replica_resync_start(struct replica *replica, u32 from, u16 job_type, enum replica_walk how,
			 const char *reason);
/* Let the worker walk: shipping is on, a job is under way.  replica->lock held. */
void replica_resync_run(struct replica *replica, enum replica_walk how);
/*
 * Unsynchronized was entered: the job, and the walk if the guard is open.  replica->lock
 * held.  Return: the number of the job.
 */
u32 __replica_resync_begin(struct replica *replica, u16 job_type, enum replica_walk how);
/* There is something for the worker of the walk to look at.  Any context. */
void replica_resync_wake(struct replica *replica);
/* The device has another size: the walk begins anew.  replica->lock held. */
void replica_resync_resized(struct replica *replica);
/* Stop issuing windows; those under way go on.  replica->lock held. */
void replica_resync_stop(struct replica *replica);
/* Is the walk of this job under way?  replica->lock held. */
bool __replica_resync_walks(struct replica *replica, u32 job_id);
/* Stop, and wait for the windows under way.  May sleep. */
void replica_resync_quiesce(struct replica *replica);
/* Undo quiesce. */
void replica_resync_continue(struct replica *replica);
/*
 * The same for a moment, beside a suspend: no window, and no flush, is under way or begins
 * until replica_resync_unpause().  May sleep, at most @ms.  Return: false when there still is
 * one; to be unpaused all the same.
 */
bool replica_resync_pause(struct replica *replica, unsigned int ms);
void replica_resync_unpause(struct replica *replica);
/* Range lock callback.  Bucket lock held. */
void replica_resync_granted(struct replica_range *range);
/*
 * dm-kcopyd does not tell which leg it waits for.  Has the origin answered a
 * read sent after the window had taken @age_ms?  Then it waits for the replica.
 * Bucket lock held.
 */
bool replica_resync_origin_answered(const struct replica_range *range, unsigned int age_ms);
/* Send such a read unless one is out.  Its answer starts the clock's next turn. */
void replica_resync_ask_origin(struct replica_resync *resync);
/*
 * Give up a window and release its range.  Bucket lock held.  Return: true if
 * dm-kcopyd had it.
 */
bool replica_resync_detach(struct replica_range *range);

#endif /* DM_REPLICA_IO_H */
