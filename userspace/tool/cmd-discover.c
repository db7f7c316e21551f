// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl discover */
#include "report.h"
#include "show.h"

static const struct {
	const char *name;
	enum out_tone tone;
} found[] = {
	[REPLICA_DISCOVERED_KNOWN] = { "Known", OUT_PLAIN },
	[REPLICA_DISCOVERED_NEW] = { "New", OUT_GOOD },
	[REPLICA_DISCOVERED_CHANGED] = { "Changed", OUT_BUSY },
	[REPLICA_DISCOVERED_GONE] = { "Gone", OUT_BAD },
	[REPLICA_DISCOVERED_UNFINISHED] = { "Unfinished", OUT_BAD },
};

static void show_discovery(struct out *out, const struct replica_discovery *d)
{
	out_row(out);
	out_string(out, KEY("ElementName", "Name", "NAME"), d->name);
	out_string(out, KEY_JSON("UUID"), d->uuid);
	if (d->sync_type)
		show_enum(out, KEY("SyncType", "Type", "TYPE"), REPLICA_ENUM_SYNC_TYPE,
			  d->sync_type);
	else
		out_none(out, KEY("SyncType", NULL, "TYPE"));
	out_enum(out, KEY("Discovered", "Found", "FOUND"), d->what, found[d->what].name);
	out_tone(out, found[d->what].tone);
	out_end(out);
}

/* What is told at all is what has changed. */
static void say(struct out *out, const struct replica_discovery *list)
{
	unsigned int counts[ARRAY_SIZE(found)] = { 0 };
	const struct replica_discovery *d;

	for (d = list; d; d = d->next)
		counts[d->what]++;
	if (!list)
		out_message(out, "There are no replicas, and none are known.");
	else if (counts[REPLICA_DISCOVERED_NEW] || counts[REPLICA_DISCOVERED_CHANGED] ||
		 counts[REPLICA_DISCOVERED_GONE])
		out_message(out, "The registry is up to date again: %u new, %u changed, %u gone.",
			    counts[REPLICA_DISCOVERED_NEW], counts[REPLICA_DISCOVERED_CHANGED],
			    counts[REPLICA_DISCOVERED_GONE]);
	else
		out_message(out, "The registry was up to date.");
	for (d = list; d; d = d->next)
		if (d->what == REPLICA_DISCOVERED_UNFINISHED)
			out_warning(out,
				    "the end of clone '%s' was cut off; 'replicactl finish %s' does the rest",
				    d->name, d->name);
}

static int discover_run(struct cli *cli)
{
	struct replica_discovery *list = NULL, *d;
	int ret = replica_discover(cli->ctx, &list);
	struct out *out = report_new(cli);
	int status;

	if (ret)
		return report_failure(cli, out, ret, NULL, NULL);
	out_list(out, KEY("Discoveries", "", NULL));
	for (d = list; d; d = d->next)
		show_discovery(out, d);
	out_end(out);
	say(out, list);
	status = report_finish(cli, out, ret);
	replica_discovery_free(list);
	return status;
}

const struct command cmd_discover = {
	.name = "discover",
	.group = GROUP_LOOK,
	.run = discover_run,
	.args = "",
	.help = "Bring what is known of replicas up to date",
	.details =
		"The cure for 'Cache out of date': a replica that was removed by other means than\n"
		"replicactl is forgotten, and one that was made by other means is known from now\n"
		"on. Nothing is done to a replica or to a device.",
};
