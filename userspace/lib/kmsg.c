// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Why a table was refused: the ioctl gives an errno only, the sentence goes to
 * the kernel log:
 *
 *	3,812,9931,-;device-mapper: table: 253:0: replica: Mode is ... (-EINVAL)
 *
 * and why one that was loaded could not be resumed:
 *
 *	3,813,9932,-;device-mapper: replica: data: replica has lost its ... (-116)
 *
 * Best effort: who may create a mapped device may as a rule read the log.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dm.h"
#include "table.h"

#define TABLE_PREFIX	";device-mapper: table: "
#define TARGET_PREFIX	REPLICA_TARGET_NAME ": "
#define REPLICA_PREFIX	";device-mapper: " TARGET_PREFIX

/* What follows a prefix, or NULL. */
static char *behind(char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) ? NULL : text + len;
}

static char *behind_both(char *text, const char *prefix, const char *what)
{
	text = behind(text, prefix);
	text = text ? behind(text, what) : NULL;
	return text ? behind(text, ": ") : NULL;
}

/* Warnings come before the error, or without one. */
static bool is_error(const char *record)
{
	return (strtoul(record, NULL, 10) & 7) <= 3;
}

char *replica_kmsg_sentence(char *record, const char *devno, const char *name)
{
	char *text, *found, *end;

	record[strcspn(record, "\n")] = '\0';
	text = strchr(record, ';');
	if (!text)
		return NULL;
	found = behind_both(text, TABLE_PREFIX, devno);
	if (!found && is_error(record))
		found = behind_both(text, REPLICA_PREFIX, name);
	if (!found && is_error(record))
		found = behind_both(text, REPLICA_PREFIX, devno);
	text = found;
	if (!text)
		return NULL;
	if (behind(text, TARGET_PREFIX))
		text = behind(text, TARGET_PREFIX);
	/* device-mapper says that it failed; why, the target has said before. */
	if (behind(text, "preresume failed"))
		return NULL;
	end = strrchr(text, '(');
	if (end && end > text && end[-1] == ' ' && end[1] == '-')
		end[-1] = '\0';
	return text;
}

int replica_kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

void replica_kmsg_close(int fd, const char *devno, const char *name, char *text,
			size_t size)
{
	char record[8192], *sentence;
	ssize_t len;

	text[0] = '\0';
	if (fd < 0)
		return;
	for (;;) {
		len = read(fd, record, sizeof(record) - 1);
		if (len < 0 && (errno == EPIPE || errno == EINTR))
			continue;	/* records were overwritten */
		if (len <= 0)
			break;
		record[len] = '\0';
		sentence = replica_kmsg_sentence(record, devno, name);
		if (sentence)
			snprintf(text, size, "%s", sentence);
	}
	close(fd);
}
