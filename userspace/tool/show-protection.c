// SPDX-License-Identifier: GPL-2.0-or-later
/* The snapshot that a replica has while it is resynced. */
#include <stdlib.h>

#include "human.h"
#include "memory.h"
#include "show.h"

#define TEXT_LEN 64

static char *text_of(const struct replica_protection *p)
{
	char when[TEXT_LEN];

	if (p->lost)
		return mem_format("nothing any more: the store of %s was full", p->device);
	if (p->incomplete)
		return mem_format("nothing: %s is not complete, and may be torn", p->device);
	if (!p->point_in_time)
		return mem_format("%s, as it was before the resync", p->device);
	human_time(when, sizeof(when), p->point_in_time);
	return mem_format("%s, as it was at %s", p->device, when);
}

static bool is_copy(const struct replica_protection *p)
{
	return p && !p->lost && !p->incomplete;
}

/* What is no copy protects nothing, and whoever reads the document must not take it for one. */
void show_protection(struct out *out, const struct replica_info *info)
{
	const struct replica_protection *p = info->protection;
	char *text;

	out_bool(out, KEY_JSON("ReplicaWhole"), info->whole);
	out_bool(out, KEY_JSON("WaitsForProtection"), info->waits_protected);
	out_string(out, KEY_JSON("ProtectedBy"), is_copy(p) ? p->device : NULL);
	out_time(out, KEY_JSON("ProtectedPointInTime"), is_copy(p) ? p->point_in_time : 0);
	out_bool(out, KEY_JSON("ProtectionLost"), p && p->lost);
	out_bool(out, KEY_JSON("ProtectionIncomplete"), p && p->incomplete);
	if (!p)
		return;
	text = text_of(p);
	out_string(out, KEY_TEXT("Protected by"), text);
	if (!is_copy(p))
		out_tone(out, OUT_BAD);
	free(text);
}
