// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl resize */
#include <stdlib.h>
#include <string.h>

#include "hint.h"
#include "human.h"
#include "memory.h"
#include "report.h"
#include "show.h"

#define TEXT_LEN	64

struct resize_options {
	uint64_t bytes;
	bool dry_run;
};

static const struct option resize_table[] = {
	OPTION(struct resize_options, bytes, "size", "SIZE", read_size, COMPLETE_NOTHING,
	       "The new size (default: as much as both devices have)"),
	OPTION_FLAG(struct resize_options, dry_run, "dry-run",
		    "Check everything and change nothing"),
};

/* ---- What to do about a refusal ---- */

static bool is_about(const struct replica_finding *finding, const char *parameter)
{
	return finding->parameter && !strcmp(finding->parameter, parameter);
}

static char *hint_too_small(const struct replica_finding *finding)
{
	if (is_about(finding, "MetaDevice"))
		return mem_text("grow the meta device first; the log then follows");
	if (is_about(finding, "region_size"))
		return mem_text("a replica with larger regions has to be created anew");
	return mem_text("grow that device first, for instance with 'lvextend'");
}

static char *hint_refused(struct cli *cli, const struct replica_resize_result *result)
{
	const struct replica_finding *finding = result->findings;
	struct hint_devices devices = { NULL, NULL, NULL };
	const struct replica_info *info = result->info;

	if (!finding || finding->severity < REPLICA_SEVERITY_ERROR)
		return NULL;
	switch (finding->code) {
	case REPLICA_CHECK_TOO_SMALL:
		return hint_too_small(finding);
	case REPLICA_CHECK_SHRINK:
		return mem_text("a smaller replica has to be created anew");
	case REPLICA_CHECK_ALIGNMENT:
		return mem_text("without --size, it is chosen as large as it can be");
	}
	devices.source = info->origin_path ? info->origin_path : info->origin;
	devices.target = info->replica_path ? info->replica_path : info->replica;
	devices.meta = info->meta_path ? info->meta_path : info->meta;
	if (is_about(finding, "ElementName"))
		devices.target = cli->args[0];
	return hint_finding(finding, &devices);
}

/* ---- The document ---- */

static void show_resized(struct out *out, const struct replica_resize_result *result, int ret)
{
	const struct replica_info *info = result->info;

	out_string(out, KEY_JSON("Device"), result->device);
	if (result->new_bytes) {
		out_bytes(out, KEY_JSON("OldSize"), result->old_bytes);
		out_bytes(out, KEY_JSON("Size"), result->new_bytes);
	}
	if (result->meta_bytes)
		out_bytes(out, KEY_JSON("MetaDeviceBytes"), result->meta_bytes);
	else
		out_none(out, KEY_JSON("MetaDeviceBytes"));
	if (ret == REPLICA_JOB_STARTED && info && info->job)
		out_number(out, KEY_JSON("JobID"), info->job->id);
	else
		out_none(out, KEY_JSON("JobID"));
	out_string(out, KEY_JSON("Table"), result->table);
	if (info)
		show_replica_member(out, info);
	show_findings(out, result->findings, NULL);
}

static void say_unchanged(struct out *out, const char *name,
			  const struct replica_resize_result *result)
{
	char size[TEXT_LEN];

	human_bytes(size, sizeof(size), result->new_bytes);
	if (result->limit)
		out_message(out, "'%s' has %s already, which is all that %s has; nothing to do.",
			    name, size, result->limit);
	else
		out_message(out, "'%s' has %s already; nothing to do.", name, size);
}

static void say_resized(struct out *out, const char *name,
			const struct replica_resize_result *result, int ret)
{
	char from[TEXT_LEN], to[TEXT_LEN];

	human_bytes(from, sizeof(from), result->old_bytes);
	human_bytes(to, sizeof(to), result->new_bytes);
	if (ret == REPLICA_JOB_STARTED && result->info->job)
		out_message(out, "'%s' has grown from %s to %s; job %u copies what was added.\n"
			    "'replicactl wait %s' waits for it. What lies on %s can grow now.",
			    name, from, to, result->info->job->id, name, result->device);
	else
		out_message(out, "'%s' has grown from %s to %s. What lies on %s can grow now.",
			    name, from, to, result->device);
}

static void say_done(struct cli *cli, struct out *out, const struct replica_resize_result *result,
		     int ret)
{
	const struct resize_options *opts = cli->options;
	char from[TEXT_LEN], to[TEXT_LEN];

	if (!result->table) {
		say_unchanged(out, cli->args[0], result);
		return;
	}
	if (!opts->dry_run) {
		say_resized(out, cli->args[0], result, ret);
		return;
	}
	human_bytes(from, sizeof(from), result->old_bytes);
	human_bytes(to, sizeof(to), result->new_bytes);
	out_message(out, "'%s' could grow from %s to %s with this table; nothing was changed:\n%s",
		    cli->args[0], from, to, result->table);
}

static int resize_finish(struct cli *cli, int ret, const struct replica_resize_result *result)
{
	bool refused = ret && ret != REPLICA_JOB_STARTED;
	struct out *out = report_new(cli);
	char *hint = NULL;
	int status;

	out_string(out, KEY_JSON("ElementName"), cli->args[0]);
	if (result && result->info)
		show_resized(out, result, ret);
	if (result)
		show_asides(out, result->findings, refused);
	if (!refused) {
		say_done(cli, out, result, ret);
		return report_finish(cli, out, ret);
	}
	if (result)
		hint = hint_refused(cli, result);
	status = report_failure(cli, out, ret, cli->args[0], hint);
	free(hint);
	return status;
}

static int resize_run(struct cli *cli)
{
	const struct resize_options *opts = cli->options;
	const struct replica_resize_args args = {
		.size = sizeof(args),
		.name = cli->args[0],
		.bytes = opts->bytes,
		.dry_run = opts->dry_run,
	};
	struct replica_resize_result *result = NULL;
	int ret = replica_resize(cli->ctx, &args, &result), status;

	status = resize_finish(cli, ret, result);
	replica_resize_result_free(result);
	return status;
}

const struct command cmd_resize = {
	.name = "resize",
	.group = GROUP_WORK,
	.run = resize_run,
	.min_args = 1,
	.max_args = 1,
	.args = "NAME",
	.complete = { COMPLETE_NAME },
	.help = "Let a replica grow after its devices have grown",
	.details =
		"Grow origin and replica first ('lvextend' and the like), and the meta device if\n"
		"its log has no room. The replica stays in use meanwhile and keeps its settings\n"
		"and its state; what was added is copied. It never becomes smaller.",
	.options = resize_table,
	.nr_options = ARRAY_SIZE(resize_table),
	.options_size = sizeof(struct resize_options),
};
