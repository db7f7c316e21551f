// SPDX-License-Identifier: GPL-2.0-only
/*
 * A window of both legs, in memory.  The caller has locked its range: nothing is
 * written there by the application meanwhile.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "dm-replica-compare.h"

/* The device waits for this memory: no I/O to get it, and no last resort. */
#define COMPARE_GFP	(GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN)

static void end_read(struct bio *bio)
{
	struct compare_leg *leg = container_of(bio, struct compare_leg, bio);
	struct replica_compare *compare = leg->compare;

	leg->status = bio->bi_status;
	WRITE_ONCE(leg->out, false);
	bio_uninit(bio);
	if (atomic_dec_and_test(&compare->pending))
		compare->done(compare->context);
}

static void submit_read(struct replica_compare *compare, struct compare_leg *leg,
			struct block_device *bdev)
{
	unsigned int i, bytes = compare->sectors << SECTOR_SHIFT;

	bio_init(&leg->bio, bdev, leg->vecs, ARRAY_SIZE(leg->vecs), REQ_OP_READ);
	leg->bio.bi_iter.bi_sector = compare->sector;
	leg->bio.bi_end_io = end_read;
	for (i = 0; bytes; i++) {
		unsigned int piece = min_t(unsigned int, bytes, PAGE_SIZE);

		__bio_add_page(&leg->bio, leg->pages[i], piece, 0);
		bytes -= piece;
	}
	submit_bio(&leg->bio);
}

static void read_work(struct work_struct *work)
{
	struct replica_compare *compare = container_of(work, struct replica_compare, work);
	struct block_device *replica_bdev = compare->replica->replica_bdev;

	/* The second submission may find it all over, and the device gone after it. */
	submit_read(compare, &compare->origin_leg, compare->replica->origin_bdev);
	submit_read(compare, &compare->replica_leg, replica_bdev);
}

void replica_compare_prepare(struct replica_compare *compare)
{
	WRITE_ONCE(compare->origin_leg.out, true);
	WRITE_ONCE(compare->replica_leg.out, true);
}

void replica_compare_read(struct replica_compare *compare, sector_t sector, sector_t sectors,
			  replica_compare_fn done, void *context)
{
	compare->sector = sector;
	compare->sectors = sectors;
	compare->done = done;
	compare->context = context;
	/* Both legs. */
	atomic_set(&compare->pending, 2);
	queue_work(replica_send_wq, &compare->work);
}

static bool sector_differs(const struct replica_compare *compare, sector_t index)
{
	unsigned int page = index / PAGE_SECTORS;
	unsigned int offset = (index % PAGE_SECTORS) << SECTOR_SHIFT;

	return memcmp(page_address(compare->origin_leg.pages[page]) + offset,
		      page_address(compare->replica_leg.pages[page]) + offset, SECTOR_SIZE);
}

sector_t replica_compare_next(const struct replica_compare *compare, sector_t *sector)
{
	sector_t first = *sector - compare->sector, end;

	while (first < compare->sectors && !sector_differs(compare, first))
		first++;
	for (end = first; end < compare->sectors && sector_differs(compare, end);)
		end++;
	*sector = compare->sector + first;
	return end - first;
}

static bool alloc_leg(struct replica_compare *compare, struct compare_leg *leg)
{
	unsigned int i;

	leg->compare = compare;
	for (i = 0; i < REPLICA_WINDOW_PAGES; i++) {
		leg->pages[i] = alloc_page(COMPARE_GFP);
		if (!leg->pages[i])
			return false;
	}
	return true;
}

static void free_leg(struct compare_leg *leg)
{
	unsigned int i;

	for (i = 0; i < REPLICA_WINDOW_PAGES && leg->pages[i]; i++)
		__free_page(leg->pages[i]);
}

struct replica_compare *replica_compare_create(struct replica *replica)
{
	struct replica_compare *compare = kzalloc(sizeof(*compare), COMPARE_GFP);

	if (!compare)
		return NULL;
	compare->replica = replica;
	INIT_WORK(&compare->work, read_work);
	if (!alloc_leg(compare, &compare->origin_leg) ||
	    !alloc_leg(compare, &compare->replica_leg)) {
		replica_compare_destroy(compare);
		return NULL;
	}
	return compare;
}

void replica_compare_destroy(struct replica_compare *compare)
{
	if (!compare)
		return;
	free_leg(&compare->origin_leg);
	free_leg(&compare->replica_leg);
	kfree(compare);
}
