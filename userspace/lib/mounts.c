// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Mounts and swap by /proc.  A mount is recognized by its device number and,
 * because file systems of several devices (btrfs) show a number of their own
 * there, by the node in its source field too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sysfs.h"

/* Undoes \040 and the like, in place: proc writes blanks and backslashes so. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (text[0] == '\\' && strspn(text + 1, "01234567") >= 3) {
			*to++ = (text[1] - '0') << 6 | (text[2] - '0') << 3 |
				(text[3] - '0');
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

static bool node_is(struct replica_ctx *ctx, const char *node,
		    const struct replica_devs *devs)
{
	dev_t devno;

	return strncmp(node, "/dev/", 5) == 0 &&
	       ctx->host->devno(ctx, node, &devno) == 0 &&
	       replica_devs_has(devs, devno);
}

/*
 * 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
 * The fields before the "-" vary in number.  True if it is a mount of devs.
 */
static bool mount_line(struct replica_ctx *ctx, char *line,
		       const struct replica_devs *devs, char **point)
{
	char *number, *source, *rest = line;
	dev_t devno;

	strsep(&rest, " ");
	strsep(&rest, " ");
	number = strsep(&rest, " ");
	strsep(&rest, " ");
	*point = strsep(&rest, " ");
	if (!*point || !rest)
		return false;
	source = strstr(rest, " - ");
	unescape(*point);
	if (replica_parse_devno(number, &devno) == 0 &&
	    replica_devs_has(devs, devno))
		return true;
	if (!source)
		return false;
	source += 3;
	strsep(&source, " ");		/* type */
	source = source ? strsep(&source, " ") : NULL;
	if (!source)
		return false;
	unescape(source);
	return node_is(ctx, source, devs);
}

/* /dev/sda2 partition 999420 0 -2 */
static bool swap_line(struct replica_ctx *ctx, char *line,
		      const struct replica_devs *devs, char **node)
{
	*node = line;
	line[strcspn(line, " \t")] = '\0';
	unescape(line);
	return node_is(ctx, line, devs);
}

typedef bool (*line_fn)(struct replica_ctx *ctx, char *line,
			const struct replica_devs *devs, char **where);

static bool find_line(struct replica_ctx *ctx, const char *file, line_fn fn,
		      const struct replica_devs *devs, char *where, size_t size)
{
	char path[PATH_MAX], *line = NULL, *found;
	bool hit = false;
	size_t room = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", ctx->root, file);
	f = fopen(path, "re");
	while (!hit && f && getline(&line, &room, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		hit = fn(ctx, line, devs, &found);
		if (hit)
			snprintf(where, size, "%s", found);
	}
	free(line);
	if (f)
		fclose(f);
	return hit;
}

bool replica_mounted(struct replica_ctx *ctx, const struct replica_devs *devs,
		     char *where, size_t size)
{
	return find_line(ctx, "/proc/self/mountinfo", mount_line, devs, where,
			 size);
}

bool replica_swapped(struct replica_ctx *ctx, const struct replica_devs *devs,
		     char *where, size_t size)
{
	return find_line(ctx, "/proc/swaps", swap_line, devs, where, size);
}
