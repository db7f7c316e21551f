// SPDX-License-Identifier: LGPL-2.1-or-later
/* The snapshot that a token names, as it is found in the kernel's tables. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "token.h"

const char *replica_id_of(const char *uuid, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(uuid, prefix, length) ? NULL : uuid + length;
}

const char *replica_token_id(const char *uuid)
{
	return replica_id_of(uuid, REPLICA_TOKEN_UUID_PREFIX);
}

const struct replica_lines *replica_map_by_uuid(const struct replica_maps *maps,
						const char *prefix, const char *id)
{
	for (size_t i = 0; i < maps->count; i++) {
		const char *other = replica_id_of(maps->map[i].uuid, prefix);

		if (other && !strcmp(other, id))
			return &maps->map[i];
	}
	return NULL;
}

bool replica_leg_lies_on(const struct replica_lines *map, dev_t token)
{
	char word[32];
	dev_t below;

	return replica_id_of(map->uuid, REPLICA_LEG_UUID_PREFIX) && map->count == 1 &&
	       sscanf(map->line[0].params, "%31s", word) == 1 &&
	       !replica_parse_devno(word, &below) && below == token;
}

const struct replica_lines *replica_leg_on(const struct replica_maps *maps, dev_t token)
{
	for (size_t i = 0; i < maps->count; i++)
		if (replica_leg_lies_on(&maps->map[i], token))
			return &maps->map[i];
	return NULL;
}

const struct replica_lines *replica_redeem_of(const struct replica_maps *maps,
					      const struct replica_lines *leg)
{
	const char *id = replica_id_of(leg->uuid, REPLICA_LEG_UUID_PREFIX);

	return id ? replica_map_by_uuid(maps, REPLICA_REDEEM_UUID_PREFIX, id) : NULL;
}

/* ------------------------------------------------------------------------ */
/* By its file */

int replica_token_verify(struct replica_ctx *ctx, const char *path, const uint8_t *bytes,
			 struct replica_token_data *data)
{
	uint8_t key[REPLICA_TOKEN_KEY_BYTES];
	char text[128];
	int ret, r;

	ret = replica_token_key(ctx, false, key);
	if (ret)
		return ret;
	r = replica_token_open(bytes, key, data, text, sizeof(text));
	explicit_bzero(key, sizeof(key));
	if (!r)
		return REPLICA_SUCCESS;
	return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_TOKEN_PARAM,
			    "%s is no token of this machine: %s", path, text);
}

static int fail_expired(struct replica_ctx *ctx, const struct replica_token_data *data)
{
	return replica_fail(ctx, REPLICA_NOT_FOUND, ETIME, REPLICA_TOKEN_PARAM,
			    "token \"%s\" has expired: it was neither captured nor redeemed within the last %g s",
			    data->name, data->timeout_ms / 1000.0);
}

/* Its snapshot is not there. */
static int fail_gone(struct replica_ctx *ctx, const struct replica_token_data *data)
{
	struct replica_token_state state = { .ended = REPLICA_TOKEN_LIVES };
	char boot[REPLICA_UUID_TEXT];

	replica_boot_id(ctx, boot);
	if (strcmp(boot, data->boot))
		return replica_fail(ctx, REPLICA_NOT_FOUND, ENOENT, REPLICA_TOKEN_PARAM,
				    "token \"%s\" is of an earlier boot of this machine, and was lost with it",
				    data->name);
	replica_token_state_read(ctx, data->id, &state);
	if (state.ended == REPLICA_TOKEN_EXPIRED)
		return fail_expired(ctx, data);
	return replica_fail(ctx, REPLICA_NOT_FOUND, ENOENT, REPLICA_TOKEN_PARAM,
			    state.ended == REPLICA_TOKEN_RELEASED ?
			    "token \"%s\" was released" :
			    "the snapshot of token \"%s\" is gone, and not by replicactl",
			    data->name);
}

static int check_alive(struct replica_ctx *ctx, const struct replica_token_data *data,
		       const struct replica_snap *snap)
{
	struct replica_token_state state;
	struct replica_usage usage;

	if (!replica_token_state_read(ctx, data->id, &state) &&
	    !replica_token_left(&state, replica_boot_ms()) &&
	    !replica_leg_on(&snap->maps, snap->self->dev))
		return fail_expired(ctx, data);
	if (!snap->upper || !snap->store)
		return replica_fail(ctx, REPLICA_FAILED, EIO, REPLICA_TOKEN_PARAM,
				    "token \"%s\" is not complete: its end was cut short; 'replicactl remove %s' tidies up",
				    data->name, snap->self->name);
	if (!replica_snap_usage(snap->self->name, &usage) && usage.valid)
		return REPLICA_SUCCESS;
	return replica_fail(ctx, REPLICA_FAILED, ENOSPC, REPLICA_TOKEN_PARAM,
			    "token \"%s\" is lost: its store is full, or failed; the source is not touched",
			    data->name);
}

/* By its uuid: the device may have got another name. */
int replica_token_find(struct replica_ctx *ctx, const struct replica_token_data *data,
		       struct replica_snap *snap)
{
	char name[DM_REPLICA_NAME_LEN] = "";
	const struct replica_lines *map;
	struct replica_maps maps;
	int ret, r = replica_maps_read(ctx, &maps);

	*snap = (struct replica_snap){ .ctx = ctx };
	if (r)
		return replica_fail_errno(ctx, r, REPLICA_TOKEN_PARAM,
					  "device-mapper does not list its devices");
	map = replica_map_by_uuid(&maps, REPLICA_TOKEN_UUID_PREFIX, data->id);
	if (map)
		strcpy(name, map->name);
	replica_maps_clear(&maps);
	if (!name[0])
		return fail_gone(ctx, data);
	ret = replica_snap_find(ctx, name, snap);
	return ret ? ret : check_alive(ctx, data, snap);
}

/* ------------------------------------------------------------------------ */
/* State */

static uint32_t count_redeems(const struct replica_maps *maps, dev_t token)
{
	uint32_t count = 0;

	for (size_t i = 0; i < maps->count; i++)
		count += replica_leg_lies_on(&maps->map[i], token);
	return count;
}

int replica_token_describe(const struct replica_snap *snap, struct replica_info *info)
{
	const char *id = replica_token_id(snap->self->uuid);
	struct replica_token_state state = {
		.timeout_ms = REPLICA_TOKEN_TIMEOUT_MS,
		.used_ms = replica_boot_ms(),
	};

	if (!id)
		return 0;
	replica_token_state_read(snap->ctx, id, &state);
	info->sync_type = REPLICA_SYNC_TYPE_TOKENIZED_CLONE;
	info->when_established = state.captured;
	info->when_synced = state.captured;
	info->token = calloc(1, sizeof(*info->token));
	if (!info->token)
		return -ENOMEM;
	info->token->id = strdup(id);
	info->token->timeout_ms = state.timeout_ms;
	info->token->redeems = count_redeems(&snap->maps, snap->self->dev);
	info->token->expires_ms = info->token->redeems ? state.timeout_ms :
				  replica_token_left(&state, replica_boot_ms());
	return info->token->id ? 0 : -ENOMEM;
}
