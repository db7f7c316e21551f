// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl help, version */
#include "report.h"
#include "suggest.h"

static int help_run(struct cli *cli)
{
	const struct command *about = NULL;

	if (!cli->nr_args)
		return help_show(cli, NULL);
	about = command_find(cli->args[0]);
	if (!about)
		return command_unknown(cli, cli->args[0]);
	return help_show(cli, about);
}

const struct command cmd_help = {
	.name = "help",
	.group = GROUP_HELP,
	.run = help_run,
	.max_args = 1,
	.args = "[COMMAND]",
	.complete = { COMPLETE_COMMAND },
	.help = "Show help, of a command if one is given",
};

static int version_run(struct cli *cli)
{
	struct replica_capabilities *caps = NULL;
	struct out *out = report_new(cli);
	int ret = replica_capabilities(cli->ctx, NULL, &caps), status;

	out_string(out, KEY("ToolVersion", "replicactl", NULL), REPLICACTL_VERSION);
	out_string(out, KEY("LibraryVersion", "libreplica", NULL), replica_version());
	if (ret)
		out_string(out, KEY_TEXT("dm-replica module"), "not loaded");
	if (ret)
		out_none(out, KEY_JSON("ModuleVersion"));
	else
		out_string(out, KEY("ModuleVersion", "dm-replica module", NULL),
			   caps->module_version);
	status = report_finish(cli, out, REPLICA_SUCCESS);
	replica_capabilities_free(caps);
	return status;
}

const struct command cmd_version = {
	.name = "version",
	.group = GROUP_HELP,
	.run = version_run,
	.args = "",
	.help = "Show the versions of tool, library and kernel module",
};
