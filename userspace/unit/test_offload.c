// SPDX-License-Identifier: LGPL-2.1-or-later
/* Where data lies that devices copy by themselves, and what of it has been overwritten. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fake.h"
#include "ktap.h"
#include "offload.h"
#include "random.h"
#include "sysfs.h"

/* ------------------------------------------------------------------------ */
/* Layers */

static struct replica_layer *disk(unsigned int number)
{
	struct replica_layer *layer = calloc(1, sizeof(*layer));

	layer->dev = makedev(8, number);
	return layer;
}

/* A device with these lines; each leg lies on a disk, by its number. */
static struct replica_layer *mapped(size_t count, const struct replica_line *lines)
{
	struct replica_layer *layer = calloc(1, sizeof(*layer));

	layer->dev = makedev(253, 0);
	layer->segment = calloc(count, sizeof(*layer->segment));
	for (; layer->count < count; layer->count++) {
		struct replica_segment *s = &layer->segment[layer->count];
		dev_t below[REPLICA_STRIPES_MAX];

		if (!CHECK_INT(replica_segment_parse(&lines[layer->count], s, below), 0))
			break;
		for (size_t i = 0; i < s->count; i++)
			s->leg[i].layer = disk(minor(below[i]));
	}
	return layer;
}

static void lines(void)
{
	static const struct {
		const char *type;
		const char *params;
		int r;
		size_t count;
	} cases[] = {
		{ "linear", "8:1 2048", 0, 1 },
		{ "linear", "8:1", -EINVAL, 0 },
		{ "linear", "sda 0", -EINVAL, 0 },
		{ "linear", "", -EINVAL, 0 },
		{ "striped", "2 8 8:1 0 8:2 16", 0, 2 },
		{ "striped", "2 8 8:1 0", -EINVAL, 0 },
		{ "striped", "0 8", -EINVAL, 0 },
		{ "striped", "2 0 8:1 0 8:2 16", -EINVAL, 0 },
		{ "striped", "3 8 8:1 0 8:2 0 8:3 0", -EINVAL, 0 },	/* of 64 */
		{ "striped", "65 1 8:1 0", -EINVAL, 0 },
		{ "snapshot-origin", "8:1", 0, 1 },
		{ "snapshot-merge", "8:1 8:2 P 8", -EINVAL, 0 },
		{ "thin", "253:1 1", -EINVAL, 0 },
		{ "crypt", "aes - 0 8:1 0", -EINVAL, 0 },
		{ "error", "", -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct replica_line line = { 0, 64, cases[i].type, cases[i].params };
		dev_t below[REPLICA_STRIPES_MAX];
		struct replica_segment s;

		ktap_case = cases[i].params;
		CHECK_INT(replica_segment_parse(&line, &s, below), cases[i].r);
		CHECK_INT(s.count, cases[i].count);
		free(s.leg);
	}
	ktap_case = NULL;
}

static const struct replica_line mixed[] = {
	{ 0, 100, "linear", "8:1 1000" },
	{ 100, 48, "striped", "3 8 8:2 0 8:3 500 8:4 7" },
	{ 148, 52, "snapshot-origin", "8:5" },
};

static uint64_t expected(uint64_t sector, unsigned int *number)
{
	static const uint64_t offset[] = { 0, 500, 7 };
	uint64_t inside = sector - 100;

	if (sector < 100) {
		*number = 1;
		return 1000 + sector;
	}
	if (sector >= 148) {
		*number = 5;
		return sector;
	}
	*number = 2 + inside / 8 % 3;
	return offset[inside / 8 % 3] + inside / 24 * 8 + inside % 8;
}

/* Every sector, and every one that a run promises. */
static void places(void)
{
	struct replica_layer *layer = mapped(ARRAY_SIZE(mixed), mixed);
	unsigned int number, next;
	uint64_t at, run;
	dev_t dev;

	for (uint64_t sector = 0; sector < 200; sector++) {
		run = replica_layer_at(layer, sector, &dev, &at);
		CHECK_INT(at, expected(sector, &number));
		CHECK_INT(minor(dev), number);
		CHECK(run && sector + run <= 200);
		for (uint64_t i = 0; i < run; i++) {
			CHECK_INT(expected(sector + i, &next), at + i);
			CHECK_INT(next, number);
		}
	}
	CHECK_INT(replica_layer_at(layer, 200, &dev, &at), 0);
	replica_layer_free(layer);
}

static struct replica_layer *over(struct replica_layer *below, const char *params)
{
	const struct replica_line line = { 0, 200, "linear", params };
	struct replica_layer *layer = mapped(1, &line);

	replica_layer_free(layer->segment[0].leg[0].layer);
	layer->segment[0].leg[0].layer = below;
	return layer;
}

static void same(void)
{
	struct replica_layer *a = mapped(ARRAY_SIZE(mixed), mixed);
	struct replica_layer *b = mapped(ARRAY_SIZE(mixed), mixed);
	struct replica_layer *through = over(mapped(ARRAY_SIZE(mixed), mixed), "8:9 0");
	struct replica_layer *shifted = over(mapped(ARRAY_SIZE(mixed), mixed), "8:9 8");
	struct replica_layer *one = disk(1), *two = disk(2);

	CHECK(replica_layer_same(a, b));
	CHECK(replica_layer_same(a, through));
	CHECK(!replica_layer_same(a, shifted));
	CHECK(!replica_layer_same(one, two));
	CHECK(!replica_layer_same(a, one));
	b->segment[1].leg[2].offset++;
	CHECK(!replica_layer_same(a, b));
	replica_layer_free(a);
	replica_layer_free(b);
	replica_layer_free(through);
	replica_layer_free(shifted);
	replica_layer_free(one);
	replica_layer_free(two);
}

/* A controller's folder has its namespaces, a subsystem's the controllers. */
static void paths(void)
{
	const dev_t dev = makedev(259, 0);
	struct replica_ctx *ctx = fake_ctx();

	CHECK_INT(replica_sysfs_nvme_paths(ctx, dev), 0);
	fake_disk("nvme0n1", "259:0", 1 << 20);
	CHECK_INT(replica_sysfs_nvme_paths(ctx, dev), 0);
	fake_attr("nvme0n1", "device/nvme0n1/dev", "259:0\n");
	fake_attr("nvme0n1", "device/nvme0c1n1/dev", "259:1\n");
	fake_attr("nvme0n1", "device/ng0n1/dev", "259:2\n");
	fake_attr("nvme0n1", "device/nvme/x", "");
	CHECK_INT(replica_sysfs_nvme_paths(ctx, dev), 0);
	fake_attr("nvme0n1", "device/nvme0/cntlid", "1\n");
	CHECK_INT(replica_sysfs_nvme_paths(ctx, dev), 1);
	fake_attr("nvme0n1", "device/nvme12/cntlid", "2\n");
	CHECK_INT(replica_sysfs_nvme_paths(ctx, dev), 2);
	fake_free(ctx);
}

/* ------------------------------------------------------------------------ */
/* The store of a snapshot */

static void header(void)
{
	uint8_t bytes[16] = { 'S', 'n', 'A', 'p', 1, 0, 0, 0, 1, 0, 0, 0, 16, 0, 0, 0 };

	CHECK_INT(replica_store_header(bytes), 16);
	bytes[12] = 17;			/* no power of two */
	CHECK_INT(replica_store_header(bytes), 0);
	bytes[12] = 16;
	bytes[4] = 0;			/* invalid */
	CHECK_INT(replica_store_header(bytes), 0);
	bytes[4] = 1;
	bytes[8] = 2;
	CHECK_INT(replica_store_header(bytes), 0);
	bytes[8] = 1;
	bytes[0] = 's';
	CHECK_INT(replica_store_header(bytes), 0);
}

static void put_entry(uint8_t *bytes, unsigned int n, uint64_t old, uint64_t new)
{
	for (unsigned int i = 0; i < 8; i++) {
		bytes[n * 16 + i] = old >> 8 * i;
		bytes[n * 16 + 8 + i] = new >> 8 * i;
	}
}

/* Regions of 64 sectors, chunks of 16. */
static void area(void)
{
	uint8_t bytes[8 * 16] = { 0 }, bits[2] = { 0 };
	struct replica_exceptions e = {
		.fd = -1, .chunk = 16, .region = 64, .regions = 10, .bits = bits,
	};
	bool any;

	put_entry(bytes, 0, 0, 2);		/* region 0 */
	put_entry(bytes, 1, 7, 3);		/* 1 */
	put_entry(bytes, 2, 39, 4);		/* 9 */
	put_entry(bytes, 3, 40, 5);		/* beyond the end: a torn one */
	put_entry(bytes, 4, UINT64_MAX, 6);
	put_entry(bytes, 6, 8, 7);		/* behind the first that is empty */
	CHECK_INT(replica_store_area(bytes, 8, replica_exceptions_mark, &e), 5);
	CHECK_INT(bits[0], 3);
	CHECK_INT(bits[1], 2);
	CHECK_INT(replica_exceptions_run(&e, 0, 10, &any), 2);
	CHECK(any);
	CHECK_INT(replica_exceptions_run(&e, 2, 10, &any), 9);
	CHECK(!any);
	CHECK_INT(replica_exceptions_run(&e, 2, 5, &any), 5);
	CHECK_INT(replica_exceptions_run(&e, 9, 10, &any), 10);
	CHECK(any);
}

#define CHUNK		(16 * 512)
#define ENTRIES		(CHUNK / 16)

/* A file is no disk. */
static int plain_open(struct replica_ctx *ctx, const char *path, int flags)
{
	int fd = open(path, flags & ~O_DIRECT);

	(void)ctx;
	return fd < 0 ? -errno : fd;
}

static void write_entry(int fd, uint64_t n, uint64_t old, uint64_t new)
{
	uint64_t pair[2] = { old, new };
	off_t at = (1 + n / ENTRIES * (ENTRIES + 1)) * CHUNK + n % ENTRIES * 16;

	CHECK_INT(pwrite(fd, pair, sizeof(pair), at), sizeof(pair));
}

static unsigned int marked(const struct replica_exceptions *e)
{
	unsigned int n = 0;

	for (uint64_t i = 0; i < e->regions; i++)
		n += e->bits[i / 8] >> i % 8 & 1;
	return n;
}

/* It grows over several areas, a region for each entry; some are torn when they are seen first. */
static void store_grows(void)
{
	static const struct replica_host_ops ops = { .open = plain_open };
	static const uint32_t first[4] = { 0x70416e53, 1, 1, 16 };
	struct replica_ctx ctx = { .host = &ops, .root = "" };
	char path[] = "/tmp/test_offload-XXXXXX";
	struct replica_exceptions e;
	int fd = mkstemp(path);
	uint64_t n = 0, more;

	CHECK(fd >= 0);
	CHECK_INT(replica_exceptions_open(&ctx, path, 16, 16 * 4096, 16, &e), -EBADMSG);
	CHECK_INT(pwrite(fd, first, sizeof(first), 0), sizeof(first));
	CHECK_INT(replica_exceptions_open(&ctx, path, 8, 16 * 4096, 16, &e), -EBADMSG);
	CHECK_INT(replica_exceptions_open(&ctx, path, 4, 16 * 4096, 16, &e), -EINVAL);
	CHECK_INT(replica_exceptions_open(&ctx, "/nonexistent", 16, 16, 16, &e), -ENOENT);
	if (!CHECK_INT(replica_exceptions_open(&ctx, path, 16, 16 * 4096, 16, &e), 0))
		return;
	while (n < 3000) {
		more = n + random_below(700);
		/* As what is written meanwhile may look: old chunks that are not there yet. */
		for (uint64_t i = n; i < more; i++)
			write_entry(fd, i, random_below(4) ? i + 1 : 0, i + 2);
		CHECK_INT(replica_exceptions_read(&e), 0);
		for (; n < more; n++)
			write_entry(fd, n, n + 1, n + 2);
		CHECK_INT(replica_exceptions_read(&e), 0);
		for (uint64_t i = 1; i <= n; i++)
			if (!CHECK(e.bits[i / 8] >> i % 8 & 1))
				break;
		CHECK(marked(&e) <= n + 1);
	}
	CHECK(e.area > 3);
	replica_exceptions_close(&e);
	close(fd);
	unlink(path);
}

/* A chunk that is larger than a region. */
static void wide_chunks(void)
{
	uint8_t bits[1] = { 0 };
	struct replica_exceptions e = {
		.fd = -1, .chunk = 64, .region = 16, .regions = 7, .bits = bits,
	};

	replica_exceptions_mark(1, &e);		/* 4 to 7, of which there are three */
	CHECK_INT(bits[0], 0x70);
}

/* ------------------------------------------------------------------------ */
/* Is it there? */

#define BYTES		16384

static void fill(int fd, unsigned char byte, size_t at, size_t bytes)
{
	char text[BYTES];

	memset(text, byte, bytes);
	CHECK_INT(pwrite(fd, text, bytes, at), bytes);
}

static int scratch(unsigned char byte)
{
	char path[] = "/tmp/test_offload-XXXXXX";
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	unlink(path);
	fill(fd, byte, 0, BYTES);
	return fd;
}

static void proofs(void)
{
	struct replica_proof proof = { .room = NULL };
	int from = scratch('a'), to = scratch('a');

	/* It was there before: that says nothing. */
	CHECK_INT(replica_proof_take(&proof, to, 0, 8192, 512), 0);
	CHECK_INT(replica_proof_see(&proof, from, 0, to, 0, 8192), 0);
	CHECK(!proof.lies && !proof.proven);
	/* Nothing has come, at the end of the range alone. */
	fill(from, 'b', 8192 - 512, 512);
	CHECK_INT(replica_proof_take(&proof, to, 0, 8192, 512), 0);
	CHECK_INT(replica_proof_see(&proof, from, 0, to, 0, 8192), 0);
	CHECK(proof.lies && !proof.proven);
	/* To another place. */
	CHECK_INT(replica_proof_take(&proof, to, 512, 1024, 512), 0);
	CHECK(!proof.lies);
	fill(to, 'b', 1024, 512);
	CHECK_INT(replica_proof_see(&proof, from, 8192 - 1024, to, 512, 1024), 0);
	CHECK(!proof.lies && proof.proven);
	/* Once is enough. */
	CHECK_INT(replica_proof_take(&proof, -1, 0, 512, 512), 0);
	CHECK_INT(replica_proof_see(&proof, -1, 0, -1, 0, 512), 0);
	replica_proof_free(&proof);

	/* Large blocks; what cannot be read. */
	fill(from, 'c', 0, BYTES);
	CHECK_INT(replica_proof_take(&proof, to, 0, BYTES, 8192), 0);
	CHECK_INT(proof.bytes, 8192);
	CHECK_INT(replica_proof_see(&proof, from, 8192, to, 0, BYTES), -EIO);
	CHECK_INT(replica_proof_see(&proof, from, 0, to, 0, BYTES), 0);
	CHECK(proof.lies);
	CHECK_INT(replica_proof_take(&proof, -1, 0, BYTES, 8192), -EBADF);
	replica_proof_free(&proof);
	close(from);
	close(to);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		{ "lines of tables", lines },
		{ "where a sector is", places },
		{ "is everything where it was", same },
		{ "paths to a namespace of NVMe", paths },
		{ "the header of a store", header },
		{ "an area of a store", area },
		{ "a store as it grows, seen in the middle of writes", store_grows },
		{ "chunks that are larger than regions", wide_chunks },
		{ "a proof that something came", proofs },
	};

	return ktap_run(tests, ARRAY_SIZE(tests));
}
