// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl fsck */
#include "report.h"
#include "show.h"

struct fsck_options {
	bool repair;
};

static const struct option fsck_table[] = {
	OPTION_FLAG(struct fsck_options, repair, "repair",
		    "Repair what is wrong; afterwards no less may differ than before"),
};

static void show_faults(struct out *out, const struct replica_meta_fault *list)
{
	const struct replica_meta_fault *fault;

	out_list(out, KEY("Faults", "", NULL));
	for (fault = list; fault; fault = fault->next) {
		out_row(out);
		out_enum(out, KEY("Fault", NULL, "FAULT"), fault->code,
			 replica_enum_name(REPLICA_ENUM_META_FAULT, fault->code));
		out_number(out, KEY("Offset", NULL, "OFFSET"), fault->offset);
		out_number(out, KEY("Count", NULL, "COUNT"), fault->count);
		out_bool(out, KEY("Repaired", NULL, "REPAIRED"), fault->repaired);
		out_tone(out, fault->repaired ? OUT_GOOD : OUT_BAD);
		out_string(out, KEY("Description", NULL, "WHAT"), fault->sentence);
		out_end(out);
	}
	out_end(out);
}

static int fsck_run(struct cli *cli)
{
	const struct fsck_options *opts = cli->options;
	struct replica_meta_fault *list = NULL;
	const char *path = cli->args[0];
	int ret = replica_meta_check(cli->ctx, path, opts->repair, &list);
	struct out *out = report_new(cli);
	const char *hint = NULL;
	int status;

	out_string(out, KEY_JSON("MetaDevice"), path);
	show_faults(out, list);
	if (!ret)
		out_message(out, list ? "The log on %s was repaired." :
			    "The log on %s is in order.", path);
	if (list && !opts->repair)
		hint = "it can be used as it is, and more is copied then; --repair repairs it";
	status = report_failure(cli, out, ret, NULL, hint);
	replica_meta_fault_free(list);
	return status;
}

const struct command cmd_fsck = {
	.name = "fsck",
	.group = GROUP_LOG,
	.run = fsck_run,
	.min_args = 1,
	.max_args = 1,
	.args = "DEVICE",
	.complete = { COMPLETE_DEVICE },
	.help = "Check the log on a meta device, and repair it",
	.details =
		"DEVICE may be a file that holds the image of one. Exit status: 0 if nothing is\n"
		"wrong or all was repaired, 4 if something is wrong, or it is in use and cannot\n"
		"be repaired now, 5 if there is no log, 8 if there is no such device.",
	.options = fsck_table,
	.nr_options = ARRAY_SIZE(fsck_table),
	.options_size = sizeof(struct fsck_options),
};
