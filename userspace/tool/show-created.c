// SPDX-License-Identifier: GPL-2.0-or-later
/* What 'create' has made, as a document and in a sentence. */
#include <stdlib.h>

#include "create.h"
#include "memory.h"
#include "show.h"

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
void show_created(struct out *out, const struct replica_create_result *result, int ret)
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
	if (result->token)
		out_string(out, KEY_JSON("TokenFile"), result->token);
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

/* What a redeem reads from is no volume that anybody could go on using. */
static void say_token(struct out *out, const struct create_options *opts,
		      const struct replica_create_result *result, int ret)
{
	const char *name = result->element_name, *target = result->target_storage_volume;

	if (opts->dry_run)
		out_message(out, "All is well with %s and %s; nothing was changed.", opts->token,
			    target);
	else if (result->token)
		out_message(out,
			    "Captured '%s', with the store %s.\n"
			    "'replicactl create --token %s TARGET' redeems it.",
			    name, target, result->token);
	else if (!name)
		out_message(out, "%s is zeroes.", target);
	else if (result->ended != REPLICA_ENDED_NOT)
		out_message(out, "%s is what the token names, complete and free to be used.",
			    target);
	else if (ret == REPLICA_JOB_STARTED)
		out_message(out, "Job %u of '%s' copies what the token names to %s.\n"
			    "'replicactl finish %s' ends it when it is complete.",
			    result->job_id, name, target, name);
	else
		out_message(out, "Created '%s'; it is %s.", name, state_name(result->info));
}

static void say_snapshot(struct out *out, const char *source,
			 const struct replica_create_result *result)
{
	const char *pool = result->target_storage_pool;
	const struct replica_store *store = result->info ? result->info->store : NULL;

	if (store && store->shared)
		out_message(out, "Created '%s': %s is %s as it was at this moment.\n"
			    "Go on using %s; what either overwrites is kept in thin pool %s.",
			    result->element_name, result->device, source, source, pool);
	else
		out_message(out, "Created '%s': %s is %s as it was at this moment.\n"
			    "Go on using %s; what it overwrites is kept on %s%s%s.",
			    result->element_name, result->device, source, source,
			    result->target_storage_volume, pool ? ", cut from pool " : "",
			    pool ? pool : "");
}

/* When it is complete is no business of who has not waited, where it ends by itself. */
static void say_clone(struct out *out, const struct replica_create_result *result,
		      const char *source, const char *where)
{
	const char *name = result->element_name;
	char *end = result->info && result->info->ends_itself ?
		    mem_text("the clone ends by itself when it is complete") :
		    mem_format("'replicactl finish %s --wait' ends it when it is complete", name);

	out_message(out, "Created '%s'; job %u clones %s to %s as it was a moment ago.\n%s; %s.",
		    name, result->job_id, source, result->target_storage_volume, where, end);
	free(end);
}

void say_created(struct out *out, struct cli *cli, const struct replica_create_result *result,
		 int ret)
{
	const struct create_options *opts = cli->options;
	const char *source = cli->args[0], *name = result->element_name;
	const char *target = result->target_storage_volume;
	char *where = where_text(result, source,
				 opts->sync_type == REPLICA_SYNC_TYPE_CLONE);

	if (opts->token) {
		say_token(out, opts, result, ret);
		free(where);
		return;
	}
	if (opts->dry_run && !result->table) {
		out_message(out, "'%s' could be created from pool %s; nothing was changed.", name,
			    result->target_storage_pool ? result->target_storage_pool : opts->pool);
	} else if (opts->dry_run) {
		out_message(out, "'%s' could be created with this table; nothing was changed:\n%s",
			    name, result->table);
	} else if (opts->sync_type == REPLICA_SYNC_TYPE_SNAPSHOT) {
		say_snapshot(out, source, result);
	} else if (result->ended != REPLICA_ENDED_NOT) {
		out_message(out, "%s is a clone of %s now, complete and free to be used%s.", target,
			    source, result->ended == REPLICA_ENDED_REMOVED ? "" :
			    "; the mapped device stays for who has it open");
	} else if (ret == REPLICA_JOB_STARTED && opts->sync_type == REPLICA_SYNC_TYPE_CLONE) {
		say_clone(out, result, source, where);
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
