// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * replicactl __udev DEVICE and __udev-links LINK...: the programs of the udev rules.  They
 * write what udev reads, and nothing else: a device that cannot be looked at is none of
 * ours.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "memory.h"

static void property(const char *key, const char *value)
{
	char *line;

	if (!*value || !strcmp(value, "-"))
		return;
	line = mem_format("REPLICA_%s=%s", key, value);
	out_line(line);
	free(line);
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
