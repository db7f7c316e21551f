// SPDX-License-Identifier: GPL-2.0-or-later
/* Settings, as text and as JSON. */
#include "human.h"
#include "memory.h"
#include "show.h"

/* A log that an earlier version made has none of them. */
static void show_queue_settings(struct out *out, const struct replica_settings *set)
{
	if (set->present & REPLICA_SETTING_QUEUE_BYTES)
		out_bytes(out, KEY("QueueBytes", "queue_bytes", NULL), set->queue_bytes);
	if (set->present & REPLICA_SETTING_RPO) {
		if (set->rpo_ms)
			out_duration(out, KEY_TEXT("rpo"), set->rpo_ms);
		else
			out_string(out, KEY_TEXT("rpo"), "0 (none)");
		out_number(out, KEY_JSON("RecoveryPointObjective"), set->rpo_ms);
	}
	if (set->present & REPLICA_SETTING_OVERFLOW)
		show_enum(out, KEY("Overflow", "overflow", NULL), REPLICA_ENUM_OVERFLOW,
			  set->overflow);
	if (set->present & REPLICA_SETTING_MAX_SKEW) {
		if (set->max_skew)
			out_bytes(out, KEY_TEXT("max_skew"), set->max_skew);
		else
			out_string(out, KEY_TEXT("max_skew"), "0 (half of queue_bytes)");
		out_number(out, KEY_JSON("MaximumSkew"), set->max_skew);
	}
	if (set->present & REPLICA_SETTING_COPY_PRIORITY)
		show_enum(out, KEY("CopyPriority", "copy_priority", NULL),
			  REPLICA_ENUM_COPY_PRIORITY, set->copy_priority);
	if (set->present & REPLICA_SETTING_DELTA_MS) {
		if (set->delta_ms)
			out_duration(out, KEY_TEXT("delta_ms"), set->delta_ms);
		else
			out_string(out, KEY_TEXT("delta_ms"), "0 (none)");
		out_number(out, KEY_JSON("DeltaUpdateInterval"), set->delta_ms);
	}
	if (set->present & REPLICA_SETTING_PROTECT)
		show_enum(out, KEY("Protect", "protect", NULL), REPLICA_ENUM_PROTECT,
			  set->protect);
}

void show_settings(struct out *out, const struct replica_settings *set, const char *label)
{
	bool stop = set->on_replica_error == DM_REPLICA_ON_ERROR_STOP;

	out_object(out, KEY("ReplicationSettings", label, NULL));
	show_enum(out, KEY("Payload", "payload", NULL), REPLICA_ENUM_PAYLOAD, set->payload);
	show_enum(out, KEY("OnReplicaError", "on_replica_error", NULL), REPLICA_ENUM_ON_ERROR,
		  set->on_replica_error);
	out_bool(out, KEY_JSON("FailedCopyStopsHostIO"), stop);
	show_enum(out, KEY("CopyRecoveryMode", "recovery", NULL), REPLICA_ENUM_RECOVERY,
		  set->recovery);
	if (set->resync_rate)
		out_rate(out, KEY_TEXT("resync_rate"), (uint64_t)set->resync_rate << 20);
	else
		out_string(out, KEY_TEXT("resync_rate"), "auto");
	out_number(out, KEY_JSON("ResyncRate"), set->resync_rate);
	if (set->replica_timeout_ms)
		out_duration(out, KEY_TEXT("replica_timeout"), set->replica_timeout_ms);
	else
		out_string(out, KEY_TEXT("replica_timeout"), "0 (waits for ever)");
	out_number(out, KEY_JSON("ReplicaTimeout"), set->replica_timeout_ms);
	show_queue_settings(out, set);
	if (set->present & REPLICA_SETTING_ON_META_ERROR)
		show_enum(out, KEY("OnMetaError", "on_meta_error", NULL),
			  REPLICA_ENUM_ON_META_ERROR, set->on_meta_error);
	out_end(out);
}
