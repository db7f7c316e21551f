// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * replicactl activate, deactivate: of an association with a meta device they make
 * and remove the mapped device; of a replica without one, which would lose what
 * may differ with its mapped device, they are the operations of CIM.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "operate.h"
#include "protect.h"
#include "report.h"
#include "show.h"

static void show_operation(struct out *out, enum dm_replica_operation operation)
{
	out_enum(out, KEY_JSON("Operation"), operation,
		 replica_enum_name(REPLICA_ENUM_OPERATION, operation));
}

static void show_state(struct out *out, const struct replica_info *info)
{
	unsigned int state = info ? info->copy_state : DM_REPLICA_STATE_NOT_APPLICABLE;

	out_enum(out, KEY_JSON("CopyState"), state,
		 replica_enum_name(REPLICA_ENUM_COPY_STATE, state));
	if (info && info->job)
		out_number(out, KEY_JSON("JobID"), info->job->id);
	else
		out_none(out, KEY_JSON("JobID"));
}

static int usage_of_all(struct cli *cli, bool all, const char *needs)
{
	if (all && cli->nr_args)
		return report_usage(cli, "all", "'--all' and '%s' exclude each other",
				    cli->args[0]);
	if (!all && !cli->nr_args)
		return report_usage(cli, cli->command->args, "'%s' needs %s, or --all",
				    cli->command->name, needs);
	return 0;
}

static bool failed(int ret)
{
	return ret && ret != REPLICA_JOB_STARTED;
}

/* One line of what --all did; the first failure is what it returns. */
static void add_row(struct cli *cli, struct out *out, int ret, const char *name,
		    const char *meta)
{
	const struct replica_error *err = failed(ret) ? replica_last_error(cli->ctx) : NULL;

	out_row(out);
	out_string(out, KEY("ElementName", NULL, "NAME"), name);
	out_string(out, KEY("MetaDevice", NULL, "META DEVICE"), meta);
	out_number(out, KEY("StatusCode", NULL, "CODE"), ret);
	out_string(out, KEY("Description", NULL, "RESULT"),
		   err ? replica_error_description(err) : replica_return_name(ret));
	out_tone(out, err ? OUT_BAD : OUT_GOOD);
	out_end(out);
}

static int finish_all(struct cli *cli, struct out *out, int ret, unsigned int count,
		      const char *done)
{
	if (!count)
		out_message(out, "There is nothing to %s.", cli->command->name);
	else if (!failed(ret))
		out_message(out, "%s %u replica%s.", done, count, count == 1 ? "" : "s");
	return report_failure(cli, out, ret, NULL, NULL);
}

/* ---- activate ---- */

struct activate_options {
	bool all;
	const char *pool;
	bool force;
};

static const struct option activate_table[] = {
	OPTION_FLAG(struct activate_options, all, "all",
		    "All that 'scan' finds and that are not active"),
	OPTION(struct activate_options, pool, "pool", "POOL", read_text, COMPLETE_DEVICE,
	       "First bring up the volumes that were cut from there"),
	OPTION_FLAG(struct activate_options, force, "force",
		    "Accept devices that do not belong together, for a full copy"),
};

static void say_activated(struct out *out, const struct replica_activation *a)
{
	const char *state = replica_enum_name(REPLICA_ENUM_COPY_STATE, a->info->copy_state);

	if (a->own_name && a->info->job)
		out_message(out, "Activated '%s' under its source's name, which stays in use;\n"
			    "job %u copies everything, for what was written meanwhile is not known.",
			    a->element_name, a->info->job->id);
	else if (a->was_active)
		out_message(out, "'%s' is active already; it is %s.", a->element_name, state);
	else if (a->info->job)
		out_message(out, "Activated '%s' as %s; job %u copies what may differ.\n"
			    "'replicactl wait %s' waits for it.", a->element_name, a->device,
			    a->info->job->id, a->element_name);
	else
		out_message(out, "Activated '%s' as %s; it is %s.", a->element_name, a->device,
			    state);
}

static char *activate_hint(struct cli *cli, bool force)
{
	const struct replica_error *err = replica_last_error(cli->ctx);

	if (!err)
		return NULL;
	if (replica_error_sm_code(err) == ESTALE && !force)
		return mem_text("if it is the right one, --force accepts it and copies everything");
	if (replica_error_status_code(err) == REPLICA_NOT_FOUND)
		return mem_text("'replicactl scan' lists the meta devices");
	return NULL;
}

static int activate_one(struct cli *cli, const char *what, bool force)
{
	struct replica_activation *a = NULL;
	struct out *out;
	int ret, status;
	char *hint;

	mem_lock();
	ret = replica_activate(cli->ctx, what, force, &a);
	out = report_new(cli);
	if (failed(ret)) {
		hint = activate_hint(cli, force);
		out_string(out, KEY_JSON("ElementName"), what);
		show_operation(out, DM_REPLICA_OP_ACTIVATE);
		status = report_failure(cli, out, ret, NULL, hint);
		free(hint);
		return status;
	}
	out_string(out, KEY_JSON("ElementName"), a->element_name);
	out_string(out, KEY_JSON("UUID"), a->uuid);
	out_string(out, KEY_JSON("Device"), a->device);
	out_string(out, KEY_JSON("MetaDevice"), a->meta);
	out_string(out, KEY_JSON("Table"), a->table);
	out_bool(out, KEY_JSON("WasActive"), a->was_active);
	show_operation(out, DM_REPLICA_OP_ACTIVATE);
	show_state(out, a->info);
	show_replica_member(out, a->info);
	if (a->info->waits_protected)
		protect_serve(cli, out, a->element_name);
	say_activated(out, a);
	status = report_finish(cli, out, ret);
	replica_activation_free(a);
	return status;
}

/* What was wrong with the pool before the replicas were activated, which went on. */
struct pool_error {
	int ret;
	int code;
	char *sentence;
};

static void keep_error(struct cli *cli, int ret, struct pool_error *kept)
{
	const struct replica_error *err = replica_last_error(cli->ctx);

	kept->ret = ret;
	kept->code = err ? replica_error_sm_code(err) : 0;
	kept->sentence = err ? mem_text(replica_error_description(err)) : NULL;
}

static int finish_kept(struct cli *cli, struct out *out, const struct pool_error *kept)
{
	const struct out_error error = {
		.sentence = kept->sentence ? kept->sentence : replica_return_name(kept->ret),
		.parameter = "TargetStoragePool",
		.provider = "replicactl",
		.return_value = kept->ret,
		.source = REPLICA_SOURCE_LIBRARY,
		.code = kept->code,
	};

	out_error(out, &error);
	return report_finish(cli, out, kept->ret);
}

/* Each in turn; the error that is kept is that of the pool, or of the last failure. */
static int activate_all(struct cli *cli, bool force, const struct pool_error *pool)
{
	struct replica_meta_entry *list = NULL, *entry;
	struct replica_activation *a;
	unsigned int count = 0;
	struct out *out;
	int ret, one;

	ret = replica_meta_scan(cli->ctx, NULL, 0, &list);
	out = report_new(cli);
	out_list(out, KEY("Activations", "", NULL));
	for (entry = list; entry; entry = entry->next) {
		if (entry->active || !entry->name)
			continue;
		one = replica_activate(cli->ctx, entry->path, force, &a);
		add_row(cli, out, one, entry->name, entry->path);
		if (!failed(one) && a->info->waits_protected)
			protect_quietly(cli, a->element_name);
		replica_activation_free(a);
		count++;
		if (failed(one))
			ret = one;
		else if (!failed(ret) && one)
			ret = one;
	}
	out_end(out);
	replica_meta_entry_free(list);
	return pool->ret ? finish_kept(cli, out, pool) :
	       finish_all(cli, out, ret, count, "Activated");
}

/* Is there a mapped device that only an operation of CIM brings on? */
static bool wants_operation(struct cli *cli, const char *name)
{
	struct replica_info *info = NULL;
	bool wants = false;

	if (!replica_get(cli->ctx, name, &info))
		wants = !info->meta || info->copy_state == DM_REPLICA_STATE_INACTIVE ||
			info->copy_state == DM_REPLICA_STATE_PREPARED ||
			info->copy_state == DM_REPLICA_STATE_INITIALIZED;
	replica_info_free(info);
	return wants;
}

/* As a failure of the activation that it was for. */
static int pool_failed(struct cli *cli, int ret)
{
	struct out *out = report_new(cli);

	out_string(out, KEY_JSON("ElementName"), cli->args[0]);
	show_operation(out, DM_REPLICA_OP_ACTIVATE);
	return report_failure(cli, out, ret, NULL, NULL);
}

static int activate_run(struct cli *cli)
{
	const struct activate_options *opts = cli->options;
	struct pool_error pool = { .ret = 0 };
	int status = usage_of_all(cli, opts->all, "NAME or DEVICE"), ret;

	if (status)
		return status;
	ret = opts->pool ? replica_pool_activate(cli->ctx, opts->pool) : REPLICA_SUCCESS;
	if (ret && opts->all)
		keep_error(cli, ret, &pool);
	else if (ret)
		return pool_failed(cli, ret);
	if (opts->all) {
		status = activate_all(cli, opts->force, &pool);
		free(pool.sentence);
		return status;
	}
	if (wants_operation(cli, cli->args[0]))
		return operate_show(cli, DM_REPLICA_OP_ACTIVATE);
	return activate_one(cli, cli->args[0], opts->force);
}

const struct command cmd_activate = {
	.name = "activate",
	.group = GROUP_MAKE,
	.run = activate_run,
	.max_args = 1,
	.args = "[NAME|DEVICE]",
	.complete = { COMPLETE_LOG },
	.help = "Bring a replica back from its meta device",
	.details =
		"Makes /dev/mapper/NAME again, from what the meta device says; only what may\n"
		"differ is copied; everything, for a source that had its replica under its own\n"
		"name and ran without it meanwhile. DEVICE is the meta device; a NAME is looked\n"
		"for on all block devices.\n"
		"Volumes that were cut from a thin-pool of device-mapper have no mapped devices\n"
		"after a boot: with --pool they get them first.\n"
		"A replica that was deactivated and still has its mapped device is started again.",
	.options = activate_table,
	.nr_options = ARRAY_SIZE(activate_table),
	.options_size = sizeof(struct activate_options),
};

/* ---- deactivate ---- */

struct deactivate_options {
	bool all;
};

static const struct option deactivate_table[] = {
	OPTION_FLAG(struct deactivate_options, all, "all",
		    "All that have a meta device"),
};

static int deactivate_one(struct cli *cli, const char *name)
{
	struct replica_activation *a = NULL;
	int ret = replica_deactivate(cli->ctx, name, &a), status;
	struct out *out;
	char *hint = NULL;

	if (ret == REPLICA_NOT_SUPPORTED)
		return operate_show(cli, DM_REPLICA_OP_DEACTIVATE);
	out = report_new(cli);
	out_string(out, KEY_JSON("ElementName"), a ? a->element_name : name);
	show_operation(out, DM_REPLICA_OP_DEACTIVATE);
	if (ret) {
		hint = mem_format("close it first; 'fuser -vm /dev/mapper/%s' shows who uses it",
				  name);
		status = report_failure(cli, out, ret, name,
					ret == REPLICA_FAILED ? hint : NULL);
		free(hint);
		return status;
	}
	out_string(out, KEY_JSON("MetaDevice"), a->meta);
	show_state(out, NULL);
	out_message(out, "Deactivated '%s'; 'replicactl activate %s' brings it back.",
		    a->element_name, a->element_name);
	status = report_finish(cli, out, ret);
	replica_activation_free(a);
	return status;
}

static int deactivate_all(struct cli *cli)
{
	struct replica_info *list = NULL, *info;
	int ret = replica_list(cli->ctx, &list), one;
	struct out *out = report_new(cli);
	unsigned int count = 0;

	out_list(out, KEY("Deactivations", "", NULL));
	for (info = list; info; info = info->next) {
		if (!info->meta)
			continue;
		one = replica_deactivate(cli->ctx, info->name, NULL);
		add_row(cli, out, one, info->name, info->meta_path);
		count++;
		if (one)
			ret = one;
	}
	out_end(out);
	replica_info_free(list);
	return finish_all(cli, out, ret, count, "Deactivated");
}

static int deactivate_run(struct cli *cli)
{
	const struct deactivate_options *opts = cli->options;
	int status = usage_of_all(cli, opts->all, "NAME");

	if (status)
		return status;
	return opts->all ? deactivate_all(cli) : deactivate_one(cli, cli->args[0]);
}

const struct command cmd_deactivate = {
	.name = "deactivate",
	.group = GROUP_MAKE,
	.run = deactivate_run,
	.max_args = 1,
	.args = "[NAME]",
	.complete = { COMPLETE_NAME },
	.help = "Take a replica down until 'activate' brings it back",
	.details =
		"Removes the mapped device, which may not be in use; what may differ is kept on\n"
		"the meta device. A replica without one keeps its mapped device: it becomes\n"
		"Inactive, writes go on to the origin alone, and the regions they change are\n"
		"remembered.",
	.options = deactivate_table,
	.nr_options = ARRAY_SIZE(deactivate_table),
	.options_size = sizeof(struct deactivate_options),
};
