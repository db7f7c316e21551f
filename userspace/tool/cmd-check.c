// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl check */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "create.h"
#include "human.h"
#include "memory.h"
#include "report.h"
#include "show.h"

struct check_options {
	const char *name;
	const char *meta;
	const char *settings;
	const char *pool;
	uint32_t sync_type;
	struct store_size store_size;
	bool force;
};

static const struct check_options check_defaults = {
	.sync_type = SYNC_TYPE_NONE,
};

static const struct option check_table[] = {
	OPTION(struct check_options, name, "name", "NAME", read_text, COMPLETE_NOTHING,
	       "Check this name too"),
	OPTION(struct check_options, meta, "meta", "DEVICE", read_text, COMPLETE_META,
	       "Check this meta device too; 'pool': one of the pool"),
	OPTION(struct check_options, pool, "pool", "POOL", read_text, COMPLETE_DEVICE,
	       "Check a target from there, and tell the sizes"),
	OPTION(struct check_options, sync_type, "sync-type", "TYPE", read_sync_type,
	       COMPLETE_SYNC_TYPE, "With --pool: of that type; snapshot is for a store"),
	OPTION(struct check_options, store_size, "store-size", "SIZE|N%", read_store_size,
	       COMPLETE_NOTHING, "With --pool: size of a snapshot's store"),
	OPTION(struct check_options, settings, "settings", "KEY=VALUE,...", read_text,
	       COMPLETE_SETTING, "Settings as of 'create'"),
	OPTION_FLAG(struct check_options, force, "force",
		    "Check as for 'create --force'"),
};

/* ---- a target volume ---- */

static void show_need(struct out *out, uint64_t bytes)
{
	char text[64];

	if (!bytes) {
		out_none(out, KEY_JSON("MetaDeviceBytes"));
		return;
	}
	human_bytes(text, sizeof(text), bytes);
	out_number(out, KEY_JSON("MetaDeviceBytes"), bytes);
	out_note(out, "A meta device for it needs %" PRIu64 " bytes (%s).", bytes, text);
}

static void show_devices(struct cli *cli, struct out *out)
{
	const struct check_options *opts = cli->options;

	out_string(out, KEY_JSON("SourceStorageVolume"), cli->args[0]);
	out_string(out, KEY_JSON("TargetStorageVolume"), cli->args[1]);
	out_string(out, KEY_JSON("MetaDevice"), opts->meta);
}

static int finish(struct cli *cli, struct out *out, int ret, const struct replica_finding *list)
{
	const struct check_options *opts = cli->options;
	char *hint;
	int status;

	if (!ret)
		return report_finish(cli, out, ret);
	hint = create_hint(cli, list, cli->args[1], opts->meta);
	status = report_failure(cli, out, ret, NULL, hint);
	free(hint);
	return status;
}

static int check_volume(struct cli *cli, const struct replica_create_args *args)
{
	struct replica_finding *list = NULL;
	struct out *out;
	uint64_t need = 0;
	int ret, status;

	ret = replica_check_create(cli->ctx, args, &need, &list);
	out = report_new(cli);
	show_devices(cli, out);
	show_findings(out, list, "");
	show_need(out, need);
	if (!ret)
		out_message(out, "%s can become a replica of %s.", cli->args[1], cli->args[0]);
	status = finish(cli, out, ret, list);
	replica_finding_free(list);
	return status;
}

/* ---- a pool ---- */

static void show_size(struct out *out, const char *key, const char *what, uint64_t bytes)
{
	char text[64];

	human_bytes(text, sizeof(text), bytes);
	out_number(out, KEY_JSON(key), bytes);
	out_note(out, "%s %" PRIu64 " bytes (%s).", what, bytes, text);
}

static void show_plan(struct out *out, const struct replica_pool_plan *plan, bool store)
{
	static const char *const keys[] = {
		"SourceBytes", "TargetBytes", "MetaDeviceBytes", "NeededBytes", "PoolFreeBytes",
	};

	if (!plan) {
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
			out_none(out, KEY_JSON(keys[i]));
		return;
	}
	show_size(out, keys[0], "The source has", plan->source);
	show_size(out, keys[1], store ? "The store would have" : "The target would have",
		  plan->target);
	if (plan->meta)
		show_size(out, keys[2], "The meta device would have", plan->meta);
	else
		out_none(out, KEY_JSON(keys[2]));
	show_size(out, keys[3], "The pool has to give", plan->needed);
	show_size(out, keys[4], "It has free", plan->free);
}

static int check_pool(struct cli *cli, const struct replica_create_args *args)
{
	const struct check_options *opts = cli->options;
	bool store = args->sync_type == REPLICA_SYNC_TYPE_SNAPSHOT;
	struct replica_pool_plan *plan = NULL;
	struct replica_finding *list = NULL;
	struct out *out;
	int ret, status;

	ret = replica_check_pool(cli->ctx, args, &plan, &list);
	out = report_new(cli);
	show_devices(cli, out);
	out_string(out, KEY_JSON("TargetStoragePool"), plan ? plan->pool : opts->pool);
	show_findings(out, list, "");
	show_plan(out, plan, store);
	if (!ret)
		out_message(out, "A %s of %s can be made with pool %s.",
			    store ? "snapshot" : "replica", cli->args[0], opts->pool);
	status = finish(cli, out, ret, list);
	replica_pool_plan_free(plan);
	replica_finding_free(list);
	return status;
}

/* ---- both ---- */

static bool is_tokenized(uint32_t sync_type)
{
	return sync_type == REPLICA_SYNC_TYPE_TOKENIZED_CLONE;
}

static int check_usage(struct cli *cli, const struct check_options *opts)
{
	bool sized = opts->store_size.bytes || opts->store_size.percent;

	if (!opts->pool && !cli->args[1])
		return report_usage(cli, cli->command->args,
				    "'check' needs SOURCE TARGET, or SOURCE and --pool");
	if (opts->pool && cli->args[1])
		return report_usage(cli, cli->args[1],
				    "'check --pool' takes SOURCE alone: a target from the pool is to be made");
	if (!opts->pool && (opts->sync_type != SYNC_TYPE_NONE || sized))
		return report_usage(cli, sized ? "store-size" : "sync-type",
				    "'--%s' is for 'check --pool'",
				    sized ? "store-size" : "sync-type");
	if (is_tokenized(opts->sync_type))
		return report_usage(cli, "sync-type", "no token is made with a pool");
	return 0;
}

static int check_run(struct cli *cli)
{
	const struct check_options *opts = cli->options;
	struct replica_settings settings = { 0 };
	const struct replica_create_args args = {
		.size = sizeof(args),
		.source = cli->args[0],
		.target_storage_volume = cli->args[1],
		.target_storage_pool = opts->pool,
		.element_name = opts->name,
		.sync_type = opts->sync_type == SYNC_TYPE_NONE ? REPLICA_SYNC_TYPE_MIRROR :
			     opts->sync_type,
		.store_bytes = opts->store_size.bytes,
		.store_percent = opts->store_size.percent,
		.replication_settings = &settings,
		.meta = opts->meta,
		.force = opts->force,
	};
	int status = check_usage(cli, opts);

	if (status || !create_settings(cli, opts->settings, &settings, &status))
		return status;
	return opts->pool ? check_pool(cli, &args) : check_volume(cli, &args);
}

const struct command cmd_check = {
	.name = "check",
	.group = GROUP_MAKE,
	.run = check_run,
	.min_args = 1,
	.max_args = 2,
	.args = "SOURCE [TARGET]",
	.complete = { COMPLETE_DEVICE, COMPLETE_DEVICE },
	.help = "Examine whether 'create' would succeed",
	.details =
		"Lists everything that stands in the way, with the value that 'create' would\n"
		"return for it, and what is worth knowing. Also tells how large a meta device for\n"
		"'create --meta' must be. With --pool and no TARGET, tells what would be cut from\n"
		"that pool: how large the target, the store or the log would be, and whether the\n"
		"pool has room for them.",
	.options = check_table,
	.nr_options = ARRAY_SIZE(check_table),
	.options_size = sizeof(struct check_options),
	.defaults = &check_defaults,
};
