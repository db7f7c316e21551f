// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests to a leg that somebody waits for, but not for ever; dm-replica-command.h says how.
 */
#include <linux/bio.h>
#include <linux/completion.h>
#include <linux/slab.h>

#include "compat.h"
#include "dm-replica-command.h"
#include "dm-replica-intent.h"

/*
 * struct replica_command - a request to a leg that somebody waits for, but not for ever
 * @work: sends it: a leg that hangs may have no room for one more
 * @over: it has ended, or nobody waits for it any more; who is second sees to a failure
 * @failed: what is to be done about one
 * @flush: what a flush is to make durable
 */
struct replica_command {
	struct kref refs;
	struct replica *replica;
	struct work_struct work;
	struct completion done;
	atomic_t over;
	void (*failed)(struct replica_command *command);
	struct replica_flush flush;
	struct page *page;
	blk_status_t status;
	struct bio_vec vec;
	struct bio bio;
};

static void free_command(struct kref *refs)
{
	struct replica_command *command = container_of(refs, struct replica_command, refs);

	if (command->page)
		__free_page(command->page);
	kfree(command);
}

static void command_done(struct bio *bio)
{
	struct replica_command *command = container_of(bio, struct replica_command, bio);
	struct replica *replica = command->replica;

	command->status = bio->bi_status;
	bio_uninit(bio);
	/* Until it is off the count the legs stay where they are. */
	if (atomic_xchg(&command->over, 1) && command->status && command->failed)
		command->failed(command);
	/* First: whoever waits for it looks whether there are others. */
	atomic_dec(&replica->leg_commands);
	complete(&command->done);
	kref_put(&command->refs, free_command);
	replica_put(replica);
}

static void send_command(struct work_struct *work)
{
	submit_bio(&container_of(work, struct replica_command, work)->bio);
}

/*
 * Takes over the reference of the caller, who sees to a failure.  Return: 0, -EIO, or
 * -ETIMEDOUT when it is still out, which no error of a leg is taken for.
 */
static int run_command(struct replica *replica, struct replica_command *command, unsigned int ms)
{
	int r = -ETIMEDOUT;

	replica_get(replica);
	atomic_inc(&replica->leg_commands);
	kref_get(&command->refs);
	command->bio.bi_end_io = command_done;
	queue_work(replica_send_wq, &command->work);
	if (wait_for_completion_io_timeout(&command->done, msecs_to_jiffies(ms)) ||
	    atomic_xchg(&command->over, 1))
		r = command->status ? -EIO : 0;
	kref_put(&command->refs, free_command);
	return r;
}

struct replica_command *replica_command_create(struct replica *replica)
{
	struct replica_command *command = kzalloc(sizeof(*command), GFP_NOIO);

	if (!command)
		return NULL;
	kref_init(&command->refs);
	init_completion(&command->done);
	INIT_WORK(&command->work, send_command);
	command->replica = replica;
	return command;
}

void replica_command_drop(struct replica_command *command)
{
	if (command)
		kref_put(&command->refs, free_command);
}

struct replica_command *replica_command_create_read(struct replica *replica)
{
	struct replica_command *command = replica_command_create(replica);

	if (!command)
		return NULL;
	command->page = alloc_page(GFP_NOIO);
	if (command->page)
		return command;
	replica_command_drop(command);
	return NULL;
}

int replica_command_ask(struct replica *replica, struct replica_command *command,
			unsigned int ms)
{
	struct block_device *leg = replica->replica_bdev;

	bio_init(&command->bio, leg, &command->vec, 1, REQ_OP_READ | REQ_SYNC);
	__bio_add_page(&command->bio, command->page, bdev_logical_block_size(leg), 0);
	return run_command(replica, command, ms);
}

/*
 * When it ends well it has no place among the generations of flushes: these begin anew with
 * the swap, and an attempt that fails must not be taken for one that saved what had been lost.
 */
static int flush_leg(struct replica *replica, struct block_device *leg,
		     struct replica_command *command, unsigned int ms)
{
	if (!bdev_write_cache(leg)) {
		replica_command_drop(command);
		return 0;
	}
	bio_init(&command->bio, leg, NULL, 0, REQ_OP_WRITE | REQ_PREFLUSH | REQ_SYNC);
	return run_command(replica, command, ms);
}

/*
 * A disk may tell only once that it has lost what it had to write, so a flush that fails
 * counts, also when nobody waits for it any more.
 */
static void copy_flush_failed(struct replica_command *command)
{
	replica_flush_failed(&command->replica->on_replica, &command->flush);
	replica_state_replica_failed(command->replica, 0, blk_status_to_errno(command->status),
				     "replica flush error");
}

int replica_command_flush_replica(struct replica *replica, struct replica_command *command,
				  unsigned int ms)
{
	int r;

	command->failed = copy_flush_failed;
	replica_flush_begin(&replica->on_replica, &command->flush);
	kref_get(&command->refs);
	r = flush_leg(replica, replica->replica_bdev, command, ms);
	if (r == -EIO)
		copy_flush_failed(command);
	replica_command_drop(command);
	return r;
}

static void origin_flush_failed(struct replica_command *command)
{
	replica_origin_lost(command->replica, &command->flush);
}

int replica_command_flush_origin(struct replica *replica, struct replica_command *command,
				 const struct replica_flush *flush, unsigned int ms)
{
	command->failed = origin_flush_failed;
	command->flush = *flush;
	return flush_leg(replica, replica->origin_bdev, command, ms);
}
