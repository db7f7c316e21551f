/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What resync.c, the walk, and window.c, the life of a window, share.  All but
 * replica_resync_kick() is for the worker of the walk.
 */
#ifndef DM_REPLICA_RESYNC_PRIV_H
#define DM_REPLICA_RESYNC_PRIV_H

#include <linux/dm-kcopyd.h>

#include "dm-replica-compare.h"
#include "dm-replica-io.h"

/* Windows under way: enough to keep both legs busy at once. */
#define WINDOWS			4

enum window_state {
	WINDOW_FREE,
	WINDOW_WAITS,		/* for its range */
	WINDOW_GRANTED,
	WINDOW_BUSY,		/* being copied or read */
	WINDOW_OVER,		/* to be reaped by the worker */
	WINDOW_DETACHED,	/* given up; dm-kcopyd or a leg still has it */
};

enum window_stage {
	STAGE_COPY,
	STAGE_READ,
	STAGE_READ_AGAIN,	/* it differed: what differs twice counts */
};

struct batch {
	u64 first;		/* region */
	u64 regions;		/* 0: free */
	unsigned int windows;	/* under way */
	bool issued;		/* all of its windows were made */
	bool failed;
	bool urgent;		/* a write waits for it */
	u64 freezes;		/* as they were when it was begun */
};

struct window {
	struct replica_range range;
	struct replica_resync *resync;
	struct batch *batch;
	u32 job;		/* that it was made for */
	enum replica_walk how;
	enum window_stage stage;
	u64 queue_seq;		/* the last entry of the queue when it got its range */
	struct replica_compare *compare;	/* room to read both legs */
	sector_t copy;		/* the part that is being copied */
	sector_t copy_sectors;
	atomic_t state;
	ktime_t started;
	int read_error;
	unsigned long write_error;
};

/*
 * struct question - a read of the origin's first block, to see whether it answers
 * @work: sends it; that may take as long as the answer
 * @sent: jiffies of the last one, cut to 32 bits
 * @answered: there was one
 */
struct question {
	struct work_struct work;
	struct bio bio;
	struct bio_vec vec;
	struct page *page;
	u32 sent;
	bool answered;
};

/*
 * struct replica_resync - the walk
 * @running: a job is under way; under replica->lock
 * @how: what it does; under replica->lock
 * @restart: it is another walk than the one before; under replica->lock
 * @walk: @how as the worker knows it
 * @walk_job: the job as the worker knows it
 * @given_up: windows of a verify were given up by the clock
 * @no_room: times in a row that there was no memory for a window of a verify
 * @quiesced: the device is suspended; under replica->lock
 * @paused: the legs are about to change places; under replica->lock
 * @flushing: the final flush of the replica is out
 * @cursor: next region to look at
 * @offset: next sector in @open, the batch whose windows are not all made
 * @read_errors: windows that the origin could not deliver in this job
 * @bad_sector: one of them
 * @not_before: the rate limit's time of the next window
 * @queue_tries: how often the next window has waited for the queue
 * @drain_seq: one above the last entry of the queue when all was copied, 0: not yet
 * @ios: application's requests when a window was last made
 * @busy_at: when the application was last seen to do I/O, 0: not yet
 * @question: the clock's alone, apart from its completion
 */
struct replica_resync {
	struct replica *replica;
	struct dm_kcopyd_client *kcopyd;
	struct dm_kcopyd_throttle throttle;
	struct delayed_work work;
	wait_queue_head_t idle;
	bool running;
	bool restart;
	bool quiesced;
	bool paused;
	bool flushing;
	enum replica_walk how;
	enum replica_walk walk;
	u32 walk_job;
	bool given_up;
	unsigned int no_room;
	blk_status_t flush_status;
	u64 cursor;
	sector_t offset;
	struct batch *open;
	unsigned int read_errors;
	sector_t bad_sector;
	ktime_t not_before;
	u64 drain_seq;
	unsigned int queue_tries;
	u64 ios;
	ktime_t busy_at;
	struct question question;
	struct window windows[WINDOWS];
	struct batch batches[WINDOWS + 1];
};

/* resync.c APIs: */

/* The copy under way, 0 if there is none, or it rests and @now counts. */
u32 replica_resync_copies(struct replica *replica, bool now);
/*
 * The first run of dirty regions that no batch has, of those given and at most @most; none:
 * *regions is 0.  What is copied of it is not covered by any flush up to now.
 */
void replica_resync_free_run(struct replica_resync *resync, u64 *first, u64 *regions, u64 most);

/* window.c APIs: */

/* The worker has something to do.  Any context. */
static inline void replica_resync_kick(struct replica_resync *resync)
{
	mod_delayed_work(resync->replica->wq, &resync->work, 0);
}

/* What is done first with a window: it is copied, or read. */
enum window_stage replica_window_first_stage(const struct window *window);
/* It has its range.  May it be read, or does the queue still have something for it? */
bool replica_window_ready(const struct window *window);
/* From here on the clock may give it up.  Bucket lock held. */
void replica_window_set_busy(struct window *window, enum window_stage stage);
/* Start the stage of a window that is busy. */
void replica_window_run(struct window *window);
/* Deal with the windows that are over, have their range now, or were given up. */
void replica_resync_reap(struct replica_resync *resync);
/* Windows that belong to a batch, and a claim, of offload.c. */
unsigned int replica_resync_windows_out(struct replica_resync *resync);
/* A batch may have seen the last of its windows. */
void replica_resync_put_batch(struct replica *replica, struct batch *batch);
/* Work of struct question. */
void replica_resync_ask_work(struct work_struct *work);

#endif /* DM_REPLICA_RESYNC_PRIV_H */
