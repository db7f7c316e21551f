// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl detach, remove */
#include <stdlib.h>

#include "memory.h"
#include "report.h"

static int finish(struct cli *cli, int ret, const char *done, const char *rest)
{
	const struct replica_error *err = replica_last_error(cli->ctx);
	const char *name = cli->args[0];
	struct out *out = report_new(cli);
	char *hint = NULL;
	int status;

	out_string(out, KEY_JSON("ElementName"), name);
	if (!ret) {
		out_message(out, "%s '%s'%s.", done, name, rest);
		return report_finish(cli, out, ret);
	}
	if (err && replica_error_sm_code(err) == REPLICA_SM_IN_USE)
		hint = mem_format("close it first; 'fuser -vm /dev/mapper/%s' shows who uses it",
				  name);
	status = report_failure(cli, out, ret, name, hint);
	free(hint);
	return status;
}

/* ---- detach ---- */

struct detach_options {
	bool force;
	uint32_t timeout_ms;
};

static const struct option detach_table[] = {
	OPTION_FLAG(struct detach_options, force, "force",
		    "Whatever the state, and leave what cannot be confirmed"),
	OPTION(struct detach_options, timeout_ms, "timeout", "TIME", read_seconds, COMPLETE_NOTHING,
	       "Longest wait for the replica; seconds without a unit"),
};

static int detach_run(struct cli *cli)
{
	const struct detach_options *opts = cli->options;

	mem_lock();
	return finish(cli, replica_detach(cli->ctx, cli->args[0], opts->force, opts->timeout_ms),
		      "Detached", opts->force ? "" : "; source and target are equal");
}

const struct command cmd_detach = {
	.name = "detach",
	.group = GROUP_WORK,
	.run = detach_run,
	.min_args = 1,
	.max_args = 1,
	.args = "NAME",
	.complete = { COMPLETE_NAME },
	.help = "End a replica and leave two equal devices",
	.details =
		"The replica must be Synchronized; everything written is confirmed on both devices,\n"
		"then the mapped device goes away, and the log on its meta device with it. It may\n"
		"not be in use, but for a source that has its replica under its own name: that\n"
		"gets its own table back. 'deactivate' takes down a replica that is to come back.",
	.options = detach_table,
	.nr_options = ARRAY_SIZE(detach_table),
	.options_size = sizeof(struct detach_options),
};

/* ---- remove ---- */

static int remove_run(struct cli *cli)
{
	mem_lock();
	return finish(cli, replica_remove(cli->ctx, cli->args[0]), "Removed",
		      "; the source has all its data");
}

const struct command cmd_remove = {
	.name = "remove",
	.group = GROUP_WORK,
	.run = remove_run,
	.min_args = 1,
	.max_args = 1,
	.args = "NAME",
	.complete = { COMPLETE_NAME },
	.help = "Drop a replica in any state, at once",
	.details =
		"The origin keeps all its data; the replica is left as it is, complete or not, and\n"
		"the log on its meta device is erased. The mapped device may not be in use, but\n"
		"for a source that has its replica under its own name. What a 'create', 'detach'\n"
		"or 'activate' of such a replica has left that was cut off goes too.",
};
