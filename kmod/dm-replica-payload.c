// SPDX-License-Identifier: GPL-2.0-only
/*
 * Private copies of what is written.
 *
 * Both legs are written from one copy, so that a buffer that the application
 * changes while the write is under way cannot make them differ.  Pages that the
 * kernel keeps stable by itself are not copied.
 *
 * Memory: a copy is made of pieces of up to 32 KiB, where the page allocator
 * gives them at once, else of single pages out of a pool that holds enough for
 * the largest write.  Nobody here waits for memory: who does not get all of it
 * gives back what he got and tries again from the worker, one write at a time,
 * so that two writes can never hold half of what each needs.
 */
#include <linux/highmem.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "dm-replica-io.h"
#include "compat.h"

#define PAYLOAD_ORDER	3
#define PAYLOAD_GFP	(GFP_NOWAIT | __GFP_NOWARN | __GFP_NORETRY | __GFP_NOMEMALLOC)
/* The data of one zone, and a page for the table of its pieces. */
#define PAYLOAD_RESERVE	((REPLICA_ZONE_SECTORS >> PAGE_SECTORS_SHIFT) + 1)

static_assert(PAGE_SIZE / sizeof(struct bio_vec) >=
	      (REPLICA_ZONE_SECTORS >> PAGE_SECTORS_SHIFT));

struct replica_payload_pool {
	mempool_t pages;
};

bool replica_payload_short(struct replica_payload_pool *pool)
{
	return READ_ONCE(pool->pages.curr_nr) < PAYLOAD_RESERVE;
}

struct page *replica_payload_page_alloc(struct replica_payload_pool *pool)
{
	return mempool_alloc(&pool->pages, PAYLOAD_GFP);
}

void replica_payload_page_free(struct replica_payload_pool *pool, struct page *page)
{
	mempool_free(page, &pool->pages);
}

void replica_payload_piece_free(struct page *page)
{
	__free_pages(page, PAYLOAD_ORDER);
}

struct replica_payload_pool *replica_payload_pool_create(void)
{
	struct replica_payload_pool *pool;

	pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	if (!pool)
		return NULL;
	if (mempool_init_page_pool(&pool->pages, PAYLOAD_RESERVE, 0)) {
		kfree(pool);
		return NULL;
	}
	return pool;
}

void replica_payload_pool_destroy(struct replica_payload_pool *pool)
{
	if (!pool)
		return;
	mempool_exit(&pool->pages);
	kfree(pool);
}

/*
 * Writeback of a file system that honours stable writes: whoever wants to change
 * the page waits until this very bio has ended its writeback.  Not so the page
 * cache of a block device, whose users change buffers as they like, and pages
 * that are mapped or pinned, which a device may write to.
 */
static bool folio_is_stable(struct folio *folio)
{
	struct address_space *mapping;

	if (!folio_test_writeback(folio) || folio_test_swapcache(folio) ||
	    folio_mapped(folio) || folio_maybe_dma_pinned(folio))
		return false;
	mapping = folio_mapping(folio);
	return mapping && mapping_stable_writes(mapping) && !S_ISBLK(mapping->host->i_mode);
}

bool replica_payload_unstable(struct bio *bio)
{
	struct folio *seen = NULL;
	struct bvec_iter iter;
	struct bio_vec bv;

	/*
	 * Direct I/O says so with REQ_IDLE.  Its buffer can be anything, even a
	 * page of a file that happens to be under writeback.
	 */
	if (bio->bi_opf & REQ_IDLE)
		return true;

	bio_for_each_segment(bv, bio, iter) {
		struct folio *folio = page_folio(bv.bv_page);

		if (folio != seen && !folio_is_stable(folio))
			return true;
		seen = folio;
	}
	return false;
}

static bool stash_piece(struct replica *replica, struct page *page)
{
	struct replica_stash *stash;
	unsigned long flags;
	bool kept;

	local_irq_save(flags);
	stash = this_cpu_ptr(replica->stash);
	kept = stash->nr_pieces < replica->stash_pieces_max;
	if (kept)
		stash->pieces[stash->nr_pieces++] = page;
	local_irq_restore(flags);
	return kept;
}

static struct page *stashed_piece(struct replica *replica)
{
	struct replica_stash *stash;
	struct page *page = NULL;
	unsigned long flags;

	local_irq_save(flags);
	stash = this_cpu_ptr(replica->stash);
	if (stash->nr_pieces)
		page = stash->pieces[--stash->nr_pieces];
	local_irq_restore(flags);
	return page;
}

static void free_piece(struct replica *replica, struct page *page)
{
	unsigned int order = compound_order(page);

	if (!PageCompound(page))
		mempool_free(page, &replica->payload->pages);
	else if (order != PAYLOAD_ORDER || !stash_piece(replica, page))
		__free_pages(page, order);
}

void replica_payload_release(struct replica_request *request)
{
	struct replica *replica = request->replica;
	unsigned int i;

	for (i = 0; i < request->nr_vecs; i++) {
		if (request->borrowed)
			put_page(request->vecs[i].bv_page);
		else
			free_piece(replica, request->vecs[i].bv_page);
	}
	if (request->vecs != request->inline_vecs)
		mempool_free(virt_to_page(request->vecs), &replica->payload->pages);
	request->nr_vecs = 0;
}

static struct page *alloc_piece(struct replica *replica, unsigned int bytes, unsigned int *got)
{
	unsigned int order = min_t(unsigned int, get_order(bytes), PAYLOAD_ORDER);
	struct page *page = order == PAYLOAD_ORDER ? stashed_piece(replica) : NULL;

	for (; !page && order; order--) {
		page = alloc_pages(PAYLOAD_GFP | __GFP_COMP, order);
		if (page)
			break;
	}
	if (!page)
		page = mempool_alloc(&replica->payload->pages, PAYLOAD_GFP);
	*got = min_t(unsigned int, bytes, PAGE_SIZE << order);
	return page;
}

static struct bio_vec *alloc_table(struct replica_payload_pool *pool,
				   struct replica_request *request, unsigned int pieces)
{
	struct page *page;

	if (pieces <= REPLICA_INLINE_VECS)
		return request->inline_vecs;

	page = mempool_alloc(&pool->pages, PAYLOAD_GFP);
	return page ? page_address(page) : NULL;
}

unsigned int replica_payload_cost(unsigned int bytes)
{
	unsigned int rest = bytes % (PAGE_SIZE << PAYLOAD_ORDER), cost = bytes - rest;

	if (rest)
		cost += PAGE_SIZE << get_order(rest);
	/* The table of the pieces. */
	return DIV_ROUND_UP(bytes, PAGE_SIZE) > REPLICA_INLINE_VECS ? cost + PAGE_SIZE : cost;
}

static bool alloc_copy(struct replica_request *request, unsigned int bytes)
{
	struct replica *replica = request->replica;

	/* Even if every piece is but one page. */
	request->vecs = alloc_table(replica->payload, request, DIV_ROUND_UP(bytes, PAGE_SIZE));
	if (!request->vecs)
		return false;

	request->nr_vecs = 0;
	while (bytes) {
		unsigned int got;
		struct page *page = alloc_piece(replica, bytes, &got);

		if (!page) {
			replica_payload_release(request);
			return false;
		}
		bvec_set_page(&request->vecs[request->nr_vecs++], page, got, 0);
		bytes -= got;
	}
	return true;
}

static void copy_bytes(void *to, const void *from, unsigned int bytes)
{
	if (bytes == PAGE_SIZE && PAGE_ALIGNED(to) && PAGE_ALIGNED(from))
		copy_page(to, (void *)from);
	else
		memcpy(to, from, bytes);
}

/* Between the pages of @bio and the private ones, in either direction. */
static void copy_data(struct replica_request *request, struct bio *bio, bool back)
{
	struct bvec_iter mine = { .bi_size = bio->bi_iter.bi_size };
	struct bvec_iter iter;
	struct bio_vec bv;

	bio_for_each_segment(bv, bio, iter) {
		void *theirs = bvec_kmap_local(&bv);
		unsigned int done = 0;

		while (done < bv.bv_len) {
			struct bio_vec piece = mp_bvec_iter_bvec(request->vecs, mine);
			void *copy = page_address(piece.bv_page) + piece.bv_offset;
			unsigned int bytes = min(piece.bv_len, bv.bv_len - done);

			if (back)
				copy_bytes(theirs + done, copy, bytes);
			else
				copy_bytes(copy, theirs + done, bytes);
			bvec_iter_advance_single(request->vecs, &mine, bytes);
			done += bytes;
		}
		if (back)
			flush_dcache_page(bv.bv_page);
		kunmap_local(theirs);
	}
}

/* Most writes are one page, which the request has kept: no iterators. */
static bool attach_one_page(struct replica_request *request, struct bio *bio)
{
	struct bio_vec bv = bio_iovec(bio);
	void *from;

	if (unlikely(!request->page)) {
		request->page = replica_payload_page_alloc(request->replica->payload);
		if (!request->page)
			return false;
	}
	from = bvec_kmap_local(&bv);
	copy_bytes(page_address(request->page), from, bv.bv_len);
	kunmap_local(from);

	request->vecs = request->inline_vecs;
	bvec_set_page(&request->vecs[0], request->page, bv.bv_len, 0);
	return true;
}

static bool attach_copy(struct replica_request *request, struct bio *bio)
{
	if (bio_iter_len(bio, bio->bi_iter) == bio->bi_iter.bi_size)
		return attach_one_page(request, bio);

	if (!alloc_copy(request, bio->bi_iter.bi_size))
		return false;
	copy_data(request, bio, false);
	return true;
}

/*
 * A request that is given up outlives the bio: it needs its own table, and a
 * reference on each page.  Pages that cannot be had so are copied.
 */
enum borrowing { BORROWED, CANNOT_BORROW, NO_MEMORY };

static enum borrowing attach_borrowed(struct replica_request *request, struct bio *bio)
{
	struct bvec_iter iter;
	struct bio_vec bv;
	unsigned int n = 0;

	bio_for_each_segment(bv, bio, iter) {
		if (PageSlab(bv.bv_page) || !page_count(bv.bv_page))
			return CANNOT_BORROW;
		n++;
	}
	if (n > PAGE_SIZE / sizeof(struct bio_vec))
		return CANNOT_BORROW;
	request->vecs = alloc_table(request->replica->payload, request, n);
	if (!request->vecs)
		return NO_MEMORY;

	bio_for_each_segment(bv, bio, iter) {
		get_page(bv.bv_page);
		request->vecs[request->nr_vecs++] = bv;
	}
	request->borrowed = true;
	request->bio.bi_io_vec = request->vecs;
	request->bio.bi_iter.bi_sector = bio->bi_iter.bi_sector;
	request->bio.bi_iter.bi_size = bio->bi_iter.bi_size;
	return BORROWED;
}

bool replica_payload_attach(struct replica_request *request, struct bio *bio, bool copy)
{
	struct replica *replica = request->replica;
	struct replica_io *io = request->io;
	enum borrowing borrowing;

	if (!bio_has_data(bio)) {
		request->bio.bi_iter = bio->bi_iter;
		return true;
	}
	if (!copy) {
		borrowing = attach_borrowed(request, bio);
		if (likely(borrowing == BORROWED))
			replica_count(replica, DM_REPLICA_C_PAYLOAD_SHARED,
				      bio->bi_iter.bi_size);
		if (borrowing != CANNOT_BORROW)
			return borrowing == BORROWED;
	}
	if (!attach_copy(request, bio))
		return false;
	replica_count(replica, DM_REPLICA_C_PAYLOAD_COPIED, bio->bi_iter.bi_size);

	io->vecs = bio->bi_io_vec;
	bio->bi_io_vec = request->vecs;
	bio->bi_iter.bi_idx = 0;
	bio->bi_iter.bi_bvec_done = 0;
	request->bio.bi_io_vec = request->vecs;
	request->bio.bi_iter = bio->bi_iter;
	return true;
}

bool replica_payload_attach_read(struct replica_request *request, const struct bvec_iter *iter)
{
	if (!alloc_copy(request, iter->bi_size))
		return false;
	request->bio.bi_io_vec = request->vecs;
	request->bio.bi_iter.bi_sector = iter->bi_sector;
	request->bio.bi_iter.bi_size = iter->bi_size;
	return true;
}

void replica_payload_copy_back(struct replica_request *request, struct bio *bio)
{
	copy_data(request, bio, true);
}
