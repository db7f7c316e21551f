// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads that the origin fails and the replica serves.
 */
#include "dm-replica-delta.h"
#include "dm-replica-event.h"
#include "dm-replica-io.h"
#include "dm-replica-log.h"
#include "dm-replica-queue.h"
#include "dm-replica-trace.h"

static void failover_done(struct replica_request *request, blk_status_t status)
{
	struct replica_io *io = request->io;
	struct replica *replica = request->replica;
	struct bio *bio = replica_io_bio(io);
	struct replica_event event = {
		.type = DM_REPLICA_EVENT_READ_FAILOVER,
		.sector = io->unranged.iter.bi_sector,
		.error = -blk_status_to_errno(io->origin_status),
		.reason = "origin read error, served by the replica",
	};

	trace_dm_replica_leg(io, status);
	if (!status) {
		bio->bi_iter = io->unranged.iter;
		replica_payload_copy_back(request, bio);
		io->origin_status = BLK_STS_OK;
		replica_count(replica, DM_REPLICA_C_READ_FAILOVERS, 1);
		replica_event_raise(replica, &event);
	}
	replica_io_put_pending(io);
}

/* Before a resync that is protected it is, and answers. */
bool replica_io_keeps_up(const struct replica *replica)
{
	return READ_ONCE(replica->ship) || READ_ONCE(replica->guard) != REPLICA_GUARD_OPEN ||
	       (replica_delta_on(replica) &&
		BIT(READ_ONCE(replica->state)) & (REPLICA_VERIFY_STATES |
						  BIT(DM_REPLICA_STATE_UNSYNCHRONIZED)));
}

static bool may_fail_over(struct replica_io *io, struct bio *bio, blk_status_t status)
{
	struct replica *replica = io->replica;

	return !(bio->bi_opf & (REQ_RAHEAD | REQ_NOWAIT)) && status != BLK_STS_NOTSUPP &&
	       status != BLK_STS_AGAIN && replica_io_keeps_up(replica) &&
	       !READ_ONCE(replica->skewed_bytes) &&
	       !replica_queue_in_range(replica, io->unranged.iter.bi_sector,
				       io->unranged.iter.bi_size >> SECTOR_SHIFT) &&
	       !replica_origin_doubts(replica, io->unranged.iter.bi_sector,
				      io->unranged.iter.bi_size >> SECTOR_SHIFT) &&
	       /* Last: the doubt goes when the marks are there. */
	       !replica_log_dirty(replica->log, io->unranged.iter.bi_sector,
				  io->unranged.iter.bi_size >> SECTOR_SHIFT);
}

static void fail_over_failed(struct replica_io *io, struct bio *bio)
{
	io->kind = REPLICA_IO_DONE;
	replica_count(io->replica, DM_REPLICA_C_INFLIGHT, -1ULL);
	replica_gate_leave(io->replica);
	bio->bi_status = io->origin_status;
	bio->bi_end_io(bio);
}

bool replica_io_start_failover(struct replica_io *io, struct bio *bio)
{
	struct replica *replica = io->replica;
	struct replica_request *request;

	/* Looked at again: the replica may have been cut off meanwhile. */
	if (!may_fail_over(io, bio, io->origin_status)) {
		fail_over_failed(io, bio);
		return true;
	}
	request = replica_request_alloc(replica);
	if (!request)
		return false;
	request->io = io;
	request->done = failover_done;
	bio_init(&request->bio, replica->replica_bdev, NULL, 0, REQ_OP_READ);
	if (!replica_payload_attach_read(request, &io->unranged.iter)) {
		replica_request_free(request);
		return false;
	}
	replica_io_link(io);
	atomic_set(&io->pending, 1);
	/* Pairs with replica_io_detach(), as in send_to_replica(). */
	smp_store_release(&io->request, request);
	replica_request_send(request);
	return true;
}

int replica_io_end_read(struct replica_io *io, struct bio *bio, blk_status_t status)
{
	if (likely(!status) || !io->unranged.iter.bi_size || !may_fail_over(io, bio, status)) {
		replica_gate_leave(io->replica);
		return DM_ENDIO_DONE;
	}

	io->kind = REPLICA_IO_FAILOVER;
	io->request = NULL;
	io->vecs = NULL;
	io->missed = false;
	io->detached = false;
	io->queued = false;
	io->admitted = true;
	io->origin_status = status;
	replica_count(io->replica, DM_REPLICA_C_INFLIGHT, 1);
	replica_io_continue(io->replica, bio);
	return DM_ENDIO_INCOMPLETE;
}
