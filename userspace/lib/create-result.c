// SPDX-License-Identifier: LGPL-2.1-or-later
/* What CreateReplica gives out, and the identity of a new association. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "dm.h"
#include "ondisk.h"
#include "peer.h"

EXPORT void replica_create_result_free(struct replica_create_result *result)
{
	if (!result)
		return;
	free(result->element_name);
	free(result->uuid);
	free(result->device);
	free(result->target_storage_volume);
	free(result->target_storage_pool);
	replica_peer_clear(&result->peer);
	free(result->table);
	free(result->meta);
	free(result->token);
	replica_pool_plan_free(result->plan);
	replica_info_free(result->info);
	replica_finding_free(result->findings);
	free(result);
}

void replica_uuid_random(uint8_t uuid[16])
{
	if (getrandom(uuid, 16, 0) != 16)
		memset(uuid, 0, 16);	/* cannot be for so few bytes */
	uuid[6] = (uuid[6] & 0x0f) | 0x40;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

void replica_uuid_make(uint8_t uuid[16], char dm_uuid[DM_REPLICA_UUID_LEN])
{
	char text[REPLICA_UUID_TEXT];

	replica_uuid_random(uuid);
	replica_uuid_text(uuid, text);
	snprintf(dm_uuid, DM_REPLICA_UUID_LEN, "%s%s", REPLICA_DM_UUID_PREFIX, text);
}
