// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl wait, confirm */
#include "progress.h"
#include "protect.h"
#include "report.h"
#include "show.h"

/* ---- wait ---- */

struct wait_options {
	uint32_t state;
	uint32_t timeout_ms;
};

static const struct wait_options wait_defaults = {
	.state = DM_REPLICA_STATE_SYNCHRONIZED,
};

static const struct option wait_table[] = {
	OPTION(struct wait_options, state, "for", "STATE", read_state, COMPLETE_STATE,
	       "The copy state to wait for (default: synchronized)"),
	OPTION(struct wait_options, timeout_ms, "timeout", "TIME", read_seconds, COMPLETE_NOTHING,
	       "Longest wait; seconds without a unit (default: no limit)"),
};

/* As the registry tells who comes too late. */
static int wait_ended(struct cli *cli, struct out *out)
{
	out_string(out, KEY_JSON("ElementName"), cli->args[0]);
	out_none(out, KEY_JSON("Replica"));
	out_message(out, "Clone '%s' was complete and has ended.", cli->args[0]);
	return report_finish(cli, out, REPLICA_SUCCESS);
}

static int wait_finish(struct cli *cli, int ret, const struct replica_info *info)
{
	struct out *out = report_new(cli);
	const char *hint = NULL;

	if (info)
		show_replica_member(out, info);
	if (!ret && !info)
		return wait_ended(cli, out);
	if (!ret) {
		out_message(out, "'%s' is %s.", cli->args[0],
			    replica_enum_name(REPLICA_ENUM_COPY_STATE, info->copy_state));
		return report_finish(cli, out, ret);
	}
	if (progress_interrupted(cli))
		return report_interrupted(cli, out, "stopped waiting; the replica goes on");
	if (ret == REPLICA_TIMEOUT)
		hint = "the replica goes on; 'replicactl status' shows how far it is";
	return report_failure(cli, out, ret, cli->args[0], hint);
}

static int wait_run(struct cli *cli)
{
	const struct wait_options *opts = cli->options;
	struct replica_info *info = NULL;
	struct progress progress;
	int ret, status;

	/* A resync may wait itself, for somebody who makes the snapshot of the replica. */
	protect_quietly(cli, cli->args[0]);
	progress_begin(&progress, cli);
	ret = replica_wait_state(cli->ctx, cli->args[0], opts->state, opts->timeout_ms,
				 progress_step, &progress, &info);
	progress_end(&progress);
	status = wait_finish(cli, ret, info);
	if (!ret)
		protect_quietly(cli, cli->args[0]);
	replica_info_free(info);
	return status;
}

const struct command cmd_wait = {
	.name = "wait",
	.group = GROUP_LOOK,
	.run = wait_run,
	.min_args = 1,
	.max_args = 1,
	.args = "NAME",
	.complete = { COMPLETE_NAME },
	.help = "Wait until a replica is in a certain state",
	.details =
		"Ends at once if the replica is in that state, and with an error when the state\n"
		"cannot be reached any more by waiting. Ctrl-C ends the wait, not the copy.",
	.options = wait_table,
	.nr_options = ARRAY_SIZE(wait_table),
	.options_size = sizeof(struct wait_options),
	.defaults = &wait_defaults,
};

/* ---- confirm ---- */

struct confirm_options {
	uint32_t timeout_ms;
};

static const struct option confirm_table[] = {
	OPTION(struct confirm_options, timeout_ms, "timeout", "TIME", read_seconds,
	       COMPLETE_NOTHING, "Longest wait; seconds without a unit (default: no limit)"),
};

static int confirm_run(struct cli *cli)
{
	const struct confirm_options *opts = cli->options;
	const char *name = cli->args[0];
	int ret = replica_confirm(cli->ctx, name, opts->timeout_ms);
	struct out *out = report_new(cli);

	out_string(out, KEY_JSON("ElementName"), name);
	if (ret)
		return report_failure(cli, out, ret, name, NULL);
	out_message(out, "Everything written to '%s' before this call is durable on its replica.",
		    name);
	return report_finish(cli, out, ret);
}

const struct command cmd_confirm = {
	.name = "confirm",
	.group = GROUP_WORK,
	.run = confirm_run,
	.min_args = 1,
	.max_args = 1,
	.args = "NAME",
	.complete = { COMPLETE_NAME },
	.help = "Wait until the replica holds all writes made so far",
	.details = "This is ConfirmTargetData of CIM: a barrier, after which a backup may begin.",
	.options = confirm_table,
	.nr_options = ARRAY_SIZE(confirm_table),
	.options_size = sizeof(struct confirm_options),
};
