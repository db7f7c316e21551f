// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl restore */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "progress.h"
#include "report.h"

struct restore_options {
	uint32_t timeout_ms;
};

static const struct option restore_table[] = {
	OPTION(struct restore_options, timeout_ms, "timeout", "TIME", read_seconds,
	       COMPLETE_NOTHING, "Longest wait; seconds without a unit (default: no limit)"),
};

static char *restore_hint(const struct replica_error *err, const char *name)
{
	if (err && strstr(replica_error_description(err), "is in use"))
		return mem_format("unmount and close both first; 'lsblk' shows who uses '%s'",
				  name);
	return NULL;
}

static int restore_run(struct cli *cli)
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
	out_enum(out, KEY_JSON("Operation"), REPLICA_OP_RESTORE,
		 replica_enum_name(REPLICA_ENUM_OPERATION, REPLICA_OP_RESTORE));
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

const struct command cmd_restore = {
	.name = "restore",
	.group = GROUP_WORK,
	.run = restore_run,
	.min_args = 1,
	.max_args = 1,
	.args = "NAME",
	.complete = { COMPLETE_NAME },
	.help = "Make the source what a snapshot of it is",
	.details =
		"All that was written to the source since is lost, and what was written to the\n"
		"snapshot comes too. Neither may be in use. The source shows the restored data\n"
		"at once and may be used while the kernel copies; at the end the snapshot is\n"
		"gone. Ctrl-C ends the wait and not the restore, and the same command then waits\n"
		"again. Snapshots that are newer have to be removed first, but for those of a\n"
		"logical volume.\n"
		"One that failed, as a device gave an error, goes on with the same command when\n"
		"the device works again.",
	.options = restore_table,
	.nr_options = ARRAY_SIZE(restore_table),
	.options_size = sizeof(struct restore_options),
};
