// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dm-lines.h"
#include "fake.h"
#include "signature.h"
#include "sysfs.h"

#define NODES	32

static struct node {
	char path[64];
	bool block;
	dev_t devno;
	int open_error;
	const char *signature;
	const char *signature_id;
	const char *image;		/* file with what is on the device */
} nodes[NODES];

static char root[64];
static char dm_names[8][64];
static struct replica_line table;
static const char *table_of, *table_uuid;
static size_t nr_dm_names;

static void fail(const char *what)
{
	perror(what);
	abort();
}

static struct node *find_node(const char *path)
{
	for (size_t i = 0; i < NODES; i++)
		if (nodes[i].path[0] && strcmp(nodes[i].path, path) == 0)
			return &nodes[i];
	return NULL;
}

static int fake_devno(struct replica_ctx *ctx, const char *path, dev_t *devno)
{
	struct node *node = find_node(path);

	(void)ctx;
	if (!node)
		return -ENOENT;
	if (!node->block)
		return -ENOTBLK;
	*devno = node->devno;
	return 0;
}

static int fake_open_excl(struct replica_ctx *ctx, const char *path)
{
	(void)ctx;
	return -find_node(path)->open_error;
}

static int fake_probe(struct replica_ctx *ctx, const char *path,
		      struct replica_signature *sig)
{
	struct node *node = find_node(path);

	(void)ctx;
	memset(sig, 0, sizeof(*sig));
	if (node->signature) {
		sig->count = 1;
		snprintf(sig->text, sizeof(sig->text), "%s", node->signature);
		snprintf(sig->id, sizeof(sig->id), "%s", node->signature_id);
	}
	return 0;
}

static int fake_dm_exists(struct replica_ctx *ctx, const char *name)
{
	(void)ctx;
	for (size_t i = 0; i < nr_dm_names; i++)
		if (strcmp(dm_names[i], name) == 0)
			return 1;
	return 0;
}

static int fake_open(struct replica_ctx *ctx, const char *path, int flags)
{
	struct node *node = find_node(path);
	int fd;

	(void)ctx;
	if (!node || !node->image)
		return -ENOENT;
	if (flags & O_EXCL && node->open_error)
		return -node->open_error;
	fd = open(node->image, flags & ~O_EXCL);
	return fd < 0 ? -errno : fd;
}

/* As from the kernel: the caller frees it. */
static int fake_lines(struct replica_ctx *ctx, const char *name, struct replica_lines *lines)
{
	(void)ctx;
	memset(lines, 0, sizeof(*lines));
	if (!table.type || strcmp(name, table_of))
		return -ENXIO;
	snprintf(lines->name, sizeof(lines->name), "%s", name);
	snprintf(lines->uuid, sizeof(lines->uuid), "%s", table_uuid);
	lines->line = calloc(1, sizeof(*lines->line));
	if (!lines->line)
		abort();
	lines->count = 1;
	lines->line->length = table.length;
	lines->line->type = strdup(table.type);
	lines->line->params = strdup(table.params);
	return 0;
}

static const struct replica_host_ops fake_host = {
	.devno = fake_devno,
	.open_excl = fake_open_excl,
	.signature = fake_probe,
	.dm_exists = fake_dm_exists,
	.lines = fake_lines,
	.open = fake_open,
};

static void make_dirs(const char *path)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *p = copy + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdir(copy, 0755) && errno != EEXIST)
			fail(copy);
		*p = '/';
	}
}

void fake_file(const char *path, const char *text)
{
	char full[PATH_MAX];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	make_dirs(full);
	f = fopen(full, "w");
	if (!f || fputs(text, f) < 0 || fclose(f))
		fail(full);
}

/* The directory of a device: partitions are inside their disk. */
static void dev_dir(const char *kname, char dir[PATH_MAX])
{
	char disk[32];

	snprintf(disk, sizeof(disk), "%s", kname);
	disk[strcspn(disk, "0123456789")] = '\0';
	snprintf(dir, PATH_MAX, "/sys/devices/block/%s%s%s",
		 strncmp(kname, "dm-", 3) && strcmp(disk, kname) ? disk : "",
		 strncmp(kname, "dm-", 3) && strcmp(disk, kname) ? "/" : "", kname);
}

void fake_attr(const char *kname, const char *attr, const char *value)
{
	char dir[PATH_MAX], path[PATH_MAX + 64];

	dev_dir(kname, dir);
	snprintf(path, sizeof(path), "%s/%s", dir, attr);
	fake_file(path, value);
}

void fake_node(const char *path, const char *devno)
{
	for (size_t i = 0; i < NODES; i++) {
		struct node *n = &nodes[i];

		if (n->path[0])
			continue;
		memset(n, 0, sizeof(*n));
		snprintf(n->path, sizeof(n->path), "%s", path);
		n->block = !!devno;
		if (devno && replica_parse_devno(devno, &n->devno))
			abort();
		return;
	}
	abort();
}

static void make_device(const char *kname, const char *devno, uint64_t size)
{
	char dir[PATH_MAX], link[PATH_MAX + 64], to[PATH_MAX + 64], text[32];

	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)size >> 9);
	fake_attr(kname, "size", text);
	fake_attr(kname, "ro", "0\n");
	snprintf(text, sizeof(text), "%s\n", devno);
	fake_attr(kname, "dev", text);
	fake_attr(kname, "holders/.keep", "");
	fake_attr(kname, "slaves/.keep", "");
	dev_dir(kname, dir);
	snprintf(link, sizeof(link), "%s/sys/dev/block/%s", root, devno);
	make_dirs(link);
	snprintf(to, sizeof(to), "../../devices/block/%s",
		 dir + strlen("/sys/devices/block/"));
	if (symlink(to, link))
		fail(link);
	snprintf(to, sizeof(to), "/dev/%s", kname);
	fake_node(to, devno);
}

void fake_disk(const char *kname, const char *devno, uint64_t size)
{
	make_device(kname, devno, size);
	fake_attr(kname, "queue/logical_block_size", "512\n");
}

void fake_part(const char *disk, const char *kname, const char *devno,
	       uint64_t size)
{
	(void)disk;
	make_device(kname, devno, size);
	fake_attr(kname, "partition", "1\n");
}

void fake_dm(const char *kname, const char *devno, uint64_t size,
	     const char *dm_name)
{
	char text[96];

	fake_disk(kname, devno, size);
	snprintf(text, sizeof(text), "%s\n", dm_name);
	fake_attr(kname, "dm/name", text);
	snprintf(text, sizeof(text), "/dev/mapper/%s", dm_name);
	fake_node(text, devno);
	snprintf(dm_names[nr_dm_names++], sizeof(dm_names[0]), "%s", dm_name);
}

void fake_table(const char *dm_name, const char *uuid, const char *type,
		const char *params)
{
	table = (struct replica_line){ .length = 8, .type = type, .params = params };
	table_of = dm_name;
	table_uuid = uuid;
}

static void link_device(const char *from, const char *where, const char *kname)
{
	char from_dir[PATH_MAX], to_dir[PATH_MAX];
	char link[2 * PATH_MAX], to[2 * PATH_MAX];

	dev_dir(from, from_dir);
	dev_dir(kname, to_dir);
	snprintf(link, sizeof(link), "%s%s/%s/%s", root, from_dir, where, kname);
	snprintf(to, sizeof(to), "%s%s", root, to_dir);
	if (symlink(to, link))
		fail(link);
}

void fake_stack(const char *kname, const char *slave)
{
	link_device(kname, "slaves", slave);
	link_device(slave, "holders", kname);
}

void fake_open_error(const char *path, int err)
{
	find_node(path)->open_error = err;
}

void fake_signature(const char *path, const char *text, const char *id)
{
	find_node(path)->signature = text;
	find_node(path)->signature_id = id;
}

void fake_image(const char *path, const char *file)
{
	find_node(path)->image = file;
}

struct replica_ctx *fake_ctx(void)
{
	struct replica_ctx *ctx = replica_ctx_new();

	memset(nodes, 0, sizeof(nodes));
	nr_dm_names = 0;
	memset(&table, 0, sizeof(table));
	snprintf(root, sizeof(root), "/tmp/replica-unit-XXXXXX");
	if (!ctx || !mkdtemp(root))
		fail("fake_ctx");
	ctx->root = root;
	ctx->host = &fake_host;
	fake_file("/proc/self/mountinfo", "");
	fake_file("/proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n");
	replica_error_begin(ctx, "Test");
	return ctx;
}

static int remove_one(const char *path, const struct stat *st, int flag,
		      struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void fake_free(struct replica_ctx *ctx)
{
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	replica_ctx_free(ctx);
}
