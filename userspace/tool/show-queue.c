// SPDX-License-Identifier: GPL-2.0-or-later
/* The queue of a replica: what the origin alone has acknowledged, and how it got on. */
#include <inttypes.h>
#include <stdlib.h>

#include "human.h"
#include "memory.h"
#include "show.h"

#define TEXT_LEN 64

const char *show_ack(unsigned int ack_mode)
{
	return ack_mode == DM_REPLICA_MODE_SYNC ? "both devices acknowledge writes" :
						  "the origin alone acknowledges writes";
}

static uint64_t delayed_writes(const struct replica_queue *queue)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < DM_REPLICA_DELAYS; i++)
		sum += queue->delays[i];
	return sum;
}

static void show_delays(struct out *out, const struct replica_queue *queue)
{
	size_t i;

	out_list(out, KEY_JSON("Delays"));
	for (i = 0; i < DM_REPLICA_DELAYS; i++) {
		out_row(out);
		if (i + 1 < DM_REPLICA_DELAYS)
			out_number(out, KEY_JSON("BelowMilliseconds"), UINT64_C(1) << i);
		else
			out_none(out, KEY_JSON("BelowMilliseconds"));
		out_number(out, KEY_JSON("Writes"), queue->delays[i]);
		out_end(out);
	}
	out_end(out);
}

/* The longest of them, as far as it is known. */
static char *delays_text(const struct replica_queue *queue)
{
	size_t last = DM_REPLICA_DELAYS;
	char bound[TEXT_LEN];

	while (last && !queue->delays[last - 1])
		last--;
	if (!last)
		return mem_text("none");
	if (last == DM_REPLICA_DELAYS) {
		human_duration(bound, sizeof(bound), UINT64_C(1) << (last - 2));
		return mem_format("%" PRIu64 ", some by more than %s", delayed_writes(queue),
				  bound);
	}
	human_duration(bound, sizeof(bound), UINT64_C(1) << (last - 1));
	return mem_format("%" PRIu64 ", none by more than %s", delayed_writes(queue), bound);
}

static char *content_text(const struct replica_info *info)
{
	const struct replica_queue *queue = &info->queue;
	char bytes[TEXT_LEN], limit[TEXT_LEN], drain[TEXT_LEN];

	human_bytes(limit, sizeof(limit), info->settings.queue_bytes);
	if (!queue->entries)
		return mem_format("empty, room for %s", limit);
	human_bytes(bytes, sizeof(bytes), queue->bytes);
	human_duration(drain, sizeof(drain), queue->drain_ms);
	return mem_format("%" PRIu64 " write%s, %s of %s, empty in %s", queue->entries,
			  queue->entries == 1 ? "" : "s", bytes, limit,
			  queue->has_drain ? drain : "a time that is not known yet");
}

static void show_text(struct out *out, const struct replica_info *info)
{
	const struct replica_queue *queue = &info->queue;
	char in[TEXT_LEN], taken[TEXT_LEN], age[TEXT_LEN], bytes[TEXT_LEN];
	char *text = content_text(info);

	out_string(out, KEY_TEXT("Queue"), text);
	if (queue->pending)
		out_tone(out, OUT_BUSY);
	free(text);
	human_bytes(in, sizeof(in), queue->rate_in);
	human_bytes(taken, sizeof(taken), queue->rate_out);
	text = mem_format("%s/s come, the replica takes %s/s%s", in, taken,
			  queue->pending ? "; writers are slowed down" : "");
	out_string(out, KEY_TEXT("Rates"), text);
	free(text);
	human_bytes(bytes, sizeof(bytes), queue->high_bytes);
	human_duration(age, sizeof(age), queue->high_age_ms);
	text = mem_format("%" PRIu64 " writes, %s, oldest %s", queue->high_entries, bytes, age);
	out_string(out, KEY_TEXT("At most"), text);
	free(text);
	text = delays_text(queue);
	out_string(out, KEY_TEXT("Delayed writes"), text);
	free(text);
	if (queue->overflows)
		out_number(out, KEY_TEXT("Given up"), queue->overflows);
	if (queue->rpo_missed)
		out_number(out, KEY_TEXT("RPO missed"), queue->rpo_missed);
}

static void show_adaptive(struct out *out, const struct replica_queue *queue)
{
	char *text = mem_format("%s%s%s", show_ack(queue->ack_mode),
				queue->switch_reason ? ": " : "",
				queue->switch_reason ? queue->switch_reason : "");
	char sync[TEXT_LEN], async[TEXT_LEN];

	out_string(out, KEY_TEXT("Now"), text);
	free(text);
	human_duration(sync, sizeof(sync), queue->sync_time_ms);
	human_duration(async, sizeof(async), queue->async_time_ms);
	text = mem_format("%" PRIu64 ", %s with both, %s with the origin alone", queue->switches,
			  sync, async);
	out_string(out, KEY_TEXT("Switches"), text);
	free(text);
}

void show_queue(struct out *out, const struct replica_info *info)
{
	const struct replica_queue *queue = &info->queue;

	if (info->mode == DM_REPLICA_MODE_ADAPTIVE)
		show_adaptive(out, queue);
	if (info->mode != DM_REPLICA_MODE_SYNC || queue->entries)
		show_text(out, info);
	out_object(out, KEY_JSON("Queue"));
	out_enum(out, KEY_JSON("AckMode"), queue->ack_mode,
		 replica_enum_name(REPLICA_ENUM_MODE, queue->ack_mode));
	out_number(out, KEY_JSON("Entries"), queue->entries);
	out_bytes(out, KEY_JSON("Bytes"), queue->bytes);
	out_number(out, KEY_JSON("HighEntries"), queue->high_entries);
	out_bytes(out, KEY_JSON("HighBytes"), queue->high_bytes);
	out_duration(out, KEY_JSON("HighAge"), queue->high_age_ms);
	out_rate(out, KEY_JSON("RateIn"), queue->rate_in);
	out_rate(out, KEY_JSON("RateOut"), queue->rate_out);
	if (queue->has_drain)
		out_duration(out, KEY_JSON("DrainTime"), queue->drain_ms);
	else
		out_none(out, KEY_JSON("DrainTime"));
	out_bool(out, KEY_JSON("Pending"), queue->pending);
	out_number(out, KEY_JSON("Overflows"), queue->overflows);
	out_number(out, KEY_JSON("RecoveryPointsMissed"), queue->rpo_missed);
	show_delays(out, queue);
	out_number(out, KEY_JSON("Switches"), queue->switches);
	out_duration(out, KEY_JSON("SyncTime"), queue->sync_time_ms);
	out_duration(out, KEY_JSON("AsyncTime"), queue->async_time_ms);
	out_string(out, KEY_JSON("SwitchReason"), queue->switch_reason);
	out_end(out);
}
