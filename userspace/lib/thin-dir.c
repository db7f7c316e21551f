// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The directory of a pool of dm-thin: two copies, of which the one that was written earlier is
 * overwritten, so that one is whole at any time.  A copy is a head of 512 bytes and an entry of
 * 512 bytes for each volume, numbers in little endian, texts ended by a zero.
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ondisk-user.h"
#include "thin.h"

#define MAGIC		"DM-REPLICA THIN"	/* 16 bytes with its end */
#define VERSION		1
#define STATE_MADE	1

struct disk_head {
	char magic[16];
	u32 version;
	u32 checksum;			/* of the whole copy, with a zero here */
	u64 seq;
	u32 count;
	u8 zero[476];
};

struct disk_entry {
	u32 id;
	u32 state;
	u64 sectors;
	char uuid[64];
	char name[128];
	char tags[304];
};

struct disk_copy {
	struct disk_head head;
	struct disk_entry entry[REPLICA_THIN_MAX];
};

static_assert(sizeof(struct disk_head) == 512 && sizeof(struct disk_entry) == 512,
	      "the layout has no holes");
static_assert(sizeof(struct disk_copy) == REPLICA_THIN_COPY_BYTES, "it fills its place");

static u32 checksum_of(const struct disk_copy *copy)
{
	struct disk_head head = copy->head;
	u32 crc;

	head.checksum = 0;
	crc = crc32c(~0U, &head, sizeof(head));
	return cpu_to_le32(crc32c(crc, copy->entry, sizeof(copy->entry)));
}

/* ------------------------------------------------------------------------ */

static bool is_word(const char *text, size_t size, const char *also)
{
	size_t len = strnlen(text, size);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr(also, text[i]))
			return false;
	return len < size;
}

static bool take_entry(const struct disk_entry *e, struct replica_thin_volume *v)
{
	v->id = le32_to_cpu(e->id);
	v->made = le32_to_cpu(e->state) == STATE_MADE;
	v->sectors = le64_to_cpu(e->sectors);
	if (v->id <= REPLICA_THIN_FIRST || v->id >> 24 || !v->sectors ||
	    v->sectors > UINT64_MAX >> SECTOR_SHIFT || !is_word(e->uuid, sizeof(e->uuid), "-") ||
	    !is_word(e->name, sizeof(e->name), "+_.-") ||
	    !is_word(e->tags, sizeof(e->tags), "+_.-,"))
		return false;
	memcpy(v->uuid, e->uuid, sizeof(v->uuid));
	memcpy(v->name, e->name, sizeof(v->name));
	memcpy(v->tags, e->tags, sizeof(v->tags));
	return replica_lvm_name_ok(v->name) &&
	       !strncmp(v->uuid, REPLICA_THIN_UUID_PREFIX, strlen(REPLICA_THIN_UUID_PREFIX));
}

bool replica_thin_encode(const struct replica_thin_dir *dir, void *copy)
{
	struct disk_copy *disk = copy;
	struct replica_thin_volume back;
	bool good = true;

	memset(disk, 0, sizeof(*disk));
	memcpy(disk->head.magic, MAGIC, sizeof(disk->head.magic));
	disk->head.version = cpu_to_le32(VERSION);
	disk->head.seq = cpu_to_le64(dir->seq);
	disk->head.count = cpu_to_le32(dir->count);
	for (size_t i = 0; i < dir->count; i++) {
		const struct replica_thin_volume *v = &dir->volume[i];
		struct disk_entry *e = &disk->entry[i];

		e->id = cpu_to_le32(v->id);
		e->state = cpu_to_le32(v->made ? STATE_MADE : 0);
		e->sectors = cpu_to_le64(v->sectors);
		memcpy(e->uuid, v->uuid, strnlen(v->uuid, sizeof(e->uuid) - 1));
		memcpy(e->name, v->name, strnlen(v->name, sizeof(e->name) - 1));
		memcpy(e->tags, v->tags, strnlen(v->tags, sizeof(e->tags) - 1));
		good &= take_entry(e, &back);
	}
	disk->head.checksum = checksum_of(disk);
	return good;
}

static bool take_copy(const struct disk_copy *disk, struct replica_thin_dir *dir)
{
	if (memcmp(disk->head.magic, MAGIC, sizeof(disk->head.magic)) ||
	    le32_to_cpu(disk->head.version) != VERSION ||
	    disk->head.checksum != checksum_of(disk) ||
	    le32_to_cpu(disk->head.count) > REPLICA_THIN_MAX)
		return false;
	dir->seq = le64_to_cpu(disk->head.seq);
	dir->count = le32_to_cpu(disk->head.count);
	for (size_t i = 0; i < dir->count; i++)
		if (!take_entry(&disk->entry[i], &dir->volume[i]))
			return false;
	return true;
}

static bool is_zero(const struct disk_copy *disk)
{
	return !memchr_inv(disk, 0, sizeof(*disk));
}

/* Of one that was never written whole and is the first there is nothing to lose. */
static bool was_begun(const struct disk_copy *one, const struct disk_copy *other)
{
	return is_zero(other) && !memcmp(one->head.magic, MAGIC, sizeof(one->head.magic));
}

int replica_thin_decode(const void *copies, struct replica_thin_dir *dir)
{
	const struct disk_copy *disk = copies;
	u64 seq;

	if (!take_copy(&disk[1], dir)) {
		if (take_copy(&disk[0], dir))
			return 0;
		memset(dir, 0, sizeof(*dir));
		if (is_zero(&disk[0]) && is_zero(&disk[1]))
			return -ENODATA;
		return was_begun(&disk[0], &disk[1]) || was_begun(&disk[1], &disk[0]) ?
		       0 : -EBADMSG;
	}
	seq = dir->seq;
	if (!take_copy(&disk[0], dir) || dir->seq < seq)
		take_copy(&disk[1], dir);
	return 0;
}

/* ------------------------------------------------------------------------ */

void replica_thin_drop(struct replica_thin_dir *dir, struct replica_thin_volume *volume)
{
	size_t index = volume - dir->volume;

	dir->count--;
	memmove(volume, volume + 1, (dir->count - index) * sizeof(*volume));
}

/* Where a word begins in a list; NULL if it is not there. */
static char *find_word(char *tags, const char *word, size_t len)
{
	for (char *at = tags; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, word, len) && (!at[len] || at[len] == ','))
			return at;
	}
	return NULL;
}

static void take_away(char *tags, const char *word, size_t len)
{
	char *at = find_word(tags, word, len);

	if (!at)
		return;
	if (at[len])
		memmove(at, at + len + 1, strlen(at + len + 1) + 1);
	else
		at[at > tags ? -1 : 0] = '\0';
}

static bool add(char *tags, size_t size, const char *word, size_t len)
{
	size_t used = strlen(tags);

	if (find_word(tags, word, len))
		return true;
	if (used + len + 2 > size)
		return false;
	snprintf(tags + used, size - used, "%s%s", used ? "," : "", word);
	return true;
}

bool replica_thin_tag_text(char *tags, size_t size, const char *change,
			   const char *const *words, size_t count)
{
	bool adds = !strcmp(change, "--addtag");

	for (size_t i = 0; i < count && words[i]; i++) {
		size_t len = strlen(words[i]);

		if (!adds)
			take_away(tags, words[i], len);
		else if (!add(tags, size, words[i], len))
			return false;
	}
	return true;
}
