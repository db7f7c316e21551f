// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl scan */
#include "report.h"
#include "show.h"

static const char *condition(const struct replica_meta_entry *entry)
{
	if (!entry->name)
		return replica_enum_name(REPLICA_ENUM_META_VERDICT, entry->verdict);
	return entry->clean ? "clean" : "unclean";
}

/* Why it cannot be activated as it is, and what 'activate' does then. */
static const struct {
	uint32_t fit;
	const char *why;
	bool refused;
} misfits[] = {
	{ REPLICA_FIT_OLD_REPLICA, "its replica missed an activation", false },
	{ REPLICA_FIT_DAMAGED, "the label of its replica is damaged", false },
	{ REPLICA_FIT_OLD_META, "the log is a copy from earlier", true },
	{ REPLICA_FIT_DIVERGED, "its replica and the log went separate ways", true },
	{ REPLICA_FIT_STRANGER, "its replica belongs to another one by now", true },
	{ REPLICA_FIT_LOST, "its replica has lost its label", true },
	{ REPLICA_FIT_SWAPPED, "origin and replica changed places", true },
};

static void warn_of_misfit(struct out *out, const struct replica_meta_entry *entry)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(misfits); i++)
		if (misfits[i].fit == entry->fit)
			out_warning(out, "'%s' on %s: %s; 'activate' %s", entry->name, entry->path,
				    misfits[i].why, misfits[i].refused ?
				    "refuses it without --force" : "copies everything");
}

static void show_fit(struct out *out, const struct replica_meta_entry *entry)
{
	out_enum(out, KEY("Fit", NULL, "REPLICA"), entry->fit,
		 replica_enum_name(REPLICA_ENUM_META_FIT, entry->fit));
	out_tone(out, entry->fit > REPLICA_FIT_SAME ? OUT_BAD : OUT_PLAIN);
	warn_of_misfit(out, entry);
}

static void show_entry(struct out *out, const struct replica_meta_entry *entry)
{
	bool known = entry->name;

	out_row(out);
	out_string(out, KEY("MetaDevice", NULL, "DEVICE"), entry->path);
	out_string(out, KEY("ElementName", NULL, "NAME"), entry->name);
	out_string(out, KEY("UUID", NULL, "UUID"), entry->uuid);
	if (known)
		out_enum(out, KEY("CopyState", NULL, "STATE"), entry->copy_state,
			 replica_enum_name(REPLICA_ENUM_COPY_STATE, entry->copy_state));
	else
		out_none(out, KEY("CopyState", NULL, "STATE"));
	out_enum(out, KEY_JSON("Verdict"), entry->verdict,
		 replica_enum_name(REPLICA_ENUM_META_VERDICT, entry->verdict));
	out_bool(out, KEY_JSON("Clean"), entry->clean);
	out_string(out, KEY(NULL, NULL, "LOG"), condition(entry));
	out_tone(out, entry->clean ? OUT_GOOD : known ? OUT_BUSY : OUT_BAD);
	if (known)
		out_bytes(out, KEY("DirtyBytes", NULL, "DIRTY"), entry->dirty_bytes);
	else
		out_none(out, KEY("DirtyBytes", NULL, "DIRTY"));
	out_bytes(out, KEY_JSON("Size"), entry->size);
	show_fit(out, entry);
	out_bool(out, KEY("Active", NULL, "ACTIVE"), entry->active);
	out_string(out, KEY_JSON("Device"), entry->device);
	out_end(out);
}

static int scan_run(struct cli *cli)
{
	struct replica_meta_entry *list = NULL, *entry;
	int ret = replica_meta_scan(cli->ctx, (const char *const *)cli->args, cli->nr_args, &list);
	struct out *out = report_new(cli);
	int status;

	if (ret)
		return report_failure(cli, out, ret, NULL, NULL);
	out_list(out, KEY("MetaDevices", "", NULL));
	for (entry = list; entry; entry = entry->next)
		show_entry(out, entry);
	out_end(out);
	if (!list)
		out_message(out, "There are no meta devices.");
	status = report_finish(cli, out, ret);
	replica_meta_entry_free(list);
	return status;
}

const struct command cmd_scan = {
	.name = "scan",
	.group = GROUP_LOG,
	.run = scan_run,
	.max_args = -1,
	.args = "[DEVICE...]",
	.complete = { COMPLETE_DEVICE },
	.help = "List meta devices, active or not",
	.details =
		"Looks at all block devices, or at those given. What may differ (DIRTY) of an\n"
		"active one is as last written; 'status' knows better.",
};
