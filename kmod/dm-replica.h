/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Internal face of the replica target.  The other headers of this folder hide
 * one subsystem each (log, range lock, events); this one holds what they share.
 *
 * Words: the origin is the device that is copied, the replica its copy, a leg
 * either of them.  A region is the unit of the dirty log.  A window is the
 * piece that a job copies at a time.  A request to the replica is detached
 * when it took longer than replica_timeout: the origin's write completes
 * without it, and its memory lives on until the replica gives it back.
 *
 * A write: target.c (map) -> io.c (admit: range lock, route) -> payload.c
 * (private copy) -> io.c (submit both legs, complete) -> range.c (release).
 * In the modes async and adaptive the replica's part goes by way of queue.c.
 * A job: resync.c (windows, kcopyd) -> range.c -> log.c.
 * In the clone role a write goes to the origin alone; it waits in cbw.c until clone.c has
 * seen to it that its regions are copied.  With delta_ms writes go to the origin alone too,
 * and delta.c has what changed copied now and then, in the same way.
 *
 * Locks, outermost first:
 *	replica->op_mutex	operations, settings, suspend and resume, adoption
 *	intents->mutex		the meta device, and what it is to hold
 *	offload->mutex		one step of an offload at a time
 *	registry_lock		the list of replicas (mutex of registry.c)
 *	replica->table_mutex	the table that events go to
 *	range bucket->lock	spinlock, irq: the ranges under way in a zone, and
 *				the decision which legs a write goes to
 *	replica->lock		spinlock, irq: state, jobs, held and granted I/O
 *	queue->lock		spinlock, irq: the queue, its order and its limits
 *	log lock		spinlock, irq: clearing of dirty bits
 *	event lock		spinlock, irq: ring of events not yet sent
 * Never more than one bucket lock at a time.
 */
#ifndef DM_REPLICA_H
#define DM_REPLICA_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/dm-kcopyd.h>
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/mempool.h>
#include <linux/mutex.h>
#include <linux/percpu-refcount.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <linux/dm-replica.h>

#include "dm-replica-durable.h"
#include "dm-replica-guard.h"
#include "dm-replica-range.h"

#define DM_MSG_PREFIX "replica"

#define REPLICA_VERSION_MAJOR	1
#define REPLICA_VERSION_MINOR	0
#define REPLICA_VERSION_PATCH	0
#define REPLICA_VERSION_STRING	"1.0.0"

/* CreateReplica return values that a job's error code can be. */
#define REPLICA_RETURN_FAILED	4

struct replica_log;
struct replica_event_ring;
struct replica_payload_pool;
struct replica_stash;
struct replica_resync;
struct replica_queue;
struct replica_intents;
struct replica_diffs;
struct replica_news;
struct replica_clone;
struct replica_delta;
struct replica_offload;

/**
 * struct replica_settings - what an administrator may change at run time
 * @payload: enum dm_replica_payload
 * @on_replica_error: enum dm_replica_on_error
 * @recovery: enum dm_replica_recovery
 * @on_meta_error: enum dm_replica_on_meta_error
 * @resync_rate: MiB/s, 0 for auto
 * @overflow: enum dm_replica_overflow
 * @replica_timeout: milliseconds, 0 for no limit
 * @queue_bytes: bound of the queue's memory
 * @copy_priority: enum dm_replica_copy_priority
 * @protect: enum dm_replica_protect
 * @rpo: milliseconds, 0 for none
 * @max_skew: bytes, 0 for half of @queue_bytes
 * @delta_ms: milliseconds between delta updates, 0: writes are shipped
 */
struct replica_settings {
	u8 payload;
	u8 on_replica_error;
	u8 recovery;
	u8 on_meta_error;
	u8 overflow;
	u8 copy_priority;
	u8 protect;
	u32 resync_rate;
	u32 replica_timeout;
	u32 queue_bytes;
	u32 rpo;
	u32 max_skew;
	u32 delta_ms;
};

/* States in which no byte is known to be on its way: the legs can be compared. */
#define REPLICA_VERIFY_STATES	(BIT(DM_REPLICA_STATE_SYNCHRONIZED) | BIT(DM_REPLICA_STATE_SKEWED))

/* Bits of the mask that says which members of struct replica_settings count. */
#define REPLICA_SET_PAYLOAD		BIT(DM_REPLICA_S_PAYLOAD)
#define REPLICA_SET_ON_REPLICA_ERROR	BIT(DM_REPLICA_S_ON_REPLICA_ERROR)
#define REPLICA_SET_RECOVERY		BIT(DM_REPLICA_S_RECOVERY)
#define REPLICA_SET_RESYNC_RATE		BIT(DM_REPLICA_S_RESYNC_RATE)
#define REPLICA_SET_REPLICA_TIMEOUT	BIT(DM_REPLICA_S_REPLICA_TIMEOUT)
#define REPLICA_SET_ON_META_ERROR	BIT(DM_REPLICA_S_ON_META_ERROR)
#define REPLICA_SET_QUEUE_BYTES		BIT(DM_REPLICA_S_QUEUE_BYTES)
#define REPLICA_SET_RPO			BIT(DM_REPLICA_S_RPO)
#define REPLICA_SET_OVERFLOW		BIT(DM_REPLICA_S_OVERFLOW)
#define REPLICA_SET_MAX_SKEW		BIT(DM_REPLICA_S_MAX_SKEW)
#define REPLICA_SET_COPY_PRIORITY	BIT(DM_REPLICA_S_COPY_PRIORITY)
#define REPLICA_SET_DELTA		BIT(DM_REPLICA_S_DELTA_MS)
#define REPLICA_SET_PROTECT		BIT(DM_REPLICA_S_PROTECT)

/* How a discard reaches the legs: only zeroes leave both with equal bytes. */
enum replica_discard {
	REPLICA_DISCARD_ZERO,		/* as write zeroes that may unmap */
	REPLICA_DISCARD_PASSDOWN,	/* as it is; the legs may then differ there */
	REPLICA_DISCARD_OFF,
};

/**
 * struct replica_params - a parsed table line
 * @region_sectors: power of two, sectors
 * @sync_skip: the legs are known to be equal, no initial copy
 * @sync_compare: the initial copy reads both legs, and writes what differs
 * @discard: what becomes of discards
 * @mode: enum dm_replica_mode
 * @region_given: @region_sectors stands in the line
 * @activity: most regions with an intent, 0 when the line does not say
 * @stale_accept: a log that does not fit the legs is taken, with a full copy
 * @swaps: how often the legs have changed places, when @swaps_given
 * @clone: the replica becomes a copy of one instant, and writes do not reach it
 * @read_only: nobody writes to the mapped device, and the table is a read-only one
 * @offload: seconds that its job waits for the devices to copy by themselves, 0: not at all
 * @settings: initial values of the settings
 */
struct replica_params {
	u32 region_sectors;
	u32 activity;
	bool region_given;
	u32 swaps;
	bool swaps_given;
	bool stale_accept;
	bool clone;
	bool read_only;
	u32 offload;
	bool sync_skip;
	bool sync_compare;
	enum replica_discard discard;
	u16 mode;
	struct replica_settings settings;
};

/* Counters, per CPU; the order is that of enum dm_replica_counter_attr. */
struct replica_counters {
	u64 c[DM_REPLICA_C_MAX + 1];
};

/**
 * struct replica_job - one initial copy, resync or verify
 * @id: from 1; 0 is an empty slot
 * @type: enum dm_replica_job_type
 * @state: enum dm_replica_job_state
 * @bytes_total: dirty bytes when the job started
 * @bytes_done: bytes copied so far
 * @started_ms: milliseconds since the epoch
 * @started: ktime of the start, for elapsed time
 * @ended: ktime of the end, 0 while it runs
 * @differs: bytes that a verify found different
 * @offloaded: part of @bytes_done that the devices copied by themselves
 * @error_code: a CreateReplica return value
 * @error_text: sentence, or empty
 */
struct replica_job {
	u32 id;
	u16 type;
	u16 state;
	u64 bytes_total;
	u64 bytes_done;
	u64 started_ms;
	ktime_t started;
	ktime_t ended;
	u64 differs;
	u64 offloaded;
	u32 error_code;
	char error_text[DM_REPLICA_REASON_LEN];
};

enum replica_probe {
	REPLICA_PROBE_IDLE,
	REPLICA_PROBE_WAIT,	/* the pause before a probe */
	REPLICA_PROBE_SENT,
	REPLICA_PROBE_GOOD,
	REPLICA_PROBE_FAILED,
};

/* Which writes have to wait until what they touch has been copied, see cbw.h. */
enum replica_first {
	REPLICA_FIRST_NONE,
	REPLICA_FIRST_ACTIVE,	/* clone role: to regions that are not active */
	REPLICA_FIRST_ALL,	/* delta update, while regions are being frozen: all of them */
	REPLICA_FIRST_FROZEN,	/* then: to regions that are frozen */
	REPLICA_FIRST_HELD,	/* all, until what is frozen has been copied */
};

/* Writes that wait for it: cbw.c's, under replica->lock. */
struct replica_cbw {
	struct bio_list waiting;
	bool looking;		/* they have been taken, to be looked at */
};

/**
 * struct replica - the association of an origin and a replica
 *
 * It outlives a table: a table with the same legs adopts it.  It also outlives
 * the mapped device while detached requests are out (@refs).
 */
struct replica {
	/* Read in the I/O path, changed only while the device is suspended. */
	struct block_device *origin_bdev;
	struct block_device *replica_bdev;
	struct replica_range_lock *ranges;
	struct replica_log *log;
	struct replica_payload_pool *payload;
	mempool_t requests;
	struct replica_stash __percpu *stash;
	struct replica_counters __percpu *counters;
	u8 region_shift;		/* log2 of sectors of a region */
	bool origin_volatile;		/* the origin has a volatile cache; not of a clone */
	bool replica_volatile;		/* the replica has one */
	struct replica_intents *intents;	/* NULL without a meta device */
	struct replica_clone *clone;	/* NULL but in the clone role */
	struct replica_delta *delta;
	struct replica_offload *offload;	/* NULL without that feature */
	struct replica_queue *queue;
	unsigned int stash_max;		/* requests that a CPU keeps */
	unsigned int stash_pieces_max;
	enum replica_discard discard;

	/* Read in the I/O path under a bucket lock, see replica_leg_ship_barrier(). */
	u8 first;			/* enum replica_first */
	bool ship;			/* writes go to the replica too */
	bool hold;			/* writes are held (on_replica_error stop) */
	struct percpu_ref gate;		/* reads and flushes under way, see gate.c */
	struct replica_settings settings;	/* written under op_mutex */

	struct kref refs;
	struct list_head link;		/* registry.c */
	struct mapped_device *md;	/* NULL when no table uses it */
	void *owner;			/* the replica_target that uses it */
	struct mutex table_mutex;	/* innermost mutex; guards @table */
	struct dm_table *table;		/* of @owner, for events */
	char name[DM_REPLICA_NAME_LEN];	/* last known, registry.c */
	char uuid[DM_REPLICA_UUID_LEN];
	dev_t dev;			/* of the mapped device */
	dev_t origin_dev;
	dev_t replica_dev;
	dev_t meta_dev;			/* 0: none */
	u16 restored;			/* copy state that the meta device remembers, 0: none */
	sector_t sectors;		/* of each leg that are mirrored */
	u16 mode;			/* enum dm_replica_mode; written under op_mutex */
	bool sync_skip;
	bool sync_compare;
	bool read_only;			/* the mapped device is; written under op_mutex */

	struct mutex op_mutex;		/* operations, settings, suspend and resume */
	spinlock_t lock;		/* what follows, and where it is named */

	/* Under @lock. */
	u16 state;			/* enum dm_replica_copy_state */
	u16 requested;
	bool consistent;		/* the replica is usable as it is */
	bool behind;			/* Unsynchronized, and nothing is shipped for a while */
	bool delta_on;			/* delta updates carry what is written */
	bool stopped;			/* Broken by overflow fail: not probed */
	bool whole;			/* the replica is a copy of one moment */
	bool forgo;			/* an order to resync without protection is under way */
	u8 guard;			/* enum replica_guard */
	u8 guarded_how;			/* enum replica_walk of what it keeps */
	u16 guarded_type;		/* enum dm_replica_job_type of that */
	char guarded_reason[DM_REPLICA_REASON_LEN];
	char reason[DM_REPLICA_REASON_LEN];
	u64 when_established_ms;
	u64 when_synced_ms;
	u64 when_suspended_ms;
	ktime_t last_consistent;	/* 0: never was */
	u64 skewed_bytes;		/* at most so much of what a verify found is not copied */
	struct replica_diffs *diffs;	/* of the last verify; changed under op_mutex too */
	u32 next_job_id;
	struct replica_job jobs[DM_REPLICA_JOBS_KEPT + 1];
	unsigned int current_job;	/* slot of the job under way, or -1U */
	struct bio_list held;		/* bios that @hold keeps */
	struct bio_list deferred;	/* bios for deferred_work to submit */
	struct replica_cbw cbw;		/* bios that wait until something is copied */
	bool gate_closed;		/* under @lock: @gated keeps reads and flushes */
	struct bio_list gated;
	struct list_head confirms;	/* drain barriers under way */
	struct list_head unranged;	/* flushes, failed-over reads, for replica_timeout */
	struct list_head own_flushes;	/* the same, of jobs and barriers */
	mempool_t flushes;		/* what @own_flushes lists; has a lock of its own */
	wait_queue_head_t quiet;	/* woken when @own_flushes loses one */

	atomic_t detached;		/* given-up requests the replica still has */
	atomic_t asked_origin;		/* 1 while the origin has resync.c's question */
	atomic_t leg_commands;		/* of command.c that a leg still has */
	atomic_t ending;		/* missed writes, about to be held or acknowledged */
	atomic64_t flush_gen;		/* of flushes of the legs: see durable.h */
	struct replica_durable on_origin;
	struct replica_durable on_replica;
	void *open_origin;		/* held while orphans are out, compat */
	void *open_replica;
	void *open_meta;

	struct workqueue_struct *wq;
	struct workqueue_struct *log_wq;	/* of the log and the clone role, else NULL */
	bool ticking;			/* delayed works may queue themselves */
	bool suspending;		/* under @lock: since presuspend */
	bool noflush;			/* under @lock: held writes are requeued then */
	unsigned long suspend_began;	/* jiffies of presuspend */
	bool suspended;			/* under op_mutex: after postsuspend */
	bool memory_wait;		/* under @lock: @deferred holds writes without memory */
	atomic_t probe;			/* enum replica_probe */
	u32 swaps;			/* under op_mutex: as in the superblock */
	bool swap_back;			/* under @lock: the legs swap when they are in step */
	bool resume_ordered;		/* under @lock: resync even if recovery is manual */
	struct list_head resend;	/* under @lock: requests that were not taken at once */
	struct work_struct send_work;
	struct delayed_work deferred_work;
	struct work_struct event_work;
	struct delayed_work timeout_work;
	struct delayed_work probe_work;
	struct work_struct state_work;
	struct work_struct lost_work;
	struct work_struct protect_work;	/* on log_wq */
	struct delayed_work confirm_work;
	struct delayed_work back_work;
	unsigned int back_delay_ms;	/* under op_mutex: of the next attempt to swap back */
	struct work_struct release_work;
	unsigned int probe_delay_ms;
	struct replica_resync *resync;
	struct replica_event_ring *events;
};

/**
 * struct replica_target - one table line that names this target
 * @replica: the association; after preresume possibly one of an older table
 */
struct replica_target {
	struct dm_target *ti;
	struct replica *replica;
	struct dm_dev *origin;
	struct dm_dev *copy;
	struct dm_dev *meta;		/* NULL for - */
	struct replica_params params;
	bool resumed;
	struct replica_news *came;	/* for udev, until the first resume */
	struct replica_news *left;	/* likewise, when the table goes */
};

static inline void replica_count(struct replica *replica, unsigned int what, u64 n)
{
	this_cpu_add(replica->counters->c[what], n);
}

/* Sum over all CPUs.  Any context. */
u64 replica_counter_sum(struct replica *replica, unsigned int what);

/* uevent.c APIs: */

/*
 * create: a change for each device of @rt, to be sent later; NULL without memory.  May
 * sleep.  of_mapped: likewise, one for the mapped device of @replica, which has one.
 * send: soon, and @news is gone; any context.  drop: not at all; may sleep.  Both
 * take NULL too.
 */
struct replica_news *replica_news_create(struct replica_target *rt, gfp_t gfp);
struct replica_news *replica_news_of_mapped(struct replica *replica);
void replica_news_send(struct replica_news *news);
void replica_news_drop(struct replica_news *news);

/* main.c APIs: */

/* The workqueue that frees what outlives its mapped device. */
extern struct workqueue_struct *replica_release_wq;
/* For work that takes other people's mutexes: events and barriers. */
extern struct workqueue_struct *replica_aux_wq;
/* For requests that the replica did not take at once: it may sleep long. */
extern struct workqueue_struct *replica_send_wq;

/* core.c APIs: all may sleep. */

/**
 * replica_create - make an association with a clean log, not yet registered
 * Return: the association with one reference, or an ERR_PTR with *error set.
 */
struct replica *replica_create(const struct replica_params *params, sector_t sectors,
			       dev_t origin, dev_t copy, char **error);

/* Take and drop a reference.  The last put may come from any context. */
void replica_get(struct replica *replica);
void replica_put(struct replica *replica);

/* target.c APIs: */

/* The association of a target, with a reference; safe against an adoption. */
struct replica *replica_target_get(struct replica_target *rt);
/* The table tells from here on that the legs have changed places, @swaps times.  op_mutex held. */
void replica_target_swap(struct replica_target *rt, u32 swaps);

/* table.c APIs: all may sleep. */

/* @meta: path of the meta device, or NULL for - */
int replica_table_parse(struct replica_params *params, const char **meta,
			struct dm_arg_set *as, sector_t len, char **error);
/* "sync", "async" or "adaptive". */
const char *replica_mode_name(u16 mode);
unsigned int replica_table_emit(const struct replica_target *rt,
				const struct replica_settings *settings, u16 mode, bool skip,
				char *result, unsigned int maxlen);
int replica_setting_parse(struct replica_settings *settings, u32 *mask, const char *key,
			  const char *value, char **error);
/* Names of the settings, NULL behind the last one. */
const char *replica_setting_name(unsigned int index);

/* registry.c APIs: all may sleep. */

/**
 * replica_registry_find_name - look up a live replica by its dm name
 * Return: the replica with a reference, or NULL.
 */
struct replica *replica_registry_find_name(const char *name);
struct replica *replica_registry_find_dev(dev_t dev);
/**
 * replica_registry_next - walk the live replicas in the order of their dev_t
 * @after: the dev_t of the last one seen, 0 for the first
 * Return: the next replica with a reference, or NULL at the end.
 */
struct replica *replica_registry_next(dev_t after);
/* Changes whenever a replica comes or goes, never 0. */
unsigned int replica_registry_generation(void);
void replica_registry_add(struct replica *replica);
void replica_registry_remove(struct replica *replica);
/* A retired association still has requests out: to be found by its replica device. */
void replica_registry_add_orphan(struct replica *replica);
bool replica_registry_orphans(dev_t replica_dev);
/* Is a device a leg of a replica on another mapped device than @dev? */
bool replica_registry_conflict(dev_t dev, dev_t leg);
/* The dm name and uuid now (buffers of DM_REPLICA_NAME_LEN, DM_REPLICA_UUID_LEN). */
int replica_registry_name(struct replica *replica, char *name, char *uuid);

/* status.c APIs: */

/**
 * struct replica_queue_status - what status shows of the queue
 * @ack: enum dm_replica_mode: how writes are acknowledged now
 * @entries: writes and flushes in it
 * @bytes: memory in use
 * @lag_bytes: payload that the origin alone has acknowledged
 * @age_ms: of the oldest of these writes
 * @rate_in: bytes/s that come, @rate_out that the replica takes
 * @drain_ms: until it is empty, if @has_drain
 * @pending: writes are slowed down
 * @overflows: times that it was given up
 * @rpo_missed: times that a write got older than the RPO, under overflow block
 * @delays: see DM_REPLICA_DELAYS
 * @switches: of mode adaptive
 * @sync_ms: time in mode adaptive that both legs acknowledged, @async_ms the origin alone
 * @reason: of the last switch, NULL: none
 */
struct replica_queue_status {
	u16 ack;
	u64 entries;
	u64 bytes;
	u64 lag_bytes;
	u64 age_ms;
	u64 high_entries;
	u64 high_bytes;
	u64 high_age_ms;
	u64 rate_in;
	u64 rate_out;
	bool has_drain;
	u64 drain_ms;
	bool pending;
	u64 overflows;
	u64 rpo_missed;
	u64 delays[DM_REPLICA_DELAYS];
	u64 switches;
	u64 sync_ms;
	u64 async_ms;
	const char *reason;
};

/**
 * struct replica_delta_status - what status shows of delta updates
 * @on: they carry what is written
 * @has_point: one was complete
 * @point_age_ms: since the instant that it carried
 * @has_due: the next one has a time
 * @due_ms: until then, 0 when it is due or under way
 */
struct replica_delta_status {
	bool on;
	bool has_point;
	u64 point_age_ms;
	bool has_due;
	u64 due_ms;
};

/**
 * struct replica_status - everything that GET and "dmsetup status" show
 *
 * Filled at once, so that the numbers belong together.  Units are bytes and
 * milliseconds.
 */
struct replica_status {
	u64 size;
	u32 region_size;
	bool clone;
	bool read_only;
	u16 mode;
	u16 state;
	u16 requested;
	u16 progress;
	u16 percent;
	char reason[DM_REPLICA_REASON_LEN];
	u64 dirty_regions;
	u64 dirty_bytes;
	bool consistent_now;
	bool ever_consistent;
	u64 consistent_age_ms;
	u64 lag_bytes;
	u64 lag_ms;
	u64 when_established_ms;
	u64 when_synced_ms;
	u64 when_suspended_ms;
	u64 event_seq;
	bool dm_suspended;
	struct replica_settings settings;
	bool has_meta;
	bool meta_failed;
	u64 active_regions;
	u64 exposed_bytes;
	u64 counters[DM_REPLICA_C_MAX + 1];
	bool has_job;
	struct replica_job job;		/* the one under way, when has_job */
	bool behind;
	bool swap_back;
	bool whole;
	u8 guard;
	u8 offload;			/* enum dm_replica_offload_state, 0: none */
	char offload_reason[DM_REPLICA_REASON_LEN];
	struct replica_queue_status queue;
	struct replica_delta_status delta;
};

/* May be called from any context that may take spinlocks. */
void replica_status_fill(struct replica *replica, struct replica_status *status);
/* Text form of a status, for STATUSTYPE_INFO.  Returns the length. */
unsigned int replica_status_emit(const struct replica_status *status, char *result,
				 unsigned int maxlen);
/* The standard's name of a number, or "Unknown". */
const char *replica_state_name(u16 state);
const char *replica_counter_name(unsigned int counter);
const char *replica_job_type_name(u16 type);
const char *replica_job_state_name(u16 state);

/* state.c APIs: */

/**
 * replica_state_set - the only setter of the copy state
 * @reason: sentence in lower case, kept and shown
 *
 * Checks the transition, decides whether writes are shipped, raises the event.
 * Any context; takes replica->lock.  Return: false when the transition is not
 * allowed; nothing has changed then.
 */
bool replica_state_set(struct replica *replica, u16 state, const char *reason);
/* The same, but only when the present state is one of @from (bits by number). */
bool replica_state_move(struct replica *replica, u32 from, u16 state, const char *reason);
/* Abort the job of this number, if it is the one under way.  Any context. */
bool replica_state_cancel(struct replica *replica, u32 job_id);
/* End the verify under way, if there is one.  Any context. */
void replica_state_end_verify(struct replica *replica, const char *text);
/* A verify found this much, an upper bound in bytes.  replica->lock held. */
void __replica_state_skew(struct replica *replica, u64 bytes);
/* Worker of replica->state_work: what a change of state entails in process context. */
void replica_state_work(struct work_struct *work);
/* A setting changed that decides about replica->hold.  Any context. */
void replica_state_refresh(struct replica *replica);
/* The legs differ while both are well: Synchronized (or Skewed) becomes Unsynchronized, a job. */
void replica_state_unsynced(struct replica *replica, const char *reason);
/* A copy is through: Synchronized or Skewed, if nothing is dirty (checked under the lock). */
bool replica_state_synced(struct replica *replica);
/*
 * Unsynchronized, and writes go to the origin alone until a resync begins.  Any context.
 * Return: false when shipping was off anyway.
 */
bool replica_state_behind(struct replica *replica, const char *reason);
/* Broken by our own will: it is not probed, but waits for an order.  Any context. */
void replica_state_stop(struct replica *replica, const char *reason);
/* A clone cannot be finished: Aborted, and the job ends with an exception.  Any context. */
void replica_state_give_up(struct replica *replica, const char *reason);
/* The walk of a job cannot go on though the replica is well; one that is over says nothing. */
void replica_state_job_failed(struct replica *replica, u32 job_id, const char *text);
/* Report a failed replica: state Broken (or held writes), probe.  Any context. */
void replica_state_replica_failed(struct replica *replica, sector_t sector, int error,
				  const char *reason);

/* operate.c APIs: may sleep, take op_mutex. */

/* The caller accepts that data is copied anew or consistency is lost. */
#define REPLICA_OPERATE_FORCE	BIT(0)
/* A resync reads both legs and writes only what differs. */
#define REPLICA_OPERATE_COMPARE	BIT(1)

/**
 * replica_operate - carry out one operation of enum dm_replica_operation
 * @operation: its number
 * @flags: REPLICA_OPERATE_*
 * @job_id: set to the job that was started, 0 if none
 * @error: set to a sentence when the return value is negative
 *
 * Return: 0, -EOPNOTSUPP (never possible), -EBUSY (not in this state), -EIO,
 * -ENODEV (the device is gone or suspended).
 */
int replica_operate(struct replica *replica, u16 operation, unsigned int flags, u32 *job_id,
		    const char **error);
/* Which operations the present state allows: bits by number, without and with force. */
void replica_operations_possible(struct replica *replica, u64 *plain, u64 *forced);
/* Operation number of its word in a dm message, or 0. */
u16 replica_operation_by_name(const char *name);
/* Words of all operations, in a row: for messages' help.  NULL behind the last. */
const char *replica_operation_name(unsigned int index);
/* Does it take REPLICA_OPERATE_COMPARE? */
bool replica_operation_compares(unsigned int index);
/**
 * replica_settings_apply - change the settings in @mask, all or none
 * @attr: set to the DM_REPLICA_S_* number of the refused one
 * Return: 0 or -EINVAL, -ERANGE with *error set.
 */
int replica_settings_apply(struct replica *replica, const struct replica_settings *settings,
			   u32 mask, unsigned int *attr, const char **error);
/* Check values without changing anything; returns as above. */
int replica_settings_check(const struct replica_settings *settings, u32 mask,
			   unsigned int *attr, const char **error);

/* job.c APIs: any context unless said otherwise; __names with replica->lock held. */

/* A new job, or the suspended one goes on.  Return: its number. */
u32 __replica_job_start(struct replica *replica, u16 type, u64 bytes_total);
void __replica_job_suspend(struct replica *replica);
void __replica_job_end(struct replica *replica, u16 state, u32 error_code, const char *text);
/* NULL when none is under way. */
struct replica_job *__replica_job_current(struct replica *replica);
/* The job that the meta device remembers; it goes on when it is started again. */
void replica_job_restore(struct replica *replica, u32 id, u16 type, u64 started_ms,
			 u64 bytes_done, u64 elapsed_ms);
void replica_job_progress(struct replica *replica, u64 bytes);
/* The same, of what the devices copied by themselves. */
void replica_job_offloaded(struct replica *replica, u64 bytes);
/* Does a job of this type copy, so that it goes on after a restart? */
static inline bool replica_job_is_copy(u16 type)
{
	return type == DM_REPLICA_JOB_INITIAL_COPY || type == DM_REPLICA_JOB_RESYNC ||
	       type == DM_REPLICA_JOB_CLONE || type == DM_REPLICA_JOB_RESTORE ||
	       type == DM_REPLICA_JOB_FAILBACK || type == DM_REPLICA_JOB_DELTA;
}

/* An event tells what the job is like now.  replica->lock held. */
void replica_job_raise(struct replica *replica, const struct replica_job *job);
/* Copy out one job; false if there is none of that number. */
bool replica_job_read(struct replica *replica, u32 id, struct replica_job *job);
/* Copy out the first job with a number above @after; false at the end. */
bool replica_job_next(struct replica *replica, u32 after, struct replica_job *job);
u16 replica_job_percent(const struct replica_job *job);
u64 replica_job_elapsed_ms(const struct replica_job *job);
/* Estimated milliseconds to the end; false when nobody can tell. */
bool replica_job_eta_ms(const struct replica_job *job, u64 *eta_ms);
/* May sleep.  0, -ENOENT (no such job), -EBUSY (it is over); *error set. */
int replica_job_cancel(struct replica *replica, u32 id, const char **error);

/* confirm.c APIs: may sleep. */

/* Look whether barriers are over: after a change of state, and at deadlines. */
void replica_confirm_work(struct work_struct *work);
/* Answer all with "unable": the association ends.  No flush may be out. */
void replica_confirm_cancel(struct replica *replica);

typedef void (*replica_confirm_fn)(void *context, unsigned int result);
/**
 * replica_confirm_start - ask to be told when earlier writes are on the replica
 * @timeout_ms: milliseconds, at least 1
 * @done: called once, in process context, with a CIM return value: 0 durable,
 *	3 timeout expired, 7 unable to confirm
 * Return: 0, or -ENOMEM, -ENODEV (@done is not called then).
 */
int replica_confirm_start(struct replica *replica, unsigned int timeout_ms,
			  replica_confirm_fn done, void *context);
/*
 * Wait for it here.  As a message stands in the way of a suspend, a suspend ends
 * the wait with -EIO.
 * Interruptible.  0, -ETIMEDOUT, -EIO, -EINTR, -ENOMEM.
 */
int replica_confirm_wait(struct replica *replica, unsigned int timeout_ms);

/* message.c APIs: */

int replica_message(struct dm_target *ti, unsigned int argc, char **argv, char *result,
		    unsigned int maxlen);

/* netlink.c APIs: */

int replica_netlink_init(void);
void replica_netlink_exit(void);

#endif /* DM_REPLICA_H */
