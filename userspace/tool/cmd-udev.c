// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * replicactl __udev DEVICE and __udev-links LINK...: the programs of the udev rules.  They
 * write what udev reads, and nothing else: a device that cannot be looked at is none of
 * ours.  __finish UNIT is what the unit runs that a rule has systemd start for a clone.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "memory.h"
#include "report.h"

static void property(const char *key, const char *value)
{
	char *line;

	if (!*value || !strcmp(value, "-"))
		return;
	line = mem_format("REPLICA_%s=%s", key, value);
	out_line(line);
	free(line);
}

static bool unit_char(char c)
{
	return isalnum((unsigned char)c) || strchr("-_.@", c);
}

/*
 * The unit that ends a clone.  systemd takes no name with other characters, and udev and
 * systemd each have their own way to read a backslash.
 */
static void unit_property(const char *name)
{
	char unit[3 * 128 + 1], *at = unit;
	char *text;

	for (; *name && at < unit + sizeof(unit) - 3; name++)
		if (unit_char(*name))
			*at++ = *name;
		else
			at += sprintf(at, ":%02x", (unsigned char)*name);
	*at = '\0';
	text = mem_format("dm-replica-finish@%s.service", unit);
	/* Nor a longer one: the library promises no end of that clone. */
	if (strlen(text) <= 255)
		property("FINISH", text);
	free(text);
}

static int udev_run(struct cli *cli)
{
	static const char *const roles[] = {
		[REPLICA_ROLE_MAPPED] = "mapped",
		[REPLICA_ROLE_ORIGIN] = "origin",
		[REPLICA_ROLE_REPLICA] = "replica",
		[REPLICA_ROLE_META] = "meta",
	};
	struct replica_belonging b;

	if (replica_belongs(cli->ctx, cli->args[0], &b) || b.role == REPLICA_ROLE_NONE)
		return 0;
	/* udev gives the properties of the device that it has so far. */
	if (!b.active && getenv("REPLICA_UNTRUSTED") && !strcmp(getenv("REPLICA_UNTRUSTED"), "1"))
		return 0;
	property("ROLE", roles[b.role]);
	property("ACTIVE", b.active ? "1" : "0");
	property("NAME", b.name);
	property("UUID", b.uuid);
	if (b.role != REPLICA_ROLE_MAPPED)
		return 0;
	property("ORIGIN", b.origin);
	property("REPLICA", b.replica);
	property("META", b.meta);
	if (b.ends_itself)
		unit_property(b.name);
	return 0;
}

const struct command cmd_udev = {
	.name = "__udev",
	.group = GROUP_HIDDEN,
	.run = udev_run,
	.min_args = 1,
	.max_args = 1,
	.args = "DEVICE",
	.help = "Properties of a block device for udev",
};

/* Links that say what is on a device, which another device has as well. */
static bool by_content(const char *link)
{
	static const char *const places[] = {
		"disk/by-uuid/", "disk/by-label/", "disk/by-partuuid/", "disk/by-partlabel/",
		"disk/by-id/lvm-pv-uuid-",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(places); i++)
		if (!strncmp(link, places[i], strlen(places[i])))
			return true;
	return !strcmp(link, "gpt-auto-root") || !strcmp(link, "gpt-auto-root-luks");
}

static int links_run(struct cli *cli)
{
	const char *space = "";
	int i;

	for (i = 0; i < cli->nr_args; i++) {
		if (by_content(cli->args[i]))
			continue;
		printf("%s%s", space, cli->args[i]);
		space = " ";
	}
	printf("\n");
	return 0;
}

const struct command cmd_udev_links = {
	.name = "__udev-links",
	.group = GROUP_HIDDEN,
	.run = links_run,
	.max_args = -1,
	.args = "LINK...",
	.help = "Of these links, those that do not name what is on the device",
};

/* ---- The end of a clone ---- */

/* What unit_property() has made of the name; NULL: it was not that. */
char *name_of_unit(const char *text)
{
	char *name = mem_zero(strlen(text) + 1, 1), *at = name;

	for (; *text; text++) {
		if (*text != ':') {
			*at++ = *text;
		} else if (isxdigit((unsigned char)text[1]) && isxdigit((unsigned char)text[2])) {
			*at++ = strtoul((char[]){ text[1], text[2], '\0' }, NULL, 16);
			text += 2;
		} else {
			free(name);
			return NULL;
		}
	}
	return name;
}

enum found { NO_REPLICA, NO_CLONE, GIVEN_UP, PENDING };

/* By a context of its own: the error is still to be told. */
static enum found look_for(const char *name)
{
	struct replica_ctx *ctx = replica_ctx_new();
	struct replica_info *info = NULL;
	enum found found = NO_REPLICA;

	if (ctx && !replica_get(ctx, name, &info)) {
		if (info->sync_type != REPLICA_SYNC_TYPE_CLONE)
			found = NO_CLONE;
		else
			found = info->copy_state == DM_REPLICA_STATE_ABORTED ? GIVEN_UP : PENDING;
	}
	replica_info_free(info);
	replica_ctx_free(ctx);
	return found;
}

/* It is gone, or it is none any more, or it was given up, which is for people to look at. */
static bool nothing_to_do(struct cli *cli, const char *name, int ret)
{
	const struct replica_error *err = replica_last_error(cli->ctx);
	int code = err ? replica_error_sm_code(err) : 0;
	enum found found = look_for(name);

	if (found != NO_REPLICA)
		return found != PENDING;
	return ret == REPLICA_NOT_FOUND ||
	       (ret == REPLICA_CACHE_OUT_OF_DATE && code == ENODEV) ||
	       (ret == REPLICA_NOT_SUPPORTED && code == ENOENT);	/* no module */
}

static int finish_unit(struct cli *cli, const char *name)
{
	uint32_t ended;
	int ret = replica_finish_wait(cli->ctx, name, 0, NULL, NULL, &ended);
	struct out *out = report_new(cli);

	out_string(out, KEY_JSON("ElementName"), name);
	if (!ret) {
		out_message(out, "Clone '%s' was complete and has ended%s.", name,
			    ended == REPLICA_ENDED_REPLACED ?
			    "; its mapped device leads to the source alone" : "");
	} else if (nothing_to_do(cli, name, ret)) {
		out_message(out, "'%s' is no clone that could be waited for; nothing was done.",
			    name);
		ret = REPLICA_SUCCESS;
	} else {
		return report_failure(cli, out, ret, name, NULL);
	}
	return report_finish(cli, out, ret);
}

static int finish_unit_run(struct cli *cli)
{
	char *name = name_of_unit(cli->args[0]);
	int status;

	if (!name)
		return report_usage(cli, "UNIT", "'%s' is not made of a name", cli->args[0]);
	mem_lock();
	/* systemd does not start a unit that is about to end, for the next one of the name. */
	do {
		status = finish_unit(cli, name);
	} while (!status && look_for(name) == PENDING);
	free(name);
	return status;
}

const struct command cmd_finish_unit = {
	.name = "__finish",
	.group = GROUP_HIDDEN,
	.run = finish_unit_run,
	.min_args = 1,
	.max_args = 1,
	.args = "UNIT",
	.help = "End a clone when it is complete, for its unit of systemd",
};
