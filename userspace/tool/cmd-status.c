// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl status */
#include "report.h"
#include "show.h"
#include "watch.h"

struct status_options {
	bool watch;
	bool counters;
};

static const struct option status_table[] = {
	OPTION_FLAG(struct status_options, watch, "watch",
		    "Keep showing it, until Ctrl-C"),
	OPTION_FLAG(struct status_options, counters, "counters",
		    "Show the counters of a replica too (JSON always has them)"),
};

int status_show_list(struct cli *cli)
{
	static const struct show_style style;
	struct replica_info *list = NULL, *info;
	int ret = replica_list(cli->ctx, &list);
	struct out *out = report_new(cli);
	int status;

	if (ret)
		return report_failure(cli, out, ret, NULL, NULL);
	out_list(out, KEY("Replicas", "", NULL));
	for (info = list; info; info = info->next) {
		out_row(out);
		show_replica(out, info, &style);
		out_end(out);
	}
	out_end(out);
	if (!list)
		out_message(out,
			    "There are no replicas; 'replicactl create SOURCE TARGET' makes one.");
	status = report_finish(cli, out, ret);
	replica_info_free(list);
	return status;
}

int status_show_one(struct cli *cli, const char *name, const struct show_style *style)
{
	struct replica_info *info = NULL;
	int ret = replica_get(cli->ctx, name, &info);
	struct out *out = report_new(cli);
	int status;

	if (ret)
		return report_failure(cli, out, ret, name, NULL);
	out_object(out, KEY("Replica", "", NULL));
	show_replica(out, info, style);
	out_end(out);
	status = report_finish(cli, out, ret);
	replica_info_free(info);
	return status;
}

static int status_run(struct cli *cli)
{
	const struct status_options *opts = cli->options;
	struct show_style style = { .counters = opts->counters };
	const char *name = cli->nr_args ? cli->args[0] : NULL;

	if (opts->counters && !name)
		return report_usage(cli, "counters", "'--counters' needs the NAME of a replica");
	if (opts->watch)
		return watch_run(cli, name, opts->counters);
	return name ? status_show_one(cli, name, &style) : status_show_list(cli);
}

const struct command cmd_status = {
	.name = "status",
	.group = GROUP_LOOK,
	.run = status_run,
	.max_args = 1,
	.args = "[NAME]",
	.complete = { COMPLETE_NAME },
	.help = "Show all replicas in a table, or one in full",
	.details =
		"With --watch a terminal shows the present state all the time, with a bar while a\n"
		"copy runs; a pipe or a file gets a line for each change.",
	.options = status_table,
	.nr_options = ARRAY_SIZE(status_table),
	.options_size = sizeof(struct status_options),
};
