// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which chunks a snapshot has taken out of its origin, as dm-snapshot writes it to a
 * persistent store: a chunk with a header, then areas, each a chunk of entries and the chunks
 * that they are about.  Entries are added and never taken away while there is no merge.
 *
 * What is read while it is being written may be torn: an entry that says anything, of a write
 * that does no harm yet.  So an area is read again and again, until it has been read after an
 * entry was seen in a later one, which is written only when this one has been.
 *
 * dm-snapshot goes past the page cache, and so does this.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "offload.h"

#define MAGIC		0x70416e53	/* "SnAp" */
#define VERSION		1
#define BLOCK		4096		/* for O_DIRECT, and whatever a logical block is */

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

static uint64_t get64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return le64toh(value);
}

/* Magic, valid, version, chunk. */
uint32_t replica_store_header(const uint8_t *bytes)
{
	uint32_t chunk = get32(bytes + 12);

	if (get32(bytes) != MAGIC || !get32(bytes + 4) || get32(bytes + 8) != VERSION)
		return 0;
	return chunk & (chunk - 1) ? 0 : chunk;
}

/* Old chunk, new chunk; the new one of an entry that is not used is the header's. */
uint32_t replica_store_area(const uint8_t *bytes, uint32_t count,
			    void (*mark)(uint64_t chunk, void *data), void *data)
{
	uint32_t n;

	for (n = 0; n < count; n++) {
		const uint8_t *entry = bytes + (size_t)n * REPLICA_STORE_ENTRY;

		if (!get64(entry + 8))
			break;
		mark(get64(entry), data);
	}
	return n;
}

/* ------------------------------------------------------------------------ */

static size_t area_bytes(const struct replica_exceptions *e)
{
	return (size_t)e->chunk << SECTOR_SHIFT;
}

static uint32_t area_entries(const struct replica_exceptions *e)
{
	return area_bytes(e) / REPLICA_STORE_ENTRY;
}

static off_t area_offset(const struct replica_exceptions *e, uint64_t area)
{
	return (1 + area * (area_entries(e) + 1ULL)) * area_bytes(e);
}

static size_t buffer_bytes(const struct replica_exceptions *e)
{
	return area_bytes(e) > BLOCK ? area_bytes(e) : BLOCK;
}

/* 0 or -errno; what is behind the end of the store is empty. */
static int read_at(const struct replica_exceptions *e, off_t offset, size_t bytes)
{
	ssize_t got = pread(e->fd, e->buffer, bytes, offset);

	if (got < 0)
		return -errno;
	memset(e->buffer + got, 0, bytes - got);
	return 0;
}

void replica_exceptions_mark(uint64_t chunk, void *data)
{
	struct replica_exceptions *e = data;
	uint64_t first, last;

	/* A torn entry of a write under way may say anything. */
	if (chunk > e->regions * e->region / e->chunk)
		return;
	first = chunk * e->chunk / e->region;
	last = (chunk * e->chunk + e->chunk - 1) / e->region;
	for (; first <= last && first < e->regions; first++)
		e->bits[first / 8] |= 1U << first % 8;
}

int replica_exceptions_read(struct replica_exceptions *e)
{
	uint32_t n, count = area_entries(e);
	uint64_t area, begun = e->begun;
	int r;

	for (area = e->area; ; area++) {
		r = read_at(e, area_offset(e, area), area_bytes(e));
		if (r)
			return r;
		n = replica_store_area(e->buffer, count, replica_exceptions_mark, e);
		if (n)
			begun = area;
		if (n < count)
			break;
	}
	/* Those before it have just been read once more. */
	e->area = e->begun;
	e->begun = begun;
	return 0;
}

uint64_t replica_exceptions_run(const struct replica_exceptions *e, uint64_t first, uint64_t end,
				bool *any)
{
	*any = e->bits[first / 8] >> first % 8 & 1;
	while (first < end && (e->bits[first / 8] >> first % 8 & 1) == *any)
		first++;
	return first;
}

void replica_exceptions_close(struct replica_exceptions *e)
{
	if (e->fd >= 0)
		close(e->fd);
	free(e->buffer);
	free(e->bits);
	*e = (struct replica_exceptions){ .fd = -1 };
}

static int open_store(struct replica_ctx *ctx, const char *path, struct replica_exceptions *e)
{
	int r;

	e->bits = calloc(e->regions / 8 + 1, 1);
	if (!e->bits || posix_memalign((void **)&e->buffer, BLOCK, buffer_bytes(e))) {
		e->buffer = NULL;
		return -ENOMEM;
	}
	e->fd = ctx->host->open(ctx, path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (e->fd < 0)
		return e->fd;
	r = read_at(e, 0, BLOCK);
	if (r)
		return r;
	return replica_store_header(e->buffer) == e->chunk ? 0 : -EBADMSG;
}

int replica_exceptions_open(struct replica_ctx *ctx, const char *path, uint32_t chunk,
			    uint64_t sectors, uint64_t region, struct replica_exceptions *e)
{
	int r;

	*e = (struct replica_exceptions){
		.fd = -1, .chunk = chunk, .region = region,
		.regions = (sectors + region - 1) / region,
	};
	/* An area of less could not be read by itself on a disk of large blocks. */
	if ((chunk << SECTOR_SHIFT) % BLOCK || !chunk)
		return -EINVAL;
	r = open_store(ctx, path, e);
	if (r)
		replica_exceptions_close(e);
	return r;
}
