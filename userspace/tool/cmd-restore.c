// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl restore */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "operate.h"
#include "progress.h"
#include "report.h"
#include "show.h"

struct restore_options {
	uint32_t timeout_ms;
	bool force;
};

static const struct option restore_table[] = {
	OPTION(struct restore_options, timeout_ms, "timeout", "TIME", read_seconds,
	       COMPLETE_NOTHING, "Longest wait for a snapshot; seconds without a unit"),
	OPTION_FLAG(struct restore_options, force, "force",
		    "Though the replica need not be consistent, or is in use"),
};

static char *restore_hint(const struct replica_error *err, const char *name)
{
	if (err && strstr(replica_error_description(err), "is in use"))
		return mem_format("unmount and close both first; 'lsblk' shows who uses '%s'",
				  name);
	return NULL;
}

/* 0: there is none of that name. */
static uint32_t sync_type_of(struct cli *cli, const char *name)
{
	struct replica_info *info;
	uint32_t type;

	if (replica_get(cli->ctx, name, &info))
		return 0;
	type = info->sync_type;
	replica_info_free(info);
	return type;
}

/* When the state allows it, it is open. */
static char *hint_open(struct cli *cli, const char *name)
{
	const struct replica_error *err = replica_last_error(cli->ctx);
	bool in_use = err && replica_error_sm_code(err) == REPLICA_SM_IN_USE;
	struct replica_ctx *ctx = in_use ? replica_ctx_new() : NULL;
	struct replica_capabilities *caps = NULL;
	char *text = NULL;

	if (ctx && !replica_capabilities(ctx, name, &caps) &&
	    show_contains(caps->operations, caps->nr_operations, DM_REPLICA_OP_RESTORE))
		text = mem_format("'fuser -vm /dev/mapper/%s' shows who uses it", name);
	replica_capabilities_free(caps);
	replica_ctx_free(ctx);
	return text;
}

/* The legs change places at once, and the job brings what the old origin lacks. */
static int restore_replica(struct cli *cli, bool force)
{
	struct operated done = {
		.operation = DM_REPLICA_OP_RESTORE,
		.does = "copies what changed back to the origin",
		.may_force = true,
	};
	char *hint = NULL;
	int status;

	done.ret = replica_operate(cli->ctx, cli->args[0], DM_REPLICA_OP_RESTORE, force, &done.job,
				   &done.state);
	if (done.ret == REPLICA_FAILED)
		hint = hint_open(cli, cli->args[0]);
	done.hint = hint;
	status = operate_report(cli, &done);
	free(hint);
	return status;
}

static int restore_snapshot(struct cli *cli)
{
	const struct restore_options *opts = cli->options;
	const char *name = cli->args[0];
	struct progress progress;
	struct out *out;
	int ret, status;
	char *hint;

	progress_begin(&progress, cli);
	ret = replica_restore(cli->ctx, name, opts->timeout_ms, progress_step, &progress);
	progress_end(&progress);
	out = report_new(cli);
	out_string(out, KEY_JSON("ElementName"), name);
	out_enum(out, KEY_JSON("Operation"), DM_REPLICA_OP_RESTORE,
		 replica_enum_name(REPLICA_ENUM_OPERATION, DM_REPLICA_OP_RESTORE));
	if (!ret) {
		out_message(out,
			    "The source is what '%s' was; the snapshot is gone and its store is free.",
			    name);
		return report_finish(cli, out, ret);
	}
	if (progress_interrupted(cli))
		return report_interrupted(cli, out,
					  "stopped waiting; the restore goes on, and the same command finishes it");
	hint = restore_hint(replica_last_error(cli->ctx), name);
	status = report_failure(cli, out, ret, name, hint);
	free(hint);
	return status;
}

static int restore_run(struct cli *cli)
{
	const struct restore_options *opts = cli->options;
	const char *name = cli->args[0];
	uint32_t type = sync_type_of(cli, name);

	if (type == REPLICA_SYNC_TYPE_SNAPSHOT) {
		if (!opts->force)
			return restore_snapshot(cli);
		return report_usage(cli, "force",
				    "'--force' is for a replica; a snapshot is never restored while it is in use");
	}
	if (!type || !opts->timeout_ms)
		return restore_replica(cli, opts->force);
	return report_usage(cli, "timeout",
			    "'--timeout' is for a snapshot; 'replicactl wait %s --timeout TIME' waits for a replica",
			    name);
}

const struct command cmd_restore = {
	.name = "restore",
	.group = GROUP_WORK,
	.run = restore_run,
	.min_args = 1,
	.max_args = 1,
	.args = "NAME",
	.complete = { COMPLETE_NAME },
	.help = "Make the source what a snapshot or split replica is",
	.details =
		"From a replica: what was written to the source since the split is lost. What is\n"
		"read is restored at once, and a job copies what changed; it is over when the\n"
		"devices have their places back. The mapped device may not be in use.\n\n"
		"From a snapshot: all that was written to the source since is lost, and what was\n"
		"written to the snapshot comes too. Neither may be in use. The source shows the\n"
		"restored data at once and may be used while the kernel copies; at the end the\n"
		"snapshot is gone. Ctrl-C ends the wait and not the restore, and the same command\n"
		"then waits again. Snapshots that are newer have to be removed first, but for\n"
		"those of a logical volume.\n"
		"One that failed, as a device gave an error, goes on with the same command when\n"
		"the device works again.",
	.options = restore_table,
	.nr_options = ARRAY_SIZE(restore_table),
	.options_size = sizeof(struct restore_options),
};
