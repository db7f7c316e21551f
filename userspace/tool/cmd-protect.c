// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The snapshot that protects a replica while it is resynced: made by whoever starts a resync,
 * and by __protect UNIT, which is what the unit runs that a rule has systemd start for each
 * replica with protect=snapshot.
 */
#include <stdlib.h>

#include "memory.h"
#include "protect.h"
#include "report.h"

void protect_serve(struct cli *cli, struct out *out, const char *name)
{
	const struct replica_error *err;

	if (!replica_protect(cli->ctx, name, NULL, NULL))
		return;
	err = replica_last_error(cli->ctx);
	if (err)
		out_warning(out, "%s", replica_error_description(err));
}

void protect_quietly(struct cli *cli, const char *name)
{
	replica_protect(cli->ctx, name, NULL, NULL);
}

struct protect_options {
	struct store_size store_size;
};

static const struct option protect_table[] = {
	OPTION(struct protect_options, store_size, "store-size", "SIZE|N%", read_store_size,
	       COMPLETE_NOTHING, "Of the snapshot of a thick volume, else what it needs"),
};

static int watch(struct cli *cli, const char *name)
{
	const struct protect_options *opts = cli->options;
	const struct replica_protect_args args = {
		.size = sizeof(args),
		.store_bytes = opts->store_size.bytes,
		.store_percent = opts->store_size.percent,
	};
	int ret = replica_protect_watch(cli->ctx, name, &args);
	struct out *out = report_new(cli);

	out_string(out, KEY_JSON("ElementName"), name);
	if (ret)
		return report_failure(cli, out, ret, name, NULL);
	out_message(out, "'%s' has nothing more to be protected.", name);
	return report_finish(cli, out, ret);
}

static int protect_run(struct cli *cli)
{
	char *name = unit_read(cli->args[0]);
	int status;

	if (!name)
		return report_usage(cli, "UNIT", "'%s' is not made of a name", cli->args[0]);
	mem_lock();
	status = watch(cli, name);
	free(name);
	return status;
}

const struct command cmd_protect_unit = {
	.name = "__protect",
	.group = GROUP_HIDDEN,
	.run = protect_run,
	.min_args = 1,
	.max_args = 1,
	.args = "UNIT",
	.help = "Protect a replica while it is resynced, for its unit of systemd",
	.options = protect_table,
	.nr_options = ARRAY_SIZE(protect_table),
	.options_size = sizeof(struct protect_options),
};
