// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl suspend, resume, fracture, split, resync, mode, abort; cmd-roles.c has the rest */
#include <stdlib.h>

#include "hint.h"
#include "operate.h"
#include "protect.h"
#include "report.h"
#include "show.h"

struct resync_options {
	bool force;
	bool compare;
};

static const struct option resync_table[] = {
	OPTION_FLAG(struct resync_options, force, "force",
		    "Though synchronized, or without the snapshot it waits for"),
	OPTION_FLAG(struct resync_options, compare, "compare",
		    "Read both devices, and write only what differs"),
};

static int refused(struct cli *cli, struct out *out, const struct operated *done)
{
	const struct replica_error *err = replica_last_error(cli->ctx);
	char *hint = NULL;
	int status;

	if (done->may_force && err && replica_error_sm_code(err) == REPLICA_SM_IN_USE)
		hint = hint_force(cli->args[0], done->operation);
	status = report_failure(cli, out, done->ret, cli->args[0], hint ? hint : done->hint);
	free(hint);
	return status;
}

int operate_report(struct cli *cli, const struct operated *done)
{
	const char *does = done->does ? done->does : "copies what differs";
	const char *name = cli->args[0], *state;
	struct out *out = report_new(cli);

	out_string(out, KEY_JSON("ElementName"), name);
	out_enum(out, KEY_JSON("Operation"), done->operation,
		 replica_enum_name(REPLICA_ENUM_OPERATION, done->operation));
	if (done->ret && done->ret != REPLICA_JOB_STARTED)
		return refused(cli, out, done);
	state = replica_enum_name(REPLICA_ENUM_COPY_STATE, done->state);
	out_enum(out, KEY_JSON("CopyState"), done->state, state);
	if (done->job)
		out_number(out, KEY_JSON("JobID"), done->job);
	else
		out_none(out, KEY_JSON("JobID"));
	/* Where nothing watches over it, whoever starts a resync protects the replica. */
	if (done->job)
		protect_serve(cli, out, name);
	if (done->job)
		out_message(out, "'%s' is %s; job %u %s.\n'replicactl wait %s' waits for it.", name,
			    state, done->job, does, name);
	else if (done->mode)
		out_message(out, "'%s' is in mode %s.", name, done->mode);
	else
		out_message(out, "'%s' is %s.", name, state);
	return report_finish(cli, out, done->ret);
}

int operate_show(struct cli *cli, enum dm_replica_operation operation)
{
	struct operated done = { .operation = operation };

	done.ret = replica_operate(cli->ctx, cli->args[0], operation, false, &done.job,
				   &done.state);
	return operate_report(cli, &done);
}

#define OPERATE_RUN(verb, operation) \
static int verb##_run(struct cli *cli) \
{ \
	return operate_show(cli, operation); \
}

OPERATE_RUN(suspend, DM_REPLICA_OP_SUSPEND)
OPERATE_RUN(resume, DM_REPLICA_OP_RESUME)
OPERATE_RUN(fracture, DM_REPLICA_OP_FRACTURE)
OPERATE_RUN(split, DM_REPLICA_OP_SPLIT)
OPERATE_RUN(abort, DM_REPLICA_OP_ABORT)

static int mode_run(struct cli *cli)
{
	static const uint32_t operations[] = {
		[DM_REPLICA_MODE_SYNC] = DM_REPLICA_OP_RESET_TO_SYNC,
		[DM_REPLICA_MODE_ASYNC] = DM_REPLICA_OP_RESET_TO_ASYNC,
		[DM_REPLICA_MODE_ADAPTIVE] = DM_REPLICA_OP_RESET_TO_ADAPTIVE,
	};
	struct operated done = { .ret = 0 };
	unsigned int mode;

	if (replica_enum_value(REPLICA_ENUM_MODE, cli->args[1], &mode) ||
	    mode >= ARRAY_SIZE(operations) || !operations[mode])
		return report_usage(cli, "Mode",
				    "mode \"%s\" is unknown: write sync, async or adaptive",
				    cli->args[1]);
	done.operation = operations[mode];
	done.mode = replica_enum_name(REPLICA_ENUM_MODE, mode);
	done.ret = replica_operate(cli->ctx, cli->args[0], done.operation, false, &done.job,
				   &done.state);
	return operate_report(cli, &done);
}

static int resync_run(struct cli *cli)
{
	const struct resync_options *opts = cli->options;
	struct operated done = { .operation = DM_REPLICA_OP_RESYNC, .may_force = true };
	unsigned int flags = 0;

	if (opts->force)
		flags |= REPLICA_RESYNC_FORCE;
	if (opts->compare)
		flags |= REPLICA_RESYNC_COMPARE;
	if (opts->compare)
		done.does = "reads both devices and copies what differs";
	done.ret = replica_resync(cli->ctx, cli->args[0], flags, &done.job, &done.state);
	return operate_report(cli, &done);
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
		"What is under way is not waited for, so the replica need not be consistent;\n"
		"'split' is the orderly cut. Changes are remembered for a quick resync.",
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
		"The replica may be Fractured, Split, Broken, Aborted or Skewed.\n"
		"Copies the regions that changed, as a job. What was written to the replica\n"
		"itself since the cut is overwritten only in regions that changed at the origin\n"
		"too: after using the replica, make it Synchronized and use --force, which\n"
		"copies everything; with --compare too, it reads everything and writes only what\n"
		"differs.\n"
		"With protect=snapshot a resync waits until the replica has a snapshot. If that\n"
		"cannot be made, this tries again, and --force goes on without.",
	.options = resync_table,
	.nr_options = ARRAY_SIZE(resync_table),
	.options_size = sizeof(struct resync_options),
};

const struct command cmd_mode = {
	.name = "mode",
	.group = GROUP_WORK,
	.run = mode_run,
	.min_args = 2,
	.max_args = 2,
	.args = "NAME MODE",
	.complete = { COMPLETE_NAME, COMPLETE_MODE },
	.help = "Change the mode of a replica that is in use",
	.details =
		"sync      a write is complete when both devices have it\n"
		"async     when the origin has it; the replica follows in order, see 'set' for\n"
		"          queue_bytes, rpo and overflow\n"
		"adaptive  the one or the other, as the replica keeps up",
};

const struct command cmd_abort = {
	OPERATE_COMMAND(abort),
	.help = "Stop the copy that runs; 'resync' starts again",
	.details = "What is copied already need not be copied again.",
};
