// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl create, check */
#include <inttypes.h>
#include <stdlib.h>

#include "credentials.h"
#include "hint.h"
#include "human.h"
#include "interrupt.h"
#include "memory.h"
#include "progress.h"
#include "report.h"
#include "settings.h"
#include "show.h"

/* ---- create ---- */

struct create_options {
	const char *name;
	const char *pool;
	struct store_size store;
	const char *meta;
	uint32_t sync_type;
	uint32_t mode;
	uint32_t rpo_ms;
	const char *settings;
	const char *system;
	const char *credentials;
	bool ask_credentials;
	bool skip_initial_copy;
	uint32_t wait_for;
	uint32_t timeout_ms;
	bool dry_run;
	bool force;
	bool no_attach;
};

static const struct create_options create_defaults = {
	.sync_type = REPLICA_SYNC_TYPE_MIRROR,
};

static const struct option create_table[] = {
	OPTION(struct create_options, name, "name", "NAME", read_text, COMPLETE_NOTHING,
	       "Name of the replica and its /dev/mapper device"),
	OPTION(struct create_options, pool, "pool", "POOL", read_text, COMPLETE_NOTHING,
	       "Cut TARGET from VG or VG/THINPOOL of LVM"),
	OPTION(struct create_options, store, "store-size", "SIZE|N%", read_store_size,
	       COMPLETE_NOTHING, "Size of a snapshot's store from --pool, else 20%"),
	OPTION(struct create_options, meta, "meta", "DEVICE", read_text, COMPLETE_META,
	       "Keep a log there; 'pool': on a volume of the pool"),
	OPTION(struct create_options, sync_type, "sync-type", "TYPE", read_sync_type,
	       COMPLETE_SYNC_TYPE, "Kind of copy: mirror (the default), snapshot, clone"),
	OPTION(struct create_options, mode, "mode", "MODE", read_mode, COMPLETE_MODE,
	       "Who completes a write: sync (both), async, adaptive"),
	OPTION(struct create_options, rpo_ms, "rpo", "TIME", read_objective, COMPLETE_NOTHING,
	       "Oldest write that the replica may lack; not in sync"),
	OPTION(struct create_options, settings, "settings", "KEY=VALUE,...", read_text,
	       COMPLETE_SETTING, "Settings to begin with, as of 'set'"),
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
	       "Longest wait of --wait-for; seconds without a unit"),
	OPTION_FLAG(struct create_options, dry_run, "dry-run",
		    "Check everything and create nothing"),
	OPTION_FLAG(struct create_options, force, "force",
		    "Overwrite a TARGET or meta device that carries data"),
	OPTION_FLAG(struct create_options, no_attach, "no-attach",
		    "Refuse a SOURCE in use, also one that could stay so"),
};

static void show_peer(struct out *out, const struct replica_peer *peer)
{
	if (!peer->object_name) {
		out_none(out, KEY_JSON("TargetReplicaPeer"));
		return;
	}
	out_object(out, KEY_JSON("TargetReplicaPeer"));
	out_string(out, KEY_JSON("ObjectId"), peer->object_id);
	out_string(out, KEY_JSON("Identifier"), peer->identifier);
	out_number(out, KEY_JSON("PeerObjectType"), peer->object_type);
	out_string(out, KEY_JSON("PeerObjectId"), peer->peer_object_id);
	out_string(out, KEY_JSON("PeerObjectName"), peer->object_name);
	out_string(out, KEY_JSON("PeerUniqueId"), peer->unique_id);
	out_string(out, KEY_JSON("PeerSystemName"), peer->system_name);
	out_string(out, KEY_JSON("PeerProviderURI"), peer->provider_uri);
	out_bool(out, KEY_JSON("IsCIMReplicationEntityBased"),
		 peer->is_cim_replication_entity_based);
	out_bool(out, KEY_JSON("IsPrimary"), peer->is_primary);
	out_object(out, KEY_JSON("Element"));
	out_string(out, KEY_JSON("StorageVolume"), peer->element.device);
	out_string(out, KEY_JSON("DeviceNumber"), peer->element.device_number);
	out_number(out, KEY_JSON("Size"), peer->element.size);
	out_end(out);
	out_end(out);
}

/* CreateReplica gives out no job when it did all there was to do. */
static void show_created(struct out *out, const struct replica_create_result *result, int ret)
{
	out_string(out, KEY_JSON("ElementName"), result->element_name);
	out_string(out, KEY_JSON("UUID"), result->uuid);
	out_string(out, KEY_JSON("Device"), result->device);
	out_string(out, KEY_JSON("TargetStorageVolume"), result->target_storage_volume);
	out_string(out, KEY_JSON("TargetStoragePool"), result->target_storage_pool);
	out_string(out, KEY_JSON("MetaDevice"), result->meta);
	show_peer(out, &result->peer);
	if (result->job_id && ret)
		out_number(out, KEY_JSON("JobID"), result->job_id);
	else
		out_none(out, KEY_JSON("JobID"));
	out_string(out, KEY_JSON("Table"), result->table);
	if (result->info && result->ended == REPLICA_ENDED_NOT)
		show_replica_member(out, result->info);
	show_findings(out, result->findings, NULL);
}

static const char *state_name(const struct replica_info *info)
{
	return info ? replica_enum_name(REPLICA_ENUM_COPY_STATE, info->copy_state) : "new";
}

static bool is_attached(const struct replica_create_result *result)
{
	const struct replica_finding *f = result->findings;

	while (f && f->code != REPLICA_CHECK_ATTACH)
		f = f->next;
	return f;
}

/* Where the replica has the name of its source, nobody has to change anything. */
static char *where_text(const struct replica_create_result *result, const char *source,
			bool clone)
{
	const char *name = result->element_name;

	if (is_attached(result) && clone)
		return mem_format("%s stays in use meanwhile", source);
	if (is_attached(result))
		return mem_format("%s stays in use; 'replicactl detach %s' gives it its table back",
				  source, name);
	return mem_format("Use %s in place of %s %s", result->device, source,
			  clone ? "meanwhile" : "from now on");
}

static void say_created(struct out *out, struct cli *cli,
			const struct replica_create_result *result, int ret)
{
	const struct create_options *opts = cli->options;
	const char *source = cli->args[0], *name = result->element_name;
	const char *target = result->target_storage_volume;
	char *where = where_text(result, source,
				 opts->sync_type == REPLICA_SYNC_TYPE_CLONE);

	if (opts->dry_run && !result->table) {
		out_message(out, "'%s' could be created from pool %s; nothing was changed.", name,
			    opts->pool);
	} else if (opts->dry_run) {
		out_message(out, "'%s' could be created with this table; nothing was changed:\n%s",
			    name, result->table);
	} else if (opts->sync_type == REPLICA_SYNC_TYPE_SNAPSHOT) {
		out_message(out, "Created '%s': %s is %s as it was at this moment.\n"
			    "Go on using %s; what it overwrites is kept on %s%s%s.", name,
			    result->device, source, source, target,
			    result->target_storage_pool ? ", cut from pool " : "",
			    result->target_storage_pool ? result->target_storage_pool : "");
	} else if (result->ended != REPLICA_ENDED_NOT) {
		out_message(out, "%s is a clone of %s now, complete and free to be used%s.", target,
			    source, result->ended == REPLICA_ENDED_REMOVED ? "" :
			    "; the mapped device stays for who has it open");
	} else if (ret == REPLICA_JOB_STARTED && opts->sync_type == REPLICA_SYNC_TYPE_CLONE) {
		out_message(out, "Created '%s'; job %u clones %s to %s as it was a moment ago.\n"
			    "%s; 'replicactl finish %s' ends it when it is complete.",
			    name, result->job_id, source, target, where, name);
	} else if (ret == REPLICA_JOB_STARTED) {
		out_message(out, "Created '%s'; job %u copies %s to %s.\n"
			    "%s;%c'replicactl wait %s' waits for the copy.", name, result->job_id,
			    source, target, where, is_attached(result) ? '\n' : ' ', name);
	} else {
		out_message(out, "Created '%s'; it is %s.\n%s.", name, state_name(result->info),
			    where);
	}
	free(where);
}

/* The worst finding is the error, if there is one among them. */
static char *findings_hint(struct cli *cli, const struct replica_finding *list, const char *meta)
{
	const struct hint_devices devices = { cli->args[0], cli->args[1], meta };

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
		hint = findings_hint(cli, result->findings, opts->meta);
	status = report_failure(cli, out, ret, NULL, hint);
	free(hint);
	return status;
}

static int create_finish(struct cli *cli, int ret, const struct replica_create_result *result)
{
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
		return report_interrupted(cli, out,
					  "stopped waiting; the replica exists and the copy goes on");
	return create_failed(cli, out, ret, result);
}

/* False with the exit status when there is something wrong with them. */
static bool take_settings(struct cli *cli, const char *text, struct replica_settings *settings,
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

static int create_run(struct cli *cli)
{
	const struct create_options *opts = cli->options;
	struct replica_settings settings = { 0 };
	struct replica_create_args args = {
		.size = sizeof(args),
		.source = cli->args[0],
		.target_storage_volume = cli->args[1],
		.target_storage_system = opts->system,
		.target_storage_pool = opts->pool,
		.store_bytes = opts->store.bytes,
		.store_percent = opts->store.percent,
		.element_name = opts->name,
		.sync_type = opts->sync_type,
		.mode = opts->mode,
		.rpo_ms = opts->rpo_ms,
		.replication_settings = &settings,
		.skip_initial_copy = opts->skip_initial_copy,
		.meta = opts->meta,
		.force = opts->force,
		.dry_run = opts->dry_run,
		.no_attach = opts->no_attach,
		.wait_for_copy_state = opts->wait_for,
		.timeout_ms = opts->timeout_ms,
		.progress = progress_step,
	};
	int status = 0;
	bool waits;

	if (!cli->args[1] && !opts->pool)
		return report_usage(cli, cli->command->args,
				    "'create' needs SOURCE TARGET, or SOURCE and --pool");
	if (!take_settings(cli, opts->settings, &settings, &status))
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
	.min_args = 1,
	.max_args = 2,
	.args = "SOURCE [TARGET]",
	.complete = { COMPLETE_DEVICE, COMPLETE_DEVICE },
	.help = "Create a replica: make TARGET a copy of SOURCE",
	.details =
		"Makes the new device /dev/mapper/NAME, to be used in place of SOURCE from then\n"
		"on: it reads from SOURCE and writes to both. Neither may be in use; but a SOURCE\n"
		"that is a mapped device (dm-crypt, linear, striped, thin) may stay mounted and\n"
		"gets the replica under its own name, until 'detach'. All data on\n"
		"TARGET is overwritten, so one that carries a file system or the like is refused\n"
		"without --force. With --meta, what may differ is kept on a small device of its\n"
		"own ('check' tells how small), from which 'activate' brings the replica back\n"
		"after a crash or reboot without copying everything. The initial copy runs in\n"
		"the kernel after the command has returned (return value 4096), unless\n"
		"--wait-for is given.\n"
		"With --sync-type snapshot, SOURCE is a mapped device, which may be in use and\n"
		"stays in use, /dev/mapper/NAME is SOURCE as it was when the command was given,\n"
		"and TARGET becomes the store of what SOURCE overwrites from then on.\n"
		"With --sync-type clone TARGET becomes a copy of SOURCE as it is now, whatever\n"
		"is written meanwhile; --wait-for synchronized also ends it, as 'finish' does.\n"
		"With --pool and no TARGET, a volume of the right size is cut from an LVM volume\n"
		"group or thin pool, and with --meta pool one for the log too; 'return-to-pool'\n"
		"gives them back. Of a snapshot it is the store that is cut, and it goes back\n"
		"when the snapshot ends.",
	.options = create_table,
	.nr_options = ARRAY_SIZE(create_table),
	.options_size = sizeof(struct create_options),
	.defaults = &create_defaults,
};

/* ---- check ---- */

struct check_options {
	const char *name;
	const char *meta;
	const char *settings;
	bool force;
};

static const struct option check_table[] = {
	OPTION(struct check_options, name, "name", "NAME", read_text, COMPLETE_NOTHING,
	       "Check this name too"),
	OPTION(struct check_options, meta, "meta", "DEVICE", read_text, COMPLETE_DEVICE,
	       "Check this meta device too"),
	OPTION(struct check_options, settings, "settings", "KEY=VALUE,...", read_text,
	       COMPLETE_SETTING, "Settings as of 'create'"),
	OPTION_FLAG(struct check_options, force, "force",
		    "Check as for 'create --force'"),
};

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

static int check_finish(struct cli *cli, int ret, uint64_t need,
			const struct replica_finding *list)
{
	const struct check_options *opts = cli->options;
	const char *source = cli->args[0], *target = cli->args[1];
	struct out *out = report_new(cli);
	int status;
	char *hint;

	out_string(out, KEY_JSON("SourceStorageVolume"), source);
	out_string(out, KEY_JSON("TargetStorageVolume"), target);
	out_string(out, KEY_JSON("MetaDevice"), opts->meta);
	show_findings(out, list, "");
	show_need(out, need);
	if (!ret) {
		out_message(out, "%s can become a replica of %s.", target, source);
		return report_finish(cli, out, ret);
	}
	hint = findings_hint(cli, list, opts->meta);
	status = report_failure(cli, out, ret, NULL, hint);
	free(hint);
	return status;
}

static int check_run(struct cli *cli)
{
	const struct check_options *opts = cli->options;
	struct replica_settings settings = { 0 };
	const struct replica_create_args args = {
		.size = sizeof(args),
		.source = cli->args[0],
		.target_storage_volume = cli->args[1],
		.element_name = opts->name,
		.replication_settings = &settings,
		.meta = opts->meta,
		.force = opts->force,
	};
	struct replica_finding *list = NULL;
	uint64_t need = 0;
	int ret, status;

	if (!take_settings(cli, opts->settings, &settings, &status))
		return status;
	ret = replica_check_create(cli->ctx, &args, &need, &list);
	status = check_finish(cli, ret, need, list);
	replica_finding_free(list);
	return status;
}

const struct command cmd_check = {
	.name = "check",
	.group = GROUP_MAKE,
	.run = check_run,
	.min_args = 2,
	.max_args = 2,
	.args = "SOURCE TARGET",
	.complete = { COMPLETE_DEVICE, COMPLETE_DEVICE },
	.help = "Examine whether 'create' would succeed",
	.details =
		"Lists everything that stands in the way, with the value that 'create' would\n"
		"return for it, and what is worth knowing. Also tells how large a meta device for\n"
		"'create --meta' must be.",
	.options = check_table,
	.nr_options = ARRAY_SIZE(check_table),
	.options_size = sizeof(struct check_options),
};
