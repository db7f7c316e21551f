/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading a window of both legs and comparing the two, and what a verify found.
 */
#ifndef DM_REPLICA_COMPARE_H
#define DM_REPLICA_COMPARE_H

#include <linux/bio.h>
#include <linux/workqueue.h>

#include "dm-replica.h"

/* Sectors of a window: 512 KiB, what dm-kcopyd moves in one piece. */
#define REPLICA_WINDOW		1024
#define REPLICA_WINDOW_PAGES	DIV_ROUND_UP(REPLICA_WINDOW << SECTOR_SHIFT, PAGE_SIZE)

struct replica_compare;
typedef void (*replica_compare_fn)(void *context);

/*
 * struct compare_leg - one leg's data
 * @out: it has not answered
 * @status: of the read
 */
struct compare_leg {
	struct replica_compare *compare;
	struct bio bio;
	bool out;
	blk_status_t status;
	struct bio_vec vecs[REPLICA_WINDOW_PAGES];
	struct page *pages[REPLICA_WINDOW_PAGES];
};

/**
 * struct replica_compare - room for a window of both legs
 * @work: submits the reads, which may take as long as a leg likes
 * @sector: first one read
 * @sectors: number of them
 * @pending: reads that are out
 */
struct replica_compare {
	struct work_struct work;
	struct replica *replica;
	sector_t sector;
	sector_t sectors;
	atomic_t pending;
	replica_compare_fn done;
	void *context;
	struct compare_leg origin_leg;
	struct compare_leg replica_leg;
};

/* compare.c APIs: */

/* Does not wait for I/O.  Return: NULL when there is no memory now. */
struct replica_compare *replica_compare_create(struct replica *replica);
void replica_compare_destroy(struct replica_compare *compare);
/* Call before the clock may look at replica_compare_waits_for(). */
void replica_compare_prepare(struct replica_compare *compare);
/*
 * Read at most REPLICA_WINDOW sectors of both legs, after replica_compare_prepare();
 * @done is called in any context.
 */
void replica_compare_read(struct replica_compare *compare, sector_t sector, sector_t sectors,
			  replica_compare_fn done, void *context);
/* Is one leg alone to blame for what takes so long?  *replica: it is the replica. */
static inline bool replica_compare_waits_for(const struct replica_compare *compare, bool *replica)
{
	*replica = READ_ONCE(compare->replica_leg.out);
	return READ_ONCE(compare->origin_leg.out) != *replica;
}

static inline bool replica_compare_origin_failed(const struct replica_compare *compare)
{
	return compare->origin_leg.status;
}

static inline bool replica_compare_replica_failed(const struct replica_compare *compare)
{
	return compare->replica_leg.status;
}

/**
 * replica_compare_next - the next run of sectors that differ
 * @sector: where to look from, and where the run begins
 * Return: its length in sectors, 0 when the rest is equal.
 */
sector_t replica_compare_next(const struct replica_compare *compare, sector_t *sector);

/*
 * struct replica_diffs - what a verify found, under replica->lock
 * @job_id: the verify
 * @full: a range was left out, for want of room
 * @carries: @carried counts as well
 * @unknown: earlier ones found something before a restart, somewhere
 * @bytes: that differ
 * @nr: used of @ranges, which are in order and do not touch
 * @nr_regions: bits of @regions
 * @found_regions: of them that are set
 * @regions: that something differs in
 * @carried: that earlier verifies found, and this one has not looked at to its end
 */
struct replica_diffs {
	u32 job_id;
	bool full;
	bool carries;
	bool unknown;
	u64 bytes;
	unsigned int nr;
	u64 nr_regions;
	u64 found_regions;
	unsigned long *regions;
	unsigned long *carried;
	struct replica_diff {
		u64 sector;
		u64 sectors;
	} ranges[DM_REPLICA_DIFFS_KEPT];
};

/* verify.c APIs: */

/**
 * replica_verify - start a job that compares the legs
 * May sleep.  Return: 0 with *job_id, or a negative errno with *error.
 */
int replica_verify(struct replica *replica, u32 *job_id, const char **error);
/* The job found a run of sectors that differ.  Process context. */
void replica_verify_found(struct replica *replica, u32 job_id, sector_t sector,
			  sector_t sectors);
/* The job has seen it all.  @trouble: what it could not compare, or NULL. */
void replica_verify_over(struct replica *replica, u32 job_id, const char *trouble);
/*
 * A copy is ordered: mark what the verifies found that was not copied since, or
 * everything when that is not known any more.  May sleep; op_mutex held.
 */
void replica_verify_mark(struct replica *replica);
/**
 * replica_verify_read - the ranges that the last verify found
 * @index: from 0
 * Return: 0, -ENOENT when there was no verify, -ERANGE behind the last one.
 */
int replica_verify_read(struct replica *replica, unsigned int index, u32 *job_id,
			struct replica_diff *diff);
void replica_diffs_free(struct replica_diffs *diffs);

#endif /* DM_REPLICA_COMPARE_H */
