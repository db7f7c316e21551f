// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Signatures by libblkid.  All of them are looked for, as wipefs does: a file
 * system whose first sector looks like a partition table must not hide.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <blkid.h>

#include "replica-private.h"
#include "signature.h"

static void append(char *text, size_t size, const char *fmt, ...) __printf(3, 4);

static void append(char *text, size_t size, const char *fmt, ...)
{
	size_t len = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + len, size - len, fmt, ap);
	va_end(ap);
}

static const char *value_of(blkid_probe probe, const char *name)
{
	const char *value;

	return blkid_probe_lookup_value(probe, name, &value, NULL) ? NULL : value;
}

/* Labels come from a disk: only what prints is shown. */
static void append_label(char *text, size_t size, const char *label)
{
	char clean[64];
	size_t i;

	for (i = 0; label[i] && i < sizeof(clean) - 1; i++)
		clean[i] = label[i] >= ' ' && label[i] <= '~' ? label[i] : '?';
	clean[i] = '\0';
	if (i)
		append(text, size, " \"%s\"", clean);
}

static const char *usage_words(const char *usage)
{
	static const struct {
		const char *usage;
		const char *words;
	} map[] = {
		{ "filesystem", " file system" },
		{ "raid", " member" },
		{ "crypto", " encrypted volume" },
	};

	for (size_t i = 0; usage && i < ARRAY_SIZE(map); i++)
		if (strcmp(usage, map[i].usage) == 0)
			return map[i].words;
	return "";
}

static void take_signature(blkid_probe probe, struct replica_signature *sig)
{
	const char *table = value_of(probe, "PTTYPE");
	const char *type = value_of(probe, "TYPE");
	const char *uuid = value_of(probe, table ? "PTUUID" : "UUID");
	const char *label = value_of(probe, "LABEL");

	if (!table && !type)
		return;
	if (sig->count++)
		append(sig->text, sizeof(sig->text), ", ");
	if (table)
		append(sig->text, sizeof(sig->text), "%s partition table", table);
	else
		append(sig->text, sizeof(sig->text), "%s%s", type,
		       usage_words(value_of(probe, "USAGE")));
	if (label && !table)
		append_label(sig->text, sizeof(sig->text), label);
	append(sig->id, sizeof(sig->id), "%s:%s;", table ? table : type,
	       uuid ? uuid : "");
}

static int probe_fd(int fd, struct replica_signature *sig)
{
	blkid_probe probe = blkid_new_probe();
	int r = -ENOMEM;

	if (!probe)
		return r;
	errno = 0;
	if (blkid_probe_set_device(probe, fd, 0, 0)) {
		r = errno ? -errno : -EIO;
		goto out;
	}
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE |
					  BLKID_SUBLKS_USAGE | BLKID_SUBLKS_UUID |
					  BLKID_SUBLKS_LABEL | BLKID_SUBLKS_BADCSUM);
	blkid_probe_enable_partitions(probe, 1);
	blkid_probe_set_partitions_flags(probe, BLKID_PARTS_FORCE_GPT);
	while ((r = blkid_do_probe(probe)) == 0)
		take_signature(probe, sig);
	r = r == 1 ? 0 : -EIO;
out:
	blkid_free_probe(probe);
	return r;
}

int replica_signature_probe(const char *path, struct replica_signature *sig)
{
	int fd, r;

	memset(sig, 0, sizeof(*sig));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	r = probe_fd(fd, sig);
	close(fd);
	return r;
}
