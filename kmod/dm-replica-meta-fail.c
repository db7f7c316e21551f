// SPDX-License-Identifier: GPL-2.0-only
/*
 * A meta device that fails, and one that works again.
 */
#include <linux/bitmap.h>

#include "compat.h"
#include "dm-replica-clone.h"
#include "dm-replica-event.h"
#include "dm-replica-intent-priv.h"

static void raise_meta(struct replica_intents *intents, u16 type, int error, const char *reason)
{
	struct replica *replica = intents->replica;
	struct replica_event event = {
		.type = type,
		.state = READ_ONCE(replica->state),
		.error = -error,
	};

	strscpy(event.reason, reason, sizeof(event.reason));
	replica_event_raise(replica, &event);
}

/* From here on the log is in memory only, and after a crash all regions count. */
void replica_intents_fail(struct replica_intents *intents, int error)
{
	struct replica *replica = intents->replica;

	if (intents->failed)
		return;
	DMERR("%s: meta device failed (%d)", replica->name, error);
	WRITE_ONCE(intents->failed, true);
	/* Writes are held now, if that is what on_meta_error says. */
	replica_state_refresh(replica);
	raise_meta(intents, DM_REPLICA_EVENT_META_ERROR, error,
		   "meta device failed: after a crash everything is copied");
	/* Nothing passes before it is said, wherever it can be, that the log is dead. */
	replica_intents_disown(intents);
	replica_intents_write_sb(intents, DM_REPLICA_SB_LOST);
	if (!intents->stopped)
		mod_delayed_work(intents->wq, &intents->work, 0);
}

/* May those that wait go on without a log? */
static bool may_go_on(struct replica *replica)
{
	return !READ_ONCE(replica->hold);
}

/* A suspend that does not wait for what is held gives those that wait back. */
static bool gives_back(struct replica *replica)
{
	bool back;

	spin_lock_irq(&replica->lock);
	back = replica->suspending && replica->noflush;
	spin_unlock_irq(&replica->lock);
	return back;
}

static void give_back(struct replica_intents *intents)
{
	struct bio_list batch;
	struct bio *bio;

	/* Each that goes may let another one in that was behind it. */
	do {
		bio_list_init(&batch);
		replica_intents_take_waiting(intents, &batch);
		bio_list_for_each(bio, &batch)
			replica_io_of(bio)->log_waits = false;
		replica_io_requeue(intents->replica, &batch);
	} while (!bio_list_empty(&intents->waiting));
}

void replica_intents_go_on_without(struct replica_intents *intents)
{
	struct replica *replica = intents->replica;
	struct bio_list batch;

	/* Nobody waits here in the clone role, and what is not copied is not opened. */
	if (replica->clone)
		return;
	if (!may_go_on(replica)) {
		if (gives_back(replica))
			give_back(intents);
		return;
	}
	/* Only now: under "stop" whoever is granted later has to wait as well. */
	bitmap_fill(replica->log->active, replica->log->nr_regions);
	bio_list_init(&batch);
	replica_intents_take_waiting(intents, &batch);
	replica_intents_let_go(intents, &batch);
}

void replica_intents_try_again(struct replica_intents *intents)
{
	struct replica *replica = intents->replica;

	/* The label may be all that can say that the log is dead. */
	if (intents->label_pending && replica_label_due(intents) &&
	    !replica_meta_write_label(intents->meta))
		intents->label_pending = false;
	if (replica_meta_busy(intents->meta) ||
	    replica_intents_write_sb(intents, DM_REPLICA_SB_LOST) ||
	    replica_intents_write_anew(intents) || replica_intents_write_sb(intents, 0))
		return;
	WRITE_ONCE(intents->failed, false);
	DMINFO("%s: meta device works again", replica->name);
	raise_meta(intents, DM_REPLICA_EVENT_META_BACK, 0, "meta device works again");
	replica_state_refresh(replica);
}
