// SPDX-License-Identifier: GPL-2.0-or-later
/* Snapshots and tokens: what there is to tell of a store instead of legs, a queue and a log. */
#include <stdlib.h>

#include "human.h"
#include "memory.h"
#include "show.h"

#define TEXT_LEN 64

/* Where the first event comes from that tells of a store that fills up. */
#define STORE_BUSY	80
#define STORE_BAD	95

static enum out_tone store_tone(const struct replica_store *store)
{
	if (store->percent >= STORE_BAD)
		return OUT_BAD;
	return store->percent >= STORE_BUSY ? OUT_BUSY : OUT_GOOD;
}

void show_store(struct out *out, const struct replica_info *info)
{
	const struct replica_store *store = info->store;
	char used[TEXT_LEN], bytes[TEXT_LEN];
	char *text;

	if (!store) {
		out_none(out, KEY_JSON("Store"));
		return;
	}
	human_bytes(used, sizeof(used), store->used);
	human_bytes(bytes, sizeof(bytes), store->bytes);
	text = mem_format("%u %% full, %s of %s", store->percent, used, bytes);
	out_string(out, KEY_TEXT(store->shared ? "Thin pool" : "Store"), text);
	out_tone(out, store_tone(store));
	free(text);
	out_object(out, KEY_JSON("Store"));
	out_bytes(out, KEY_JSON("Bytes"), store->bytes);
	out_bytes(out, KEY_JSON("UsedBytes"), store->used);
	out_bytes(out, KEY_JSON("MetadataBytes"), store->metadata);
	out_percent(out, KEY_JSON("PercentUsed"), store->percent);
	out_bool(out, KEY_JSON("Shared"), store->shared);
	out_end(out);
}

void show_token(struct out *out, const struct replica_token *token)
{
	if (!token)
		return;
	if (token->redeems)
		out_string(out, KEY_TEXT("Expires"), "not while it is redeemed");
	else if (token->expires_ms)
		out_duration(out, KEY_TEXT("Expires in"), token->expires_ms);
	else
		out_string(out, KEY_TEXT("Expires"), "expired; 'replicactl token expire' ends it");
	out_object(out, KEY_JSON("Token"));
	out_string(out, KEY_JSON("Id"), token->id);
	out_number(out, KEY_JSON("InactivityTimeout"), token->timeout_ms);
	out_number(out, KEY_JSON("ExpiresIn"), token->expires_ms);
	out_number(out, KEY_JSON("Redeems"), token->redeems);
	out_end(out);
}
