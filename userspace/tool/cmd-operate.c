// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl suspend, resume, fracture, split, resync, abort */
#include <stdlib.h>

#include "hint.h"
#include "operate.h"
#include "report.h"
#include "show.h"

struct operate_options {
	bool force;
};

static const struct option force_table[] = {
	OPTION_FLAG(struct operate_options, force, "force",
		    "Copy everything anew, though the replica is synchronized"),
};

static int refused(struct cli *cli, struct out *out, int ret, enum dm_replica_operation operation,
		   bool may_force)
{
	const struct replica_error *err = replica_last_error(cli->ctx);
	char *hint = NULL;
	int status;

	if (may_force && err && replica_error_sm_code(err) == REPLICA_SM_IN_USE)
		hint = hint_force(cli->args[0], operation);
	status = report_failure(cli, out, ret, cli->args[0], hint);
	free(hint);
	return status;
}

int operate_show(struct cli *cli, enum dm_replica_operation operation, bool may_force, bool force)
{
	uint32_t job = 0, state = 0;
	const char *name = cli->args[0], *state_name;
	int ret = replica_operate(cli->ctx, name, operation, force, &job, &state);
	struct out *out = report_new(cli);

	out_string(out, KEY_JSON("ElementName"), name);
	out_enum(out, KEY_JSON("Operation"), operation,
		 replica_enum_name(REPLICA_ENUM_OPERATION, operation));
	if (ret && ret != REPLICA_JOB_STARTED)
		return refused(cli, out, ret, operation, may_force);
	state_name = replica_enum_name(REPLICA_ENUM_COPY_STATE, state);
	out_enum(out, KEY_JSON("CopyState"), state, state_name);
	if (job)
		out_number(out, KEY_JSON("JobID"), job);
	else
		out_none(out, KEY_JSON("JobID"));
	if (job)
		out_message(out, "'%s' is %s; job %u copies what differs.\n"
			    "'replicactl wait %s' waits for it.", name, state_name, job, name);
	else
		out_message(out, "'%s' is %s.", name, state_name);
	return report_finish(cli, out, ret);
}

#define OPERATE_RUN(verb, operation) \
static int verb##_run(struct cli *cli) \
{ \
	return operate_show(cli, operation, false, false); \
}

OPERATE_RUN(suspend, DM_REPLICA_OP_SUSPEND)
OPERATE_RUN(resume, DM_REPLICA_OP_RESUME)
OPERATE_RUN(fracture, DM_REPLICA_OP_FRACTURE)
OPERATE_RUN(split, DM_REPLICA_OP_SPLIT)
OPERATE_RUN(abort, DM_REPLICA_OP_ABORT)

static int resync_run(struct cli *cli)
{
	const struct operate_options *opts = cli->options;

	return operate_show(cli, DM_REPLICA_OP_RESYNC, true, opts->force);
}

#define OPERATE_COMMAND(verb) \
	.name = #verb, .group = GROUP_WORK, .run = verb##_run, .min_args = 1, .max_args = 1, \
	.args = "NAME", .complete = { COMPLETE_NAME }

const struct command cmd_suspend = {
	OPERATE_COMMAND(suspend),
	.help = "Stop copying for a while; 'resume' continues",
	.details =
		"Writes go on to the origin alone, and the regions they change are remembered.",
};

const struct command cmd_resume = {
	OPERATE_COMMAND(resume),
	.help = "Continue a suspended replica, or retry a broken one",
	.details = "Copies only the regions that changed meanwhile.",
};

const struct command cmd_fracture = {
	OPERATE_COMMAND(fracture),
	.help = "Cut the replica off at once; 'resync' undoes it",
	.details =
		"What is under way is not waited for, so the replica need not be consistent; 'split'\n"
		"is the orderly cut. Changes are remembered for a quick resync.",
};

const struct command cmd_split = {
	OPERATE_COMMAND(split),
	.help = "Cut the replica off consistently; 'resync' undoes it",
	.details =
		"Waits for writes under way and flushes the replica first. Changes are remembered\n"
		"for a quick resync.",
};

const struct command cmd_resync = {
	OPERATE_COMMAND(resync),
	.help = "Bring a replica that fell behind up to date",
	.details =
		"The replica may be Fractured, Split, Broken or Aborted.\n"
		"Copies the regions that changed, as a job. What was written to the replica itself\n"
		"since the cut is overwritten only in regions that changed at the origin too: after\n"
		"using the replica, make it Synchronized and use --force, which copies everything.",
	.options = force_table,
	.nr_options = ARRAY_SIZE(force_table),
	.options_size = sizeof(struct operate_options),
};

const struct command cmd_abort = {
	OPERATE_COMMAND(abort),
	.help = "Stop the copy that runs; 'resync' starts again",
	.details = "What is copied already need not be copied again.",
};
