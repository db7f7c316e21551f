// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl create */
#include <stdlib.h>
#include <string.h>

#include "create.h"
#include "credentials.h"
#include "hint.h"
#include "interrupt.h"
#include "memory.h"
#include "progress.h"
#include "report.h"
#include "settings.h"
#include "show.h"

/* ---- create ---- */

static const struct create_options create_defaults = {
	.sync_type = SYNC_TYPE_NONE,
};

static const struct option create_table[] = {
	OPTION(struct create_options, name, "name", "NAME", read_text, COMPLETE_NOTHING,
	       "Name of the replica and its /dev/mapper device"),
	OPTION(struct create_options, pool, "pool", "POOL", read_text, COMPLETE_DEVICE,
	       "Cut TARGET from VG, VG/POOL or /dev/mapper/POOL"),
	OPTION(struct create_options, store_size, "store-size", "SIZE|N%", read_store_size,
	       COMPLETE_NOTHING, "Size of a snapshot's store from --pool, else 20%"),
	OPTION(struct create_options, meta, "meta", "DEVICE", read_text, COMPLETE_META,
	       "Keep a log there; 'pool': on a volume of --pool"),
	OPTION(struct create_options, sync_type, "sync-type", "TYPE", read_sync_type,
	       COMPLETE_SYNC_TYPE, "mirror, snapshot, clone or tokenized-clone"),
	OPTION(struct create_options, token, "token", "FILE", read_text, COMPLETE_TOKEN,
	       "Of a token to redeem; with a type, to write"),
	OPTION(struct create_options, store, "store", "DEVICE", read_text, COMPLETE_DEVICE,
	       "Of a token: keep there what SOURCE overwrites"),
	OPTION(struct create_options, token_timeout_ms, "token-timeout", "TIME", read_seconds,
	       COMPLETE_NOTHING, "Inactivity that ends the token (default: 15m)"),
	OPTION(struct create_options, offload, "offload", "HOW", read_offload, COMPLETE_OFFLOAD,
	       "Let the devices copy a token: auto, never, must"),
	OPTION(struct create_options, mode, "mode", "MODE", read_mode, COMPLETE_MODE,
	       "Who ends a write: sync (both), async, adaptive"),
	OPTION(struct create_options, rpo_ms, "rpo", "TIME", read_objective, COMPLETE_NOTHING,
	       "Oldest write the replica may lack; not in sync"),
	OPTION(struct create_options, delta_ms, "delta-update-interval", "TIME", read_interval,
	       COMPLETE_NOTHING, "Carry changes so often, as one point in time"),
	OPTION(struct create_options, settings, "settings", "KEY=VALUE,...", read_text,
	       COMPLETE_SETTING, "Settings as of 'set', and more: see the manual"),
	OPTION(struct create_options, protect, "protect", "HOW", read_protect, COMPLETE_PROTECT,
	       "Keep a snapshot in a resync: none or snapshot"),
	OPTION(struct create_options, system, "target-system", "SYSTEM", read_text,
	       COMPLETE_NOTHING, "Where TARGET is: a name of this machine"),
	OPTION(struct create_options, credentials, "credentials", "FILE", read_text,
	       COMPLETE_NOTHING, "User name and password for another system"),
	OPTION_FLAG(struct create_options, ask_credentials, "ask-credentials",
		    "Ask for them on the terminal"),
	OPTION_FLAG(struct create_options, skip_initial_copy, "skip-initial-copy",
		    "SOURCE and TARGET are known to be equal already"),
	OPTION(struct create_options, wait_for, "wait-for", "STATE", read_state, COMPLETE_STATE,
	       "Return when this copy state is reached"),
	OPTION(struct create_options, timeout_ms, "timeout", "TIME", read_seconds, COMPLETE_NOTHING,
	       "Longest wait of --wait-for, in seconds or '5m'"),
	OPTION_FLAG(struct create_options, dry_run, "dry-run",
		    "Check everything and create nothing"),
	OPTION_FLAG(struct create_options, force, "force",
		    "Overwrite a TARGET or meta device with data"),
	OPTION_FLAG(struct create_options, no_attach, "no-attach",
		    "Refuse a SOURCE in use, even if it could stay so"),
};

/* The worst finding is the error, if there is one among them. */
char *create_hint(struct cli *cli, const struct replica_finding *list, const char *target,
		  const char *meta)
{
	const struct hint_devices devices = { cli->args[0], target, meta };

	if (!list || list->severity < REPLICA_SEVERITY_ERROR)
		return NULL;
	return hint_finding(list, &devices);
}

static int create_failed(struct cli *cli, struct out *out, int ret,
			 const struct replica_create_result *result)
{
	const struct create_options *opts = cli->options;
	char *hint = NULL;
	int status;

	if (result && result->info)
		hint = mem_format("the replica exists; 'replicactl status %s' shows it",
				  result->element_name);
	else if (result)
		hint = create_hint(cli, result->findings, opts->store ? opts->store :
				   cli->args[opts->token ? 0 : 1], opts->meta);
	status = report_failure(cli, out, ret, NULL, hint);
	free(hint);
	return status;
}

/* Of the three kinds of a token it is the one that makes no device. */
static bool zeroes(const struct create_options *opts, const struct replica_create_result *result)
{
	return opts->token && opts->sync_type == SYNC_TYPE_NONE && result && !result->info;
}

static int create_finish(struct cli *cli, int ret, const struct replica_create_result *result)
{
	const struct create_options *opts = cli->options;
	struct out *out = report_new(cli);
	bool refused = ret && ret != REPLICA_JOB_STARTED;

	if (result)
		show_created(out, result, ret);
	if (result)
		show_asides(out, result->findings, refused);
	if (!refused) {
		say_created(out, cli, result, ret);
		return report_finish(cli, out, ret);
	}
	if (progress_interrupted(cli))
		return report_interrupted(cli, out, zeroes(opts, result) ?
			"stopped writing zeroes; the rest of the target is as it was" :
			"stopped waiting; the replica exists and the copy goes on");
	return create_failed(cli, out, ret, result);
}

bool create_settings(struct cli *cli, const char *text, struct replica_settings *settings,
		     int *status)
{
	char *hint;
	int ret;

	if (!text)
		return true;
	ret = settings_read(cli, text, settings, &hint);
	if (ret)
		*status = report_failure(cli, report_new(cli), ret, NULL, hint);
	free(hint);
	return !ret;
}

/* The option stands for the setting. */
static bool add_interval(struct cli *cli, uint32_t ms, struct replica_settings *settings,
			 int *status)
{
	if (!ms)
		return true;
	if (settings->present & REPLICA_SETTING_DELTA_MS && settings->delta_ms != ms) {
		*status = report_usage(cli, "delta-update-interval",
				       "'--delta-update-interval' contradicts the interval in '--settings'");
		return false;
	}
	settings->delta_ms = ms;
	settings->present |= REPLICA_SETTING_DELTA_MS;
	return true;
}

/* Makes it, and shows what became of it. */
static int create_make(struct cli *cli, struct replica_create_args *args, bool waits)
{
	const struct create_options *opts = cli->options;
	struct replica_create_result *result = NULL;
	struct credentials credentials;
	struct progress progress;
	int ret, status;

	status = credentials_read(cli, opts->credentials, opts->ask_credentials, &credentials);
	if (!status) {
		args->username = *credentials.username ? credentials.username : NULL;
		args->password = *credentials.password ? credentials.password : NULL;
		args->progress_data = &progress;
		if (waits)
			progress_begin(&progress, cli);
		ret = replica_create_replica(cli->ctx, args, &result);
		if (waits)
			progress_end(&progress);
		status = create_finish(cli, ret, result);
		replica_create_result_free(result);
	}
	credentials_wipe(&credentials);
	return status;
}

/* A redeem has but TARGET, and anything else at least SOURCE. */
static int none_given(struct cli *cli, const struct create_options *opts)
{
	const struct command *command = cli->command;

	if (!opts->token || opts->sync_type != SYNC_TYPE_NONE)
		return report_usage(cli, command->args, "'%s' needs %s", command->name,
				    command->args);
	return report_usage(cli, "TARGET",
			    "TARGET is missing: 'create --token %s' has no argument, expected the device to overwrite with %s",
			    opts->token, strcmp(opts->token, REPLICA_TOKEN_ZERO) ?
			    "what the token names" : "zeroes");
}

/* Which of the two arguments there are. */
static int check_usage(struct cli *cli, const struct create_options *opts)
{
	bool tokenized = opts->sync_type == REPLICA_SYNC_TYPE_TOKENIZED_CLONE;

	if (!cli->nr_args)
		return none_given(cli, opts);
	if (opts->token && opts->sync_type == SYNC_TYPE_NONE && cli->args[1])
		return report_usage(cli, cli->args[1],
				    "'create --token FILE' takes TARGET alone; to write FILE, add --sync-type tokenized-clone");
	if (tokenized && !opts->token)
		return report_usage(cli, "token",
				    "'--sync-type tokenized-clone' needs the '--token' FILE to write");
	if ((opts->store || opts->token_timeout_ms) && !tokenized)
		return report_usage(cli, opts->store ? "store" : "token-timeout",
				    "'--%s' is for '--sync-type tokenized-clone'",
				    opts->store ? "store" : "token-timeout");
	if (opts->offload && (!opts->token || tokenized))
		return report_usage(cli, "offload",
				    "'--offload' is for 'create --token FILE TARGET', a redeem");
	/* A logical volume has its snapshots where it is; of anything else the library tells. */
	if (!cli->args[1] && !opts->pool && !opts->token &&
	    opts->sync_type != REPLICA_SYNC_TYPE_SNAPSHOT)
		return report_usage(cli, cli->command->args,
				    "'create' needs SOURCE TARGET, or SOURCE and --pool");
	return 0;
}

static int add_protect(struct cli *cli, uint32_t protect, struct replica_settings *settings)
{
	if (!protect)
		return 0;
	if (settings->present & REPLICA_SETTING_PROTECT && settings->protect != protect)
		return report_usage(cli, "protect",
				    "'--protect' says %s, and '--settings' another thing",
				    replica_enum_name(REPLICA_ENUM_PROTECT, protect));
	settings->present |= REPLICA_SETTING_PROTECT;
	settings->protect = protect;
	return 0;
}

static int create_run(struct cli *cli)
{
	const struct create_options *opts = cli->options;
	struct replica_settings settings = { 0 };
	bool typed = opts->sync_type != SYNC_TYPE_NONE, redeems = opts->token && !typed;
	struct replica_create_args args = {
		.size = sizeof(args),
		.source = redeems ? NULL : cli->args[0],
		.target_storage_volume = redeems ? cli->args[0] : cli->args[1],
		.token = opts->token,
		.store = opts->store,
		.token_timeout_ms = opts->token_timeout_ms,
		.target_storage_system = opts->system,
		.target_storage_pool = opts->pool,
		.store_bytes = opts->store_size.bytes,
		.store_percent = opts->store_size.percent,
		.element_name = opts->name,
		.sync_type = redeems ? REPLICA_SYNC_TYPE_TOKENIZED_CLONE :
			     typed ? opts->sync_type : REPLICA_SYNC_TYPE_MIRROR,
		.mode = opts->mode,
		.rpo_ms = opts->rpo_ms,
		.replication_settings = &settings,
		.skip_initial_copy = opts->skip_initial_copy,
		.meta = opts->meta,
		.force = opts->force,
		.dry_run = opts->dry_run,
		.no_attach = opts->no_attach,
		.offload = opts->offload,
		.wait_for_copy_state = opts->wait_for,
		.timeout_ms = opts->timeout_ms,
		.progress = progress_step,
	};
	int status = 0;
	bool waits;

	status = check_usage(cli, opts);
	if (status)
		return status;
	if (!create_settings(cli, opts->settings, &settings, &status) ||
	    !add_interval(cli, opts->delta_ms, &settings, &status))
		return status;
	status = add_protect(cli, opts->protect, &settings);
	if (status)
		return status;
	waits = opts->wait_for || settings.present & REPLICA_SETTING_WAIT_STATE;
	if (opts->timeout_ms && !waits)
		return report_usage(cli, "timeout",
				    "'--timeout' limits the wait of '--wait-for', which is not given");
	if (opts->dry_run && waits)
		return report_usage(cli, "wait-for",
				    "'--dry-run' creates nothing that '--wait-for' could wait for");
	mem_lock();
	return create_make(cli, &args, waits);
}

const struct command cmd_create = {
	.name = "create",
	.group = GROUP_MAKE,
	.run = create_run,
	.max_args = 2,
	.args = "SOURCE [TARGET]",
	.complete = { COMPLETE_DEVICE, COMPLETE_DEVICE },
	.help = "Create a replica: make TARGET a copy of SOURCE",
	.details =
		"Makes the new device /dev/mapper/NAME, to be used in place of SOURCE from then\n"
		"on: it reads from SOURCE and writes to both. Neither may be in use; but a SOURCE\n"
		"that is a mapped device (dm-crypt, linear, striped, thin) may stay mounted and\n"
		"gets the replica under its own name, until 'detach'. All data on TARGET is\n"
		"overwritten, so one that carries a file system or the like is refused without\n"
		"--force. With --meta, what may differ is kept on a small device of its own\n"
		"('check' tells how small), from which 'activate' brings the replica back after\n"
		"a crash or reboot without copying everything. The initial copy runs in the\n"
		"kernel after the command has returned (return value 4096), unless --wait-for\n"
		"is given.\n"
		"With --sync-type snapshot, SOURCE is a mapped device, which may be in use and\n"
		"stays in use, /dev/mapper/NAME is SOURCE as it was when the command was given,\n"
		"and TARGET becomes the store of what SOURCE overwrites from then on. A logical\n"
		"volume takes no TARGET: LVM makes its snapshot, in the same volume group.\n"
		"With --sync-type clone TARGET becomes a copy of SOURCE as it is now, whatever\n"
		"is written meanwhile; --wait-for synchronized also ends it, as 'finish' does.\n"
		"With --sync-type tokenized-clone and no TARGET, SOURCE as it is now is captured\n"
		"in FILE, the --store takes what SOURCE overwrites, and 'create --token FILE\n"
		"TARGET' makes any TARGET what SOURCE was then; the token 'zero', zeroes. Disks\n"
		"that can copy by themselves, by SCSI EXTENDED COPY or NVMe Copy, do so as far as\n"
		"SOURCE has not been written to, unless --offload says never.\n"
		"With --pool and no TARGET, a volume of the right size is cut from an LVM volume\n"
		"group or thin pool, or from a thin-pool of device-mapper, and with --meta pool\n"
		"one for the log too; 'return-to-pool' gives them back. Of a snapshot it is the\n"
		"store that is cut, and it goes back when the snapshot ends.",
	.options = create_table,
	.nr_options = ARRAY_SIZE(create_table),
	.options_size = sizeof(struct create_options),
	.defaults = &create_defaults,
};
