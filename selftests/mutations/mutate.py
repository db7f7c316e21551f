#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""mutate.py --list | --judge NAME | --check KMOD | NAME KMOD: breaks one rule of the durable
log, or of the order of writes, in a copy of the module's sources. Fails when the text that
it looks for is not there exactly once; --check only tells, of all. --judge says what has to
find it out: "crash", helpers/crash_check.py, "clone", helpers/crash_clone.py, "order",
helpers/order_check.py, or "cache", test_role_05_cache itself."""
import os
import sys

INTENT, ACTIVATE, META, LOG = (f'dm-replica-{name}.c'
                               for name in ('intent', 'activate', 'meta', 'log'))
CLONE = 'dm-replica-clone.c'
IO, WINDOW = 'dm-replica-io.c', 'dm-replica-window.c'
ORDER, QUEUE = 'dm-replica-order.h', 'dm-replica-queue.c'
COMMAND, SWAP = 'dm-replica-command.c', 'dm-replica-swap.c'
DURABLE = 'dm-replica-durable.c'

MUTATIONS = {
    # Writes go before their intents are durable.
    'write-first': (INTENT, """\
		if (!r)
			r = replica_meta_write_log(intents->meta, false);
		if (!r && bio_list_empty(&batch)) {
			replica_queue_pins(intents->replica, intents->activity);
			r = -EAGAIN;
		} else if (!r) {
			activate_batch(intents, &batch);
			replica_intents_let_go(intents, &batch);
		}
""", """\
		if (!r) {
			bool none = bio_list_empty(&batch);

			activate_batch(intents, &batch);
			replica_intents_let_go(intents, &batch);
			r = replica_meta_write_log(intents->meta, false);
			if (!r && none)
				r = -EAGAIN;
		}
"""),
    # A region is given up with writes to it under way.
    'in-flight': (INTENT, 'if (!region_in_flight(replica, region) && !test_bit(',
                  'if (!test_bit('),
    # A region is given up with writes to it in the legs' caches.
    'unsettled': (INTENT, """\
	return !replica->clone &&
	       (replica_log_cached(""", """\
	return 0 &&
	       (replica_log_cached("""),
    # Writes are called durable without a flush of either leg.
    'no-settle': (INTENT, """\
	if (bdev_write_cache(replica->origin_bdev))
		r = blkdev_issue_flush(replica->origin_bdev);
""", """\
	replica_flush_end(&replica->on_origin, &flush);
	replica_flush_end(&replica->on_replica, &flush);
	return 0;
"""),
    'no-origin-flush': (INTENT, 'r = blkdev_issue_flush(replica->origin_bdev);', 'r = 0;'),
    'no-replica-flush': (INTENT, """\
		    -EIO : replica_leg_flush_wait(replica);
""", """\
		    -EIO : 0;
	replica_flush_end(&replica->on_replica, &flush);
"""),
    # A flush counts for writes that ended after it began.
    'late-generation': (DURABLE, 'atomic64_inc_return(&durable->replica->flush_gen) - 1;',
                        'atomic64_inc_return(&durable->replica->flush_gen) + 1;'),
    # A slot is reused before the bit that stands in for it is durable.
    'no-save': (INTENT, """\
			replica_intents_set_bit(intents, region, true);
	}
	return replica_meta_write_log(intents->meta, false);
""", """\
			replica_intents_set_bit(intents, region, false);
	}
	return 0;
"""),
    # The dirty ones are given up like the others, slowly, so that some have become dirty.
    'forget-dirty': (INTENT, """\
	clear_bit(region, log->active);
	/* The bucket locks order this: see the head of dm-replica-intent.h. */
	if (!region_in_flight(replica, region) && !test_bit(region, log->dirty)) {""", """\
	schedule_timeout_uninterruptible(1);
	clear_bit(region, log->active);
	if (!region_in_flight(replica, region) && test_bit(region, log->dirty))
		return true;
	if (!region_in_flight(replica, region)) {"""),
    # The log goes into the meta device's cache and stays there.
    'no-fua': (META, 'REQ_OP_WRITE | REQ_META | REQ_SYNC | REQ_FUA);\n	}', """\
REQ_OP_WRITE | REQ_META | REQ_SYNC);
	}"""),
    # Recovery empties the intents together with writing the bitmap, not after it.
    'recover-at-once': (ACTIVATE, """\
		replica_intents_set_bit(intents, region, true);
	r = replica_meta_write_log(intents->meta, false);
	if (r)
		return r;
	for (slot""", """\
		replica_intents_set_bit(intents, region, true);
	for (slot"""),
    # Recovery looks at the bitmap alone.
    'no-intents': (ACTIVATE, '!(flags & DM_REPLICA_SB_CLEAN) && !read_intents(intents)',
                   '!(flags & DM_REPLICA_SB_CLEAN) && 0'),
    # The end in order does not wait for the caches.
    'clean-early': (ACTIVATE, 'r = replica_intents_empty(intents);', """\
r = replica_meta_write_log(intents->meta, true);
		if (!r && intents->nr_used)
			r = replica_intents_write_sb(intents, DM_REPLICA_SB_CLEAN);"""),
    # A resync calls clean what was written to while it copied.
    'lost-mark': (LOG, 'clean = !test_bit(region, log->marked);', 'clean = true;'),
    # What a resync has copied is thought to be durable.
    'copy-durable': (WINDOW, 'if (replica->replica_volatile)\n			replica_durable_note(',
                     'if (0)\n			replica_durable_note('),
    # Writes that do not go to the replica leave no mark.
    'no-mark': (IO, """\
	if (unlikely(!io->ship) && !replica->clone)
		replica_log_mark(""", """\
	if (0)
		replica_log_mark("""),
    # What was in the cache of a replica that failed is thought to be there.
    'no-cached-mark': (LOG, 'if (replica_log_cached(log, leg, region, durable))', 'if (0)'),
    # Regions of a clone are opened before the log is durably clear of them.
    'open-first': (CLONE, """\
	r = intents->failed ? 0 : replica_meta_write_log(intents->meta, false);
""", """\
	r = 0;
"""),
    # Or before the replica holds them durably.
    'open-cached': (CLONE, 'if (replica_clone_copies(replica) && any_unflushed(replica))',
                    'if (0 && any_unflushed(replica))'),
    # Entries of the queue wait for nobody.
    'no-dep': (ORDER, 'new->dep = order->acked;', 'new->dep = 0;'),
    # Nobody waits for a flush.
    'flush-first': (QUEUE, """\
	if (ordered) {
		request = replica_request_of(ordered);
""", """\
	if (ordered) {
		request = replica_request_of(ordered);
		if (is_flush(request))
			list_del_init(&ordered->entry);
"""),
    # A write that is to be durable is not there.
    'fua-lost': (IO, 'REQ_IDLE | REQ_PREFLUSH | REQ_FUA |', 'REQ_IDLE | REQ_PREFLUSH |'),
    # A flush does not wait for what it is to make durable.
    'flush-early': (QUEUE, 'replica_order_add(&queue->order, &request->ordered);', """\
replica_order_add(&queue->order, &request->ordered);
		if (is_flush(request))
			request->ordered.dep = 0;"""),
    # Legs change places, and the flush before it is taken for a proof of what the replica has.
    'swap-unproven': (SWAP, """\
	else if (attempt->cut || !READ_ONCE(replica->ship))
		replica_log_mark_cached(""", """\
	else if (0)
		replica_log_mark_cached("""),
    # So it is when they do not change places.
    'swap-flush-counts': (COMMAND, """\
	kref_get(&command->refs);
	r = flush_leg(replica, replica->replica_bdev, command, ms);
""", """\
	kref_get(&command->refs);
	r = flush_leg(replica, replica->replica_bdev, command, ms);
	if (!r)
		replica_flush_end(&replica->on_replica, &command->flush);
"""),
    # One that fails is forgotten with the order.
    'swap-flush-failure': (COMMAND, """\
	if (r == -EIO)
		copy_flush_failed(command);
""", """\
	if (0)
		copy_flush_failed(command);
"""),
    # The origin that is left is thought to have all that it was given.
    'swap-origin-lost': (SWAP, """\
	if (attempt->origin_lost)
		replica_log_mark_all(replica->log);
	else if (attempt->cut || !READ_ONCE(replica->ship))
		replica_log_mark_cached(replica->log, REPLICA_LEG_REPLICA,
					min(attempt->durable, replica_leg_durable(replica)));
	if (attempt->torn)
""", """\
	if (0)
"""),
}

# Those of the order of writes, of the clone role, and of what legs that change places have in
# their caches; the others are of the durable log.
ORDERED = ('no-dep', 'flush-first', 'fua-lost', 'flush-early')
CLONED = ('open-first', 'open-cached')
CACHED = ('swap-unproven', 'swap-flush-counts', 'swap-flush-failure', 'swap-origin-lost')


def broken(name, kmod):
    """The file that a mutation changes, its new text, and why that cannot be, or None."""
    file, old, new = MUTATIONS[name]
    path = os.path.join(kmod, file)
    with open(path, encoding='utf-8') as source:
        text = source.read()
    if text.count(old) == 1:
        return path, text.replace(old, new), None
    return path, text, f'mutation {name}: {file} has the text {text.count(old)} times'


def main():
    if sys.argv[1] == '--list':
        print('\n'.join(MUTATIONS))
        return
    name, kmod = sys.argv[1:]
    if name == '--judge':
        print('order' if kmod in ORDERED else 'clone' if kmod in CLONED else
              'cache' if kmod in CACHED else 'crash')
        return
    if name != '--check' and name not in MUTATIONS:
        raise SystemExit(f'there is no mutation {name}; there are {", ".join(MUTATIONS)}')
    if name == '--check':
        stale = [error for error in (broken(other, kmod)[2] for other in MUTATIONS) if error]
        raise SystemExit('\n'.join(stale) or 0)
    path, text, error = broken(name, kmod)
    if error:
        raise SystemExit(error)
    with open(path, 'w', encoding='utf-8') as source:
        source.write(text)


main()
