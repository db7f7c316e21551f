// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * CreateReplica as a CIM provider, or a plug-in of libstoragemgmt, would call it: every
 * parameter of MSFT_SMStorageVolume.CreateReplica, and every result.  A NULL, or a 0, is a
 * parameter that the client left out.
 *
 *	cc create.c $(pkg-config --cflags --libs libreplica)
 */
#include <inttypes.h>
#include <stdio.h>

#include <replica/libreplica.h>

/* The parameters as the client sent them. */
struct request {
	const char *source;		/* the MSFT_SMStorageVolume of the method */
	const char *ElementName;
	uint16_t SyncType;
	uint16_t Mode;
	const char *TargetStorageSystem;
	const char *TargetStorageVolume;
	const char *TargetStoragePool;
	uint32_t RecoveryPointObjective;
	const char *ReplicationSettings;	/* "Property=value,..." */
	const char *username;
	const char *password;
};

static void give_out(const struct replica_create_result *result, int ret)
{
	const struct replica_peer *peer = &result->peer;

	printf("TargetStorageVolume=%s\n", result->target_storage_volume);
	printf("TargetReplicaPeer.ObjectId=%s\n", peer->object_id);
	printf("TargetReplicaPeer.PeerUniqueId=%s\n", peer->unique_id);
	printf("TargetReplicaPeer.PeerSystemName=%s\n", peer->system_name);
	if (ret == REPLICA_JOB_STARTED)		/* else Job is NULL */
		printf("Job=%s/%" PRIu32 "\n", result->uuid, result->job_id);
}

static void extended_status(const struct replica_error *err)
{
	const char *parameter = replica_error_parameter_info(err);

	printf("ExtendedStatus.Description=%s\n", replica_error_description(err));
	printf("ExtendedStatus.Operation=%s\n", replica_error_operation(err));
	printf("ExtendedStatus.ParameterInfo=%s\n", parameter ? parameter : "NULL");
	printf("ExtendedStatus.SMErrorCode=%d\n", replica_error_sm_code(err));
}

static int CreateReplica(const struct request *r)
{
	struct replica_create_result *result = NULL;
	struct replica_settings settings = { .present = 0 };
	const struct replica_create_args args = {
		.size = sizeof(args),
		.source = r->source,
		.element_name = r->ElementName,
		.sync_type = r->SyncType,
		.mode = r->Mode,
		.target_storage_system = r->TargetStorageSystem,
		.target_storage_volume = r->TargetStorageVolume,
		.target_storage_pool = r->TargetStoragePool,
		.recovery_point_objective = r->RecoveryPointObjective,
		.replication_settings = &settings,
		.username = r->username,
		.password = r->password,
	};
	struct replica_ctx *ctx = replica_ctx_new();
	int ret = REPLICA_SUCCESS;

	if (!ctx)
		return REPLICA_NO_RESOURCES;
	if (r->ReplicationSettings)
		ret = replica_settings_parse(ctx, r->ReplicationSettings, &settings);
	if (ret == REPLICA_SUCCESS)
		ret = replica_create_replica(ctx, &args, &result);
	if (ret == REPLICA_SUCCESS || ret == REPLICA_JOB_STARTED)
		give_out(result, ret);
	else
		extended_status(replica_last_error(ctx));
	replica_create_result_free(result);
	replica_ctx_free(ctx);
	return ret;
}

int main(int argc, char **argv)
{
	const struct request request = {
		.source = argc > 1 ? argv[1] : NULL,
		.TargetStorageVolume = argc > 2 ? argv[2] : NULL,
		.ReplicationSettings = argc > 3 ? argv[3] : NULL,
		.SyncType = REPLICA_SYNC_TYPE_MIRROR,
		.Mode = DM_REPLICA_MODE_ASYNC,
		.RecoveryPointObjective = 30,
	};
	int ret = CreateReplica(&request);

	printf("ReturnValue=%d (%s)\n", ret, replica_return_name(ret));
	return replica_return_exit_status(ret);
}
