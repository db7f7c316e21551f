// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl return-to-pool */
#include <stdlib.h>

#include "memory.h"
#include "report.h"
#include "show.h"

struct return_options {
	bool left;
	bool dry_run;
	bool force;
	uint32_t timeout_ms;
};

static const struct option return_table[] = {
	OPTION_FLAG(struct return_options, left, "left",
		    "What a killed creation left in POOL, and dropped replicas"),
	OPTION_FLAG(struct return_options, dry_run, "dry-run",
		    "Only show what --left would remove"),
	OPTION_FLAG(struct return_options, force, "force",
		    "In any state; with --left also replicas whose log is not found"),
	OPTION(struct return_options, timeout_ms, "timeout", "TIME", read_seconds, COMPLETE_NOTHING,
	       "Longest wait for the replica; seconds without a unit"),
};

static int return_one(struct cli *cli, const struct return_options *opts)
{
	const char *name = cli->args[0];
	struct replica_pool_volume *list = NULL;
	struct out *out = report_new(cli);
	int ret, status;

	ret = replica_return_to_pool(cli->ctx, name, opts->force, opts->timeout_ms, &list);
	out_string(out, KEY_JSON("ElementName"), name);
	out_none(out, KEY_JSON("StoragePool"));
	show_volumes(out, list);
	if (!ret)
		out_message(out, "Detached '%s'; its volumes went back to the pool.", name);
	status = report_failure(cli, out, ret, name, NULL);
	replica_pool_volume_free(list);
	return status;
}

static int return_left(struct cli *cli, const struct return_options *opts)
{
	const char *pool = cli->args[0];
	struct replica_pool_volume *list = NULL;
	struct out *out = report_new(cli);
	const struct replica_pool_volume *v;
	unsigned int count, all = 0;
	int ret, status;

	ret = replica_return_left(cli->ctx, pool, opts->force, opts->dry_run, &list);
	out_none(out, KEY_JSON("ElementName"));
	out_string(out, KEY_JSON("StoragePool"), pool);
	count = show_volumes(out, list);
	for (v = list; v; v = v->next)
		all++;
	if (!ret && all && !count)
		out_message(out, "None of them %s removed from pool %s.",
			    opts->dry_run ? "would be" : "was", pool);
	else if (!ret && !count)
		out_message(out, "Nothing is left in pool %s.", pool);
	else if (!ret)
		out_message(out, "%s %u volume%s %s pool %s.",
			    opts->dry_run ? "There would go" : "Removed", count,
			    count == 1 ? "" : "s", opts->dry_run ? "back to" : "from", pool);
	status = report_failure(cli, out, ret, NULL, NULL);
	replica_pool_volume_free(list);
	return status;
}

static int return_run(struct cli *cli)
{
	const struct return_options *opts = cli->options;

	if (!cli->nr_args)
		return report_usage(cli, cli->command->args, "'return-to-pool%s' needs %s",
				    opts->left ? " --left" : "", opts->left ? "POOL" : "NAME");
	if (opts->dry_run && !opts->left)
		return report_usage(cli, "dry-run", "'--dry-run' is for '--left'");
	if (opts->timeout_ms && opts->left)
		return report_usage(cli, "timeout", "'--left' waits for no replica");
	return opts->left ? return_left(cli, opts) : return_one(cli, opts);
}

const struct command cmd_return = {
	.name = "return-to-pool",
	.group = GROUP_WORK,
	.run = return_run,
	.max_args = 1,
	.args = "NAME|POOL",
	.complete = { COMPLETE_NAME },
	.help = "End a replica and return its volumes to a pool",
	.details =
		"Detaches as 'detach' does, then removes the target and the meta device that\n"
		"'create --pool' cut, or ends a snapshot and removes its store; one that was not\n"
		"cut so is refused. With --left POOL, removes the volumes cut from POOL that no\n"
		"replica and no log knows: what a killed 'create' left, and the targets of\n"
		"replicas that were dropped with 'remove'. All meta devices have to be there\n"
		"then, for it is their logs that protect a replica that is not active.",
	.options = return_table,
	.nr_options = ARRAY_SIZE(return_table),
	.options_size = sizeof(struct return_options),
};
