// SPDX-License-Identifier: GPL-2.0-only
/*
 * I/O of the meta device; dm-replica-meta.h says how it is used.
 */
#include <linux/bitmap.h>
#include <linux/slab.h>

#include "compat.h"
#include "dm-replica-meta.h"

#define BLOCK_SECTORS		(DM_REPLICA_BLOCK_SIZE >> SECTOR_SHIFT)
#define UNITS			DM_REPLICA_LOG_SECTORS_PER_BLOCK
/* Requests that can be made without new memory. */
#define BIOS_RESERVED		16
/* Nobody waits longer than this while the device is being suspended, ms. */
#define SUSPEND_LIMIT_MS	10000U
/* A label is not worth a longer stall of the origin, ms. */
#define LABEL_LIMIT_MS		3000U

static_assert(PAGE_SIZE >= DM_REPLICA_BLOCK_SIZE);

/*
 * Requests.
 */

static void put_request(struct replica_meta_queue *queue)
{
	struct replica *replica = queue->meta->replica;

	if (!atomic_dec_and_test(&queue->pending))
		return;
	complete_all(&queue->done);
	replica_put(replica);
}

static void request_done(struct bio *bio)
{
	struct replica_meta_queue *queue = bio->bi_private;

	if (bio->bi_status)
		atomic_cmpxchg(&queue->error, 0, blk_status_to_errno(bio->bi_status));
	bio_put(bio);
	put_request(queue);
}

static bool is_busy(struct replica_meta_queue *queue)
{
	return !completion_done(&queue->done);
}

static int begin_requests(struct replica_meta_queue *queue)
{
	if (is_busy(queue))
		return -EBUSY;
	replica_get(queue->meta->replica);
	reinit_completion(&queue->done);
	atomic_set(&queue->error, 0);
	atomic_set(&queue->pending, 1);
	return 0;
}

static void add_request(struct replica_meta_queue *queue, struct block_device *bdev,
			struct page *page, u64 block, blk_opf_t opf)
{
	struct replica_meta *meta = queue->meta;
	struct bio *bio = bio_alloc_bioset(bdev, 1, opf, GFP_NOIO, &meta->bios);

	bio->bi_iter.bi_sector = block * BLOCK_SECTORS;
	bio->bi_private = queue;
	bio->bi_end_io = request_done;
	__bio_add_page(bio, page, DM_REPLICA_BLOCK_SIZE, 0);
	atomic_inc(&queue->pending);
	if (op_is_write(opf) && queue == &meta->log) {
		meta->writes++;
		meta->bytes += DM_REPLICA_BLOCK_SIZE;
	}
	submit_bio(bio);
}

static unsigned long wait_limit(struct replica_meta_queue *queue)
{
	struct replica *replica = queue->meta->replica;
	unsigned int ms = READ_ONCE(replica->settings.replica_timeout);

	/* All I/O waits, also reads, which never waited for a meta device. */
	if (READ_ONCE(replica->suspending) || READ_ONCE(replica->gate_closed))
		ms = min_not_zero(ms, SUSPEND_LIMIT_MS);
	if (queue == &queue->meta->label)
		ms = min_not_zero(ms, LABEL_LIMIT_MS);
	return ms ? msecs_to_jiffies(ms) : MAX_SCHEDULE_TIMEOUT;
}

static int end_requests(struct replica_meta_queue *queue)
{
	unsigned long start = jiffies, limit;

	put_request(queue);
	do {
		if (wait_for_completion_io_timeout(&queue->done, HZ / 4))
			return atomic_read(&queue->error);
		/* A suspend or another setting may have come. */
		limit = wait_limit(queue);
	} while (limit == MAX_SCHEDULE_TIMEOUT || time_before(jiffies, start + limit));
	return -ETIMEDOUT;
}

bool replica_meta_busy(struct replica_meta *meta)
{
	return is_busy(&meta->log);
}

bool replica_meta_any_busy(struct replica_meta *meta)
{
	return is_busy(&meta->log) || is_busy(&meta->label);
}

/* The queue's own page, and wait for it. */
static int one_request(struct replica_meta_queue *queue, struct block_device *bdev, u64 block,
		       blk_opf_t opf)
{
	int r = begin_requests(queue);

	if (r)
		return r;
	add_request(queue, bdev, queue->page, block, opf);
	return end_requests(queue);
}

/*
 * Before there is a struct replica_meta.
 */

static int read_block(struct block_device *bdev, u64 block, void *buffer)
{
	struct page *page = alloc_page(GFP_KERNEL);
	struct bio_vec vec;
	struct bio bio;
	int r;

	if (!page)
		return -ENOMEM;
	bio_init(&bio, bdev, &vec, 1, REQ_OP_READ | REQ_SYNC);
	bio.bi_iter.bi_sector = block * BLOCK_SECTORS;
	__bio_add_page(&bio, page, DM_REPLICA_BLOCK_SIZE, 0);
	r = submit_bio_wait(&bio);
	bio_uninit(&bio);
	if (!r)
		memcpy(buffer, page_address(page), DM_REPLICA_BLOCK_SIZE);
	__free_page(page);
	return r;
}

/* A superblock that cannot be read is as good as a damaged one. */
static int read_superblock(struct block_device *bdev, u64 block,
			   struct dm_replica_superblock *sb)
{
	int r = read_block(bdev, block, sb);

	if (r) {
		memset(sb, 0xff, sizeof(*sb));
		memcpy(sb->magic, DM_REPLICA_SB_MAGIC, DM_REPLICA_MAGIC_LEN);
	}
	return r;
}

/*
 * Others keep their superblocks a little behind the start of a device: it is free
 * only when it is zero up to where our log begins.  @buffer: a block
 */
static int check_zero(struct block_device *bdev, void *buffer)
{
	u64 block;
	int r;

	for (block = 0; block < DM_REPLICA_LOG_BLOCK; block++) {
		if ((block + 1) * BLOCK_SECTORS > bdev_nr_sectors(bdev))
			break;
		r = read_block(bdev, block, buffer);
		if (r)
			return r;
		if (memchr_inv(buffer, 0, DM_REPLICA_BLOCK_SIZE))
			return REPLICA_BLOCK_FOREIGN;
	}
	return REPLICA_BLOCK_ZERO;
}

int replica_meta_peek(struct block_device *bdev, struct dm_replica_superblock *sb)
{
	struct dm_replica_superblock *second;
	enum replica_verdict verdict;
	int r, which;

	second = kmalloc(sizeof(*second), GFP_KERNEL);
	if (!second)
		return -ENOMEM;
	r = read_superblock(bdev, DM_REPLICA_SB_BLOCK_0, sb);
	if (read_superblock(bdev, DM_REPLICA_SB_BLOCK_1, second) && r)
		goto out;
	which = replica_sb_choose(sb, second, &verdict);
	if (which == 1)
		memcpy(sb, second, sizeof(*sb));
	r = verdict == REPLICA_BLOCK_ZERO ? check_zero(bdev, second) : verdict;
out:
	kfree(second);
	return r;
}

char *replica_verdict_sentence(enum replica_verdict verdict)
{
	switch (verdict) {
	case REPLICA_BLOCK_FOREIGN:
		return "meta device holds something else; zero its first 128 KiB to use it";
	case REPLICA_BLOCK_DAMAGED:
		return "both superblocks of the meta device are damaged";
	case REPLICA_BLOCK_VERSION:
		return "meta device has a format of a newer version";
	case REPLICA_BLOCK_FEATURE:
		return "meta device has a feature that this version does not know";
	default:
		return "superblock of the meta device has values that cannot be";
	}
}

char *replica_role_sentence(const struct dm_replica_superblock *sb, bool clone)
{
	bool is_clone = le64_to_cpu(sb->incompat) & DM_REPLICA_FEATURE_INCOMPAT_CLONE;

	if (is_clone == clone)
		return NULL;
	return clone ? "meta device holds the log of a mirror, and the table says role clone" :
		       "meta device holds the log of a clone: the table must say role clone";
}

/*
 * Images.
 */

static void free_blocks(struct replica_meta *meta)
{
	unsigned int i;

	for (i = 0; i < meta->nr_blocks; i++)
		if (meta->blocks[i])
			__free_page(meta->blocks[i]);
	kvfree(meta->blocks);
	kvfree(meta->urgent);
	kvfree(meta->stale);
}

static void swap_blocks(struct replica_meta *meta, struct page **blocks,
			unsigned long *urgent, unsigned long *stale, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < meta->nr_blocks; i++)
		blocks[i] = meta->blocks[i];
	kvfree(meta->blocks);
	kvfree(meta->urgent);
	kvfree(meta->stale);
	meta->blocks = blocks;
	meta->urgent = urgent;
	meta->stale = stale;
	meta->nr_blocks = nr;
}

int replica_meta_set_geometry(struct replica_meta *meta, const struct replica_geometry *geometry)
{
	unsigned int i, nr = geometry->intent_blocks + geometry->bitmap_blocks;
	unsigned long *urgent, *stale;
	struct page **blocks;

	if (WARN_ON_ONCE(nr < meta->nr_blocks))
		return -EINVAL;
	blocks = kvcalloc(nr, sizeof(*blocks), GFP_KERNEL);
	urgent = kvcalloc(BITS_TO_LONGS(nr), sizeof(long), GFP_KERNEL);
	stale = kvcalloc(BITS_TO_LONGS(nr), sizeof(long), GFP_KERNEL);
	if (!blocks || !urgent || !stale)
		goto no_memory;
	for (i = meta->nr_blocks; i < nr; i++) {
		blocks[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!blocks[i])
			goto no_memory;
	}
	swap_blocks(meta, blocks, urgent, stale, nr);
	meta->geometry = *geometry;
	return 0;

no_memory:
	for (i = meta->nr_blocks; blocks && i < nr && blocks[i]; i++)
		__free_page(blocks[i]);
	kvfree(blocks);
	kvfree(urgent);
	kvfree(stale);
	return -ENOMEM;
}

/* Block of the device that an image stands for. */
static u64 place_of(struct replica_meta *meta, unsigned int block)
{
	const struct replica_geometry *geometry = &meta->geometry;

	return block < geometry->intent_blocks ? (u64)geometry->intent_start + block :
	       (u64)geometry->bitmap_start + (block - geometry->intent_blocks);
}

static u32 kind_of(struct replica_meta *meta, unsigned int block)
{
	return block < meta->geometry.intent_blocks ? DM_REPLICA_LOG_INTENTS :
						      DM_REPLICA_LOG_BITMAP;
}

static struct dm_replica_log_sector *unit_of(struct replica_meta *meta, unsigned int block,
					     unsigned int unit)
{
	struct dm_replica_log_sector *sectors = page_address(meta->blocks[block]);

	return &sectors[unit];
}

struct dm_replica_log_sector *replica_meta_intent_sector(struct replica_meta *meta, u32 slot,
							 unsigned int *block)
{
	u32 unit = slot / DM_REPLICA_INTENTS_PER_SECTOR;

	*block = unit / UNITS;
	return unit_of(meta, *block, unit % UNITS);
}

struct dm_replica_log_sector *replica_meta_bitmap_sector(struct replica_meta *meta, u64 region,
							 unsigned int *block)
{
	u32 unit = (u32)region / DM_REPLICA_BITS_PER_SECTOR;

	*block = meta->geometry.intent_blocks + unit / UNITS;
	return unit_of(meta, *block, unit % UNITS);
}

bool replica_meta_sector_good(struct replica_meta *meta, unsigned int block, unsigned int unit)
{
	return replica_log_sector_good(unit_of(meta, block, unit), kind_of(meta, block),
				       meta->sb->uuid, place_of(meta, block) * UNITS + unit);
}

static void seal_block(struct replica_meta *meta, unsigned int block)
{
	unsigned int unit;

	for (unit = 0; unit < UNITS; unit++)
		replica_log_sector_seal(unit_of(meta, block, unit), kind_of(meta, block),
					meta->sb->uuid, place_of(meta, block) * UNITS + unit,
					meta->seq);
}

/*
 * The log.
 */

int replica_meta_read_log(struct replica_meta *meta)
{
	struct blk_plug plug;
	unsigned int i;
	int r = begin_requests(&meta->log);

	if (r)
		return r;
	blk_start_plug(&plug);
	for (i = 0; i < meta->nr_blocks; i++)
		add_request(&meta->log, meta->bdev, meta->blocks[i], place_of(meta, i),
			    REQ_OP_READ | REQ_META);
	blk_finish_plug(&plug);
	r = end_requests(&meta->log);
	if (r == -ETIMEDOUT)
		return r;
	/* What could not be read is zero still, and counts as damaged. */
	if (r)
		DMWARN("%s: parts of the log cannot be read (%d)", meta->replica->name, r);
	return 0;
}

int replica_meta_write_log(struct replica_meta *meta, bool all)
{
	struct blk_plug plug;
	unsigned int i;
	int r;

	if (all)
		bitmap_or(meta->urgent, meta->urgent, meta->stale, meta->nr_blocks);
	if (bitmap_empty(meta->urgent, meta->nr_blocks))
		return 0;
	r = begin_requests(&meta->log);
	if (r)
		return r;
	meta->seq++;
	blk_start_plug(&plug);
	for_each_set_bit(i, meta->urgent, meta->nr_blocks) {
		seal_block(meta, i);
		add_request(&meta->log, meta->bdev, meta->blocks[i], place_of(meta, i),
			    REQ_OP_WRITE | REQ_META | REQ_SYNC | REQ_FUA);
	}
	blk_finish_plug(&plug);
	r = end_requests(&meta->log);
	if (r)
		return r;
	bitmap_andnot(meta->stale, meta->stale, meta->urgent, meta->nr_blocks);
	bitmap_zero(meta->urgent, meta->nr_blocks);
	return 0;
}

/*
 * Superblock and label.
 */

int replica_meta_write_sb(struct replica_meta *meta)
{
	struct dm_replica_superblock *sb = meta->sb;
	blk_opf_t opf = REQ_OP_WRITE | REQ_META | REQ_SYNC | REQ_FUA;
	int r;

	/* The page may still be under way to a device that hangs. */
	if (replica_meta_busy(meta))
		return -EBUSY;
	sb->seq = cpu_to_le64(le64_to_cpu(sb->seq) + 1);
	sb->written_ms = cpu_to_le64(ktime_to_ms(ktime_get_real()));
	replica_sb_seal(sb);
	memcpy(page_address(meta->log.page), sb, sizeof(*sb));
	r = one_request(&meta->log, meta->bdev, DM_REPLICA_SB_BLOCK_0, opf);
	return r ?: one_request(&meta->log, meta->bdev, DM_REPLICA_SB_BLOCK_1, opf);
}

int replica_meta_read_label(struct replica_meta *meta, struct block_device *leg, u64 sector,
			    struct dm_replica_label *label)
{
	int r;

	if (!sector || sector + BLOCK_SECTORS > bdev_nr_sectors(leg))
		return -ENOSPC;
	r = one_request(&meta->label, leg, div_u64(sector, BLOCK_SECTORS),
			REQ_OP_READ | REQ_META | REQ_SYNC);
	if (!r)
		memcpy(label, page_address(meta->label.page), sizeof(*label));
	return r;
}

static int write_label(struct replica_meta *meta, struct block_device *leg, u64 sector, u16 role)
{
	struct dm_replica_label *label = page_address(meta->label.page);
	struct dm_replica_superblock *sb = meta->sb;

	/* Never inside what is mirrored. */
	if (WARN_ON_ONCE(sector < meta->geometry.sectors) ||
	    sector + BLOCK_SECTORS > bdev_nr_sectors(leg))
		return -ENOSPC;
	if (is_busy(&meta->label))
		return -EBUSY;
	memset(label, 0, sizeof(*label));
	memcpy(label->uuid, sb->uuid, sizeof(label->uuid));
	label->sectors = sb->sectors;
	label->activation = sb->activation;
	label->generation = sb->generation;
	label->written_ms = cpu_to_le64(ktime_to_ms(ktime_get_real()));
	label->role = cpu_to_le16(role);
	label->swaps = sb->swaps;
	replica_label_seal(label);
	return one_request(&meta->label, leg, div_u64(sector, BLOCK_SECTORS),
			   REQ_OP_WRITE | REQ_META | REQ_SYNC | REQ_FUA);
}

int replica_meta_write_label(struct replica_meta *meta)
{
	struct replica *replica = meta->replica;
	int r = 0, r2 = 0;

	if (meta->origin_label_sector)
		r = write_label(meta, replica->origin_bdev, meta->origin_label_sector,
				DM_REPLICA_ROLE_ORIGIN);
	/* Each tells of a swap, or of a log that ended, whatever becomes of the other. */
	if (meta->label_sector)
		r2 = write_label(meta, replica->replica_bdev, meta->label_sector,
				 DM_REPLICA_ROLE_REPLICA);
	return r ?: r2;
}

/*
 * Making.
 */

static void destroy(struct replica_meta *meta)
{
	free_blocks(meta);
	if (meta->log.page)
		__free_page(meta->log.page);
	if (meta->label.page)
		__free_page(meta->label.page);
	bioset_exit(&meta->bios);
	kfree(meta->sb);
	kfree(meta);
}

static bool make_queue(struct replica_meta *meta, struct replica_meta_queue *queue)
{
	queue->meta = meta;
	init_completion(&queue->done);
	complete_all(&queue->done);
	queue->page = alloc_page(GFP_KERNEL);
	return queue->page;
}

struct replica_meta *replica_meta_create(struct replica *replica, struct block_device *bdev,
					 const struct dm_replica_superblock *sb)
{
	struct replica_meta *meta = kzalloc(sizeof(*meta), GFP_KERNEL);
	struct replica_geometry geometry;

	if (!meta)
		return NULL;
	meta->replica = replica;
	meta->bdev = bdev;
	meta->dev = bdev->bd_dev;
	if (bioset_init(&meta->bios, BIOS_RESERVED, 0, BIOSET_NEED_BVECS)) {
		kfree(meta);
		return NULL;
	}
	meta->sb = kmemdup(sb, sizeof(*sb), GFP_KERNEL);
	replica_geometry_read(&geometry, sb);
	if (!make_queue(meta, &meta->log) || !make_queue(meta, &meta->label) || !meta->sb ||
	    replica_meta_set_geometry(meta, &geometry)) {
		destroy(meta);
		return NULL;
	}
	return meta;
}

void replica_meta_destroy(struct replica_meta *meta)
{
	if (meta)
		destroy(meta);
}
