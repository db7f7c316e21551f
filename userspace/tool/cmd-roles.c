// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl reverse, failover, failback, prepare; restore has a file of its own */
#include "operate.h"

struct role_options {
	bool force;
};

static const struct option failover_table[] = {
	OPTION_FLAG(struct role_options, force, "force",
		    "Lose what the replica does not have"),
};

static const struct option prepare_table[] = {
	OPTION_FLAG(struct role_options, force, "force",
		    "Give up what is known to be equal"),
};

static int run(struct cli *cli, enum dm_replica_operation operation, const char *does)
{
	const struct role_options *opts = cli->options;
	struct operated done = { .operation = operation, .does = does, .may_force = opts };

	done.ret = replica_operate(cli->ctx, cli->args[0], operation, opts && opts->force,
				   &done.job, &done.state);
	return operate_report(cli, &done);
}

static int reverse_run(struct cli *cli)
{
	return run(cli, DM_REPLICA_OP_REVERSE_ROLES, NULL);
}

static int failover_run(struct cli *cli)
{
	return run(cli, DM_REPLICA_OP_FAILOVER, NULL);
}

static int failback_run(struct cli *cli)
{
	return run(cli, DM_REPLICA_OP_FAILBACK,
		   "copies what changed, and then the devices get their places back");
}

static int prepare_run(struct cli *cli)
{
	return run(cli, DM_REPLICA_OP_PREPARE, NULL);
}

#define ROLE_COMMAND(verb) \
	.name = #verb, .group = GROUP_WORK, .run = verb##_run, .min_args = 1, .max_args = 1, \
	.args = "NAME", .complete = { COMPLETE_NAME }

const struct command cmd_reverse = {
	ROLE_COMMAND(reverse),
	.help = "Let origin and replica change places, while in use",
	.details =
		"The replica must be Synchronized. Writes wait for a moment; the mapped device\n"
		"keeps its name, its users and its mounts.",
};

const struct command cmd_failover = {
	ROLE_COMMAND(failover),
	.help = "Go on with the replica in place of the origin",
	.details =
		"The origin is not written to any more, and what changes is remembered for\n"
		"'failback'. A replica that is not Synchronized lacks something: --force loses\n"
		"it.",
	.options = failover_table,
	.nr_options = ARRAY_SIZE(failover_table),
	.options_size = sizeof(struct role_options),
};

const struct command cmd_failback = {
	ROLE_COMMAND(failback),
	.help = "Undo a failover, after a copy of what changed",
	.details =
		"A job copies back what changed, and then the devices get their places back.\n"
		"'resync' instead copies too, and leaves the devices where they are.",
};

const struct command cmd_prepare = {
	ROLE_COMMAND(prepare),
	.help = "Begin anew: nothing flows until 'activate'",
	.details =
		"Writes go to the origin alone meanwhile, and 'activate' copies everything.",
	.options = prepare_table,
	.nr_options = ARRAY_SIZE(prepare_table),
	.options_size = sizeof(struct role_options),
};
