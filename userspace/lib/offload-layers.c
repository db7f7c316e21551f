// SPDX-License-Identifier: LGPL-2.1-or-later
/* Where the sectors of a device are: through mapped devices and partitions, on which disk. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "offload.h"
#include "snapshot.h"
#include "sysfs.h"

/* The kernel would not stack more. */
#define FLOORS_MAX	16

void replica_layer_free(struct replica_layer *layer)
{
	if (!layer)
		return;
	for (size_t i = 0; i < layer->count; i++) {
		for (size_t j = 0; j < layer->segment[i].count; j++)
			replica_layer_free(layer->segment[i].leg[j].layer);
		free(layer->segment[i].leg);
	}
	free(layer->segment);
	free(layer);
}

/* ------------------------------------------------------------------------ */
/* A line of a table */

static int parse_linear(const char *params, struct replica_segment *s, dev_t *below)
{
	char word[32];

	if (sscanf(params, "%31s %" SCNu64, word, &s->leg[0].offset) != 2)
		return -EINVAL;
	s->count = 1;
	return replica_parse_devno(word, below);
}

/* The device itself, from its beginning. */
static int parse_origin(const char *params, struct replica_segment *s, dev_t *below)
{
	char word[32];

	if (sscanf(params, "%31s", word) != 1)
		return -EINVAL;
	s->leg[0].offset = s->start;
	s->count = 1;
	return replica_parse_devno(word, below);
}

static int parse_striped(const char *params, struct replica_segment *s, dev_t *below)
{
	unsigned int count;
	char word[32];
	int used, r = 0;

	if (sscanf(params, "%u %" SCNu64 "%n", &count, &s->chunk, &used) != 2 || !count ||
	    count > REPLICA_STRIPES_MAX || !s->chunk || s->length % (count * s->chunk))
		return -EINVAL;
	for (unsigned int i = 0; !r && i < count; i++) {
		params += used;
		if (sscanf(params, " %31s %" SCNu64 "%n", word, &s->leg[i].offset, &used) != 2)
			return -EINVAL;
		r = replica_parse_devno(word, &below[i]);
	}
	s->count = count;
	return r;
}

static const struct {
	const char *type;
	int (*parse)(const char *params, struct replica_segment *segment, dev_t *below);
} targets[] = {
	{ "linear", parse_linear },
	{ "striped", parse_striped },
	{ REPLICA_SNAP_ORIGIN_TARGET, parse_origin },
};

int replica_segment_parse(const struct replica_line *line, struct replica_segment *segment,
			  dev_t below[REPLICA_STRIPES_MAX])
{
	int r = -EINVAL;

	*segment = (struct replica_segment){ .start = line->start, .length = line->length };
	segment->leg = calloc(REPLICA_STRIPES_MAX, sizeof(*segment->leg));
	if (!segment->leg)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		if (!strcmp(line->type, targets[i].type))
			r = targets[i].parse(line->params, segment, below);
	if (!r)
		return 0;
	free(segment->leg);
	*segment = (struct replica_segment){ .count = 0 };
	return r;
}

/* ------------------------------------------------------------------------ */
/* From the system */

static struct replica_layer *read_layer(struct replica_ctx *ctx, dev_t dev, int floor, char *why);

static struct replica_layer *fail(struct replica_layer *layer, char *why, const char *sentence,
				  dev_t dev)
{
	if (why)
		snprintf(why, REPLICA_OFFLOAD_WHY, "device %u:%u %s", major(dev), minor(dev),
			 sentence);
	replica_layer_free(layer);
	return NULL;
}

/* False with why told. */
static bool read_segment(struct replica_ctx *ctx, const struct replica_line *line, int floor,
			 struct replica_layer *layer, char *why)
{
	struct replica_segment *s = &layer->segment[layer->count];
	dev_t below[REPLICA_STRIPES_MAX];

	if (replica_segment_parse(line, s, below)) {
		snprintf(why, REPLICA_OFFLOAD_WHY,
			 "device %u:%u is mapped by \"%.32s\", and only linear and striped can be copied",
			 major(layer->dev), minor(layer->dev), line->type);
		return false;
	}
	layer->count++;
	for (size_t i = 0; i < s->count; i++) {
		s->leg[i].layer = read_layer(ctx, below[i], floor, why);
		if (!s->leg[i].layer)
			return false;
	}
	return true;
}

static struct replica_layer *read_mapped(struct replica_ctx *ctx, struct replica_layer *layer,
					 int floor, char *why)
{
	struct replica_lines lines;
	bool ok;

	if (replica_lines_read(ctx, NULL, layer->dev, &lines)) {
		replica_lines_clear(&lines);
		return fail(layer, why, "does not tell its table", layer->dev);
	}
	layer->segment = calloc(lines.count ? lines.count : 1, sizeof(*layer->segment));
	ok = layer->segment && lines.count;
	if (!ok)
		fail(NULL, why, "has no table", layer->dev);
	for (size_t i = 0; ok && i < lines.count; i++)
		ok = read_segment(ctx, &lines.line[i], floor, layer, why);
	replica_lines_clear(&lines);
	if (ok)
		return layer;
	replica_layer_free(layer);
	return NULL;
}

static struct replica_layer *read_partition(struct replica_ctx *ctx, struct replica_layer *layer,
					    dev_t disk, int floor, char *why)
{
	struct replica_segment *s;
	uint64_t start, length;

	if (replica_sysfs_extent(ctx, layer->dev, &start, &length))
		return fail(layer, why, "does not tell where it is on its disk", layer->dev);
	s = calloc(1, sizeof(*s));
	layer->segment = s;
	layer->count = !!s;
	if (s)
		s->leg = calloc(1, sizeof(*s->leg));
	if (!s || !s->leg)
		return fail(layer, why, "cannot be looked at: out of memory", disk);
	s->length = length;
	s->count = 1;
	s->leg[0].offset = start;
	s->leg[0].layer = read_layer(ctx, disk, floor, why);
	if (s->leg[0].layer)
		return layer;
	replica_layer_free(layer);
	return NULL;
}

static struct replica_layer *read_layer(struct replica_ctx *ctx, dev_t dev, int floor, char *why)
{
	struct replica_layer *layer = calloc(1, sizeof(*layer));
	char name[DM_REPLICA_NAME_LEN], uuid[DM_REPLICA_UUID_LEN];
	dev_t disk = replica_sysfs_disk(ctx, dev);

	if (!layer || floor > FLOORS_MAX)
		return fail(layer, why, "lies on too many others", dev);
	layer->dev = dev;
	if (replica_sysfs_dm(ctx, dev, name, uuid))
		return read_mapped(ctx, layer, floor + 1, why);
	return disk == dev ? layer : read_partition(ctx, layer, disk, floor + 1, why);
}

struct replica_layer *replica_layer_read(struct replica_ctx *ctx, dev_t dev, char *why)
{
	return read_layer(ctx, dev, 0, why);
}

/* ------------------------------------------------------------------------ */
/* What follows from it */

/* What is between them does not matter: only where a sector ends up. */
static const struct replica_segment *segment_at(const struct replica_layer *layer, uint64_t sector)
{
	for (size_t i = 0; i < layer->count; i++)
		if (sector >= layer->segment[i].start &&
		    sector - layer->segment[i].start < layer->segment[i].length)
			return &layer->segment[i];
	return NULL;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t replica_layer_at(const struct replica_layer *layer, uint64_t sector, dev_t *disk,
			  uint64_t *at)
{
	const struct replica_segment *s;
	const struct replica_leg_below *leg;
	uint64_t inside, chunk, run;

	if (!layer->count) {
		*disk = layer->dev;
		*at = sector;
		return UINT64_MAX - sector;
	}
	s = segment_at(layer, sector);
	if (!s)
		return 0;
	inside = sector - s->start;
	run = s->length - inside;
	leg = &s->leg[0];
	if (s->chunk) {
		chunk = inside / s->chunk;
		leg = &s->leg[chunk % s->count];
		run = least(run, s->chunk - inside % s->chunk);
		inside = chunk / s->count * s->chunk + inside % s->chunk;
	}
	return least(run, replica_layer_at(leg->layer, leg->offset + inside, disk, at));
}

static bool same_segment(const struct replica_segment *a, const struct replica_segment *b)
{
	if (a->start != b->start || a->length != b->length || a->chunk != b->chunk ||
	    a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->leg[i].offset != b->leg[i].offset ||
		    !replica_layer_same(a->leg[i].layer, b->leg[i].layer))
			return false;
	return true;
}

/* A snapshot below that has gone, or come, leaves a layer that does nothing less, or more. */
static const struct replica_layer *skip_identity(const struct replica_layer *layer)
{
	while (layer->count == 1 && !layer->segment->chunk && !layer->segment->start &&
	       !layer->segment->leg->offset && layer->segment->leg->layer->count)
		layer = layer->segment->leg->layer;
	return layer;
}

bool replica_layer_same(const struct replica_layer *a, const struct replica_layer *b)
{
	a = skip_identity(a);
	b = skip_identity(b);
	if (a->count != b->count || (!a->count && a->dev != b->dev))
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same_segment(&a->segment[i], &b->segment[i]))
			return false;
	return true;
}
