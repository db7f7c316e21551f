// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl test-failover */
#include <stdlib.h>

#include "human.h"
#include "memory.h"
#include "report.h"
#include "show.h"

#define TEXT_LEN 64

struct test_options {
	bool end;
	bool force;
	bool dry_run;
	const char *store;
	const char *pool;
	struct store_size store_size;
};

static const struct option test_table[] = {
	OPTION_FLAG(struct test_options, end, "end", "End the test; its copy goes"),
	OPTION(struct test_options, store, "store", "DEVICE", read_text, COMPLETE_DEVICE,
	       "Keep there what copy and replica no longer share"),
	OPTION(struct test_options, pool, "pool", "POOL", read_text, COMPLETE_DEVICE,
	       "Cut that from VG, VG/THINPOOL or /dev/mapper/POOL"),
	OPTION(struct test_options, store_size, "store-size", "SIZE|N%", read_store_size,
	       COMPLETE_NOTHING, "Size of what is cut, else 20%"),
	OPTION_FLAG(struct test_options, dry_run, "dry-run",
		    "Check everything and make nothing"),
	OPTION_FLAG(struct test_options, force, "force",
		    "Though the replica is not usable, or DEVICE has data"),
};

static void show_test(struct out *out, const char *name, const struct replica_test_result *r)
{
	out_string(out, KEY_JSON("ElementName"), name);
	out_string(out, KEY_JSON("TestElementName"), r->element_name);
	out_string(out, KEY_JSON("Device"), r->device);
	out_string(out, KEY_JSON("TargetStorageVolume"), r->store);
	out_string(out, KEY_JSON("TargetStoragePool"), r->pool);
	if (r->copy_state)
		show_enum(out, KEY_JSON("CopyState"), REPLICA_ENUM_COPY_STATE, r->copy_state);
	out_bool(out, KEY_JSON("ConsistentNow"), r->consistent);
	out_number(out, KEY_JSON("LagBytes"), r->lag_bytes);
	out_number(out, KEY_JSON("LagTime"), r->lag_ms);
	out_time(out, KEY_JSON("PointInTime"), r->point_in_time);
	if (r->info)
		show_replica_member(out, r->info);
	show_findings(out, r->findings, NULL);
}

/* Of which moment the copy is, to follow "it is NAME". */
static char *moment_text(const struct replica_test_result *r)
{
	char age[TEXT_LEN], when[TEXT_LEN];

	if (!r->consistent)
		return mem_text("as its replica had it, which may be no state it ever was in");
	if (r->copy_state == DM_REPLICA_STATE_SPLIT)
		return mem_text("as it was when it was split");
	human_time(when, sizeof(when), r->point_in_time);
	if (!r->lag_ms)
		return mem_format("as it was at %s", when);
	human_duration(age, sizeof(age), r->lag_ms);
	return mem_format("as it was at %s or up to %s later", when, age);
}

static void say_test(struct out *out, struct cli *cli, const struct replica_test_result *r)
{
	const struct test_options *opts = cli->options;
	const char *name = cli->args[0];
	char *moment;

	if (opts->dry_run) {
		out_message(out, "A failover of '%s' could be tested; nothing was changed.", name);
		return;
	}
	moment = moment_text(r);
	out_message(out,
		    "%s is '%s' %s.\n"
		    "It may be written to, and replication goes on.\n"
		    "'replicactl test-failover --end %s' removes it.",
		    r->device, name, moment, name);
	free(moment);
}

static int test_begin(struct cli *cli, const struct test_options *opts)
{
	const struct replica_test_args args = {
		.size = sizeof(args),
		.name = cli->args[0],
		.store = opts->store,
		.pool = opts->pool,
		.store_bytes = opts->store_size.bytes,
		.store_percent = opts->store_size.percent,
		.force = opts->force,
		.dry_run = opts->dry_run,
	};
	struct replica_test_result *result = NULL;
	struct out *out;
	int ret, status;

	ret = replica_test_failover(cli->ctx, &args, &result);
	out = report_new(cli);
	if (result) {
		show_test(out, args.name, result);
		show_asides(out, result->findings, ret);
	}
	if (!ret)
		say_test(out, cli, result);
	status = ret ? report_failure(cli, out, ret, args.name, NULL) :
		 report_finish(cli, out, ret);
	replica_test_result_free(result);
	return status;
}

static int test_end(struct cli *cli)
{
	struct replica_pool_volume *list = NULL;
	const char *name = cli->args[0];
	struct out *out;
	int ret, status;

	ret = replica_test_failover_end(cli->ctx, name, &list);
	out = report_new(cli);
	out_string(out, KEY_JSON("ElementName"), name);
	show_volumes(out, list);
	if (!ret)
		out_message(out, "The test of '%s' has ended; its copy is gone.", name);
	/* That there is no test is no matter of the name. */
	status = report_failure(cli, out, ret, ret == REPLICA_NOT_FOUND ? NULL : name, NULL);
	replica_pool_volume_free(list);
	return status;
}

static int test_run(struct cli *cli)
{
	const struct test_options *opts = cli->options;
	const char *with = opts->store ? "store" : opts->pool ? "pool" :
			   opts->store_size.bytes || opts->store_size.percent ? "store-size" :
			   opts->force ? "force" : opts->dry_run ? "dry-run" : NULL;

	if (opts->end && with)
		return report_usage(cli, with,
				    "'--%s' is for the beginning of a test, not for '--end'", with);
	mem_lock();
	return opts->end ? test_end(cli) : test_begin(cli, opts);
}

const struct command cmd_test = {
	.name = "test-failover",
	.group = GROUP_WORK,
	.run = test_run,
	.min_args = 1,
	.max_args = 1,
	.args = "NAME",
	.complete = { COMPLETE_NAME },
	.help = "Copy a replica to try it out, while it goes on",
	.details =
		"Makes a copy of the replica as it is at this moment, at once, to be mounted and\n"
		"written to, and tells of which moment of the source it is. Replication goes on.\n"
		"It is a snapshot: of a logical volume LVM makes it, where the replica is; of any\n"
		"other mapped device --store or --pool is needed, for what copy and replica no\n"
		"longer share. A disk or a partition that is the replica cannot be copied so.\n"
		"A replica that is not usable as it is, as while it is resynced, is refused\n"
		"without --force.",
	.options = test_table,
	.nr_options = ARRAY_SIZE(test_table),
	.options_size = sizeof(struct test_options),
};
