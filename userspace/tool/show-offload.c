// SPDX-License-Identifier: GPL-2.0-or-later
/* What the devices of a clone copied by themselves. */
#include <stdlib.h>

#include "human.h"
#include "memory.h"
#include "show.h"

#define TEXT_LEN 64

void show_offload(struct out *out, const struct replica_info *info)
{
	char device[TEXT_LEN], kernel[TEXT_LEN];
	const char *why = info->offload_reason;
	char *text;

	if (!info->offload_state)
		return;
	human_bytes(device, sizeof(device), info->counters.offloaded_bytes);
	human_bytes(kernel, sizeof(kernel), info->counters.resync_bytes);
	text = mem_format("copied by the device: %s; by the kernel: %s%s%s", device, kernel,
			  why ? "; " : "", why ? why : "");
	out_string(out, KEY_TEXT("Offload"), text);
	free(text);
	show_enum(out, KEY_JSON("OffloadState"), REPLICA_ENUM_OFFLOAD_STATE, info->offload_state);
	out_string(out, KEY_JSON("OffloadReason"), why);
}
