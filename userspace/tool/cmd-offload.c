// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * replicactl __offload UNIT: has the devices of a redeem copy by themselves.  It is what the
 * library starts when it has made a redeem whose devices can, and is nobody's child.
 */
#include <stdlib.h>

#include "command.h"
#include "memory.h"
#include "protect.h"
#include "report.h"

static int offload_run(struct cli *cli)
{
	char *name = unit_read(cli->args[0]);
	struct out *out;
	int ret, status;

	if (!name)
		return report_usage(cli, "UNIT", "'%s' is not made of a name", cli->args[0]);
	mem_lock();
	ret = replica_offload_run(cli->ctx, name);
	out = report_new(cli);
	out_string(out, KEY_JSON("ElementName"), name);
	status = ret ? report_failure(cli, out, ret, name, NULL) : report_finish(cli, out, ret);
	free(name);
	return status;
}

const struct command cmd_offload = {
	.name = "__offload",
	.group = GROUP_HIDDEN,
	.run = offload_run,
	.min_args = 1,
	.max_args = 1,
	.args = "UNIT",
	.help = "Have the devices of a redeem copy by themselves",
};
