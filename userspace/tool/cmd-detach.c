// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl detach, dissolve, finish, remove */
#include <stdlib.h>

#include "memory.h"
#include "progress.h"
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

/* What is left of a snapshot is no second device. */
static bool is_snapshot(struct cli *cli)
{
	struct replica_info *info = NULL;
	bool snapshot;

	snapshot = !replica_get(cli->ctx, cli->args[0], &info) &&
		   (info->sync_type == REPLICA_SYNC_TYPE_SNAPSHOT || info->token);
	replica_info_free(info);
	return snapshot;
}

static int detach_run(struct cli *cli)
{
	const struct detach_options *opts = cli->options;

	mem_lock();
	if (is_snapshot(cli))
		return finish(cli, replica_detach(cli->ctx, cli->args[0], opts->force,
						  opts->timeout_ms),
			      "Detached", opts->force ? "" : "; its store is free");
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
		"The replica must be Synchronized; everything written is confirmed on both\n"
		"devices, then the mapped device goes away, and the log on its meta device with\n"
		"it. It may not be in use, but for a source that has its replica under its own\n"
		"name: that gets its own table back. To bring it back later, use 'deactivate'\n"
		"instead.",
	.options = detach_table,
	.nr_options = ARRAY_SIZE(detach_table),
	.options_size = sizeof(struct detach_options),
};

/* ---- dissolve ---- */

/*
 * CIM tells the two apart by what becomes of the association's record. A log that is kept
 * would be believed by an activation later on, when the devices have gone their own ways.
 */
const struct command cmd_dissolve = {
	.name = "dissolve",
	.group = GROUP_WORK,
	.run = detach_run,
	.min_args = 1,
	.max_args = 1,
	.args = "NAME",
	.complete = { COMPLETE_NAME },
	.help = "The same as detach; CIM has both names",
	.details = "No record is kept that a later activation could take for true.",
	.options = detach_table,
	.nr_options = ARRAY_SIZE(detach_table),
	.options_size = sizeof(struct detach_options),
};

/* ---- finish ---- */

struct finish_options {
	bool wait;
	uint32_t timeout_ms;
};

static const struct option finish_table[] = {
	OPTION_FLAG(struct finish_options, wait, "wait",
		    "Wait until it is complete, and end it then"),
	OPTION(struct finish_options, timeout_ms, "timeout", "TIME", read_seconds, COMPLETE_NOTHING,
	       "Longest wait; seconds without a unit (default: no limit)"),
};

static int finish_wait(struct cli *cli, uint32_t timeout_ms, uint32_t *ended, bool *interrupted)
{
	struct progress progress;
	int ret;

	progress_begin(&progress, cli);
	ret = replica_finish_wait(cli->ctx, cli->args[0], timeout_ms, progress_step, &progress,
				  ended);
	progress_end(&progress);
	*interrupted = ret && progress_interrupted(cli);
	return ret;
}

static int finish_run(struct cli *cli)
{
	const struct finish_options *opts = cli->options;
	uint32_t ended = REPLICA_ENDED_NOT;
	bool interrupted = false;
	int ret;

	if (opts->timeout_ms && !opts->wait)
		return report_usage(cli, "timeout",
				    "'--timeout' limits the wait of '--wait', which is not given");
	mem_lock();
	ret = opts->wait ? finish_wait(cli, opts->timeout_ms, &ended, &interrupted) :
	      replica_finish(cli->ctx, cli->args[0], &ended);
	if (interrupted)
		return report_interrupted(cli, report_new(cli),
					  "stopped waiting; the clone goes on");
	return finish(cli, ret, "Finished", ended == REPLICA_ENDED_REPLACED ?
		      "; the mapped device stays, and leads to the source alone" :
		      "; the target is free to be used");
}

const struct command cmd_finish = {
	.name = "finish",
	.group = GROUP_WORK,
	.run = finish_run,
	.min_args = 1,
	.max_args = 1,
	.args = "NAME",
	.complete = { COMPLETE_NAME },
	.help = "End a clone that is complete; free its target",
	.details =
		"The clone must be Synchronized, or Aborted if it was given up. Its mapped device\n"
		"goes away, and the log on its meta device with it. If somebody has it open it\n"
		"stays, without a pause, and leads to the source alone from then on; a source\n"
		"that has its clone under its own name gets its own table back. With udev and\n"
		"systemd a clone ends by itself; elsewhere --wait does it. What was left by a\n"
		"'finish' that was cut off goes too.",
	.options = finish_table,
	.nr_options = ARRAY_SIZE(finish_table),
	.options_size = sizeof(struct finish_options),
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
		"The origin keeps all its data; the replica is left as it is, complete or not,\n"
		"and the log on its meta device is erased. The mapped device may not be in use,\n"
		"but for a source that has its replica under its own name. What a 'create',\n"
		"'detach' or 'activate' of such a replica has left that was cut off goes too.",
};
