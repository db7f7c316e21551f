// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The library's structures as parts of a document.  Members are named as CIM
 * and MSFT_SM* classes name them; where those have no name, ours follow suit.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "human.h"
#include "memory.h"
#include "show.h"

#define TEXT_LEN 64

void show_enum(struct out *out, struct out_key key, enum replica_enum which,
	       unsigned int value)
{
	out_enum(out, key, value, replica_enum_name(which, value));
}

enum out_tone show_state_tone(unsigned int copy_state)
{
	switch (copy_state) {
	case DM_REPLICA_STATE_SYNCHRONIZED:
		return OUT_GOOD;
	case DM_REPLICA_STATE_BROKEN:
	case DM_REPLICA_STATE_ABORTED:
	case DM_REPLICA_STATE_SKEWED:
		return OUT_BAD;
	default:
		return OUT_BUSY;
	}
}

bool show_contains(const uint16_t *values, size_t count, unsigned int value)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (values[i] == value)
			return true;
	return false;
}

/* ---- The job of a replica ---- */

static void show_running_job(struct out *out, const struct replica_info *info,
			     const struct show_style *style)
{
	const struct replica_job *job = info->job;
	uint64_t speed;
	char *text;

	if (!job) {
		out_none(out, KEY_JSON("Job"));
		return;
	}
	speed = rate_update(style->rate, job);
	text = show_job_text(job, speed);
	out_bar(out, job->type == DM_REPLICA_JOB_VERIFY ? "Verify" :
		     job->type == DM_REPLICA_JOB_RESTORE ? "Restore" : "Copy", job->percent, text);
	free(text);
	text = mem_format("Job %u", job->id);
	out_object(out, KEY("Job", style->brief ? NULL : text, NULL));
	show_job(out, job, speed);
	out_end(out);
	free(text);
}

/* ---- Counters ---- */

/* "read_bytes" is "ReadBytes" in JSON and "Read bytes" in text. */
static char *respell(const char *name, bool camel)
{
	char *text = mem_text(name), *to = text;
	bool upper = true;

	for (; *name; name++) {
		if (*name == '_') {
			upper = camel;
			if (!camel)
				*to++ = ' ';
			continue;
		}
		*to++ = upper ? toupper((unsigned char)*name) : *name;
		upper = false;
	}
	*to = '\0';
	return text;
}

static void show_counters(struct out *out, const struct replica_counters *counters, bool in_text)
{
	const char *name;
	char *json, *label;
	uint64_t value;
	size_t i;

	out_object(out, KEY("Counters", in_text ? "Counters" : NULL, NULL));
	for (i = 0; !replica_counter_entry(counters, i, &name, &value); i++) {
		json = respell(name, true);
		label = respell(name, false);
		out_number(out, KEY(json, label, NULL), value);
		free(json);
		free(label);
	}
	out_end(out);
}

/* ---- Replicas ---- */

static void show_identity(struct out *out, const struct replica_info *info)
{
	char *device = mem_format("/dev/mapper/%s", info->name);
	char *number = mem_format("%u:%u", info->major, info->minor);
	char *both = mem_format("%s (%s)", device, number);

	out_string(out, KEY("ElementName", "Name", "NAME"), info->name);
	out_string(out, KEY_JSON("Device"), device);
	out_string(out, KEY_JSON("DeviceNumber"), number);
	out_string(out, KEY_TEXT("Device"), both);
	out_string(out, KEY_JSON("UUID"), info->uuid);
	free(device);
	free(number);
	free(both);
}

/* In full until the first copy is over, or when all is copied anew. */
static unsigned int methodology_of(const struct replica_info *info)
{
	const struct replica_job *job = info->job;

	if (info->settings.present & REPLICA_SETTING_DELTA_MS && info->settings.delta_ms)
		return REPLICA_METHODOLOGY_DELTA_UPDATE;
	if (!info->when_synced ||
	    (job && job->type != DM_REPLICA_JOB_VERIFY && job->bytes_total >= info->size))
		return REPLICA_METHODOLOGY_FULL;
	return REPLICA_METHODOLOGY_INCREMENTAL;
}

/* Of one instant, and kept as what differs from the source. */
static bool is_snapshot(const struct replica_info *info)
{
	return info->sync_type == REPLICA_SYNC_TYPE_SNAPSHOT || info->token;
}

/* In mode adaptive it is what the copy is now. */
static uint32_t copy_type(const struct replica_info *info)
{
	if (is_snapshot(info))
		return REPLICA_COPY_TYPE_UNSYNC_ASSOC;
	if (info->sync_type == REPLICA_SYNC_TYPE_CLONE)
		return REPLICA_COPY_TYPE_UNSYNC_UNASSOC;
	return info->mode == DM_REPLICA_MODE_SYNC ||
	       info->queue.ack_mode == DM_REPLICA_MODE_SYNC ? REPLICA_COPY_TYPE_SYNC :
							      REPLICA_COPY_TYPE_ASYNC;
}

/* What MSFT_SMStorageSynchronizedBase says once more, in its own values, for programs. */
static void show_association(struct out *out, const struct replica_info *info)
{
	out_bool(out, KEY_JSON("SyncMaintained"), info->sync_maintained);
	if (info->sync_state != REPLICA_SYNC_STATE_NONE) {
		show_enum(out, KEY_JSON("SyncState"), REPLICA_ENUM_SYNC_STATE, info->sync_state);
	} else {
		out_none(out, KEY_JSON("SyncState"));
		out_none(out, KEY_JSON("SyncStateDescription"));
	}
	show_enum(out, KEY_JSON("ReplicaType"), REPLICA_ENUM_REPLICA_TYPE, info->replica_type);
}

/* Who ends a clone that is complete; one that was given up is for people to look at. */
static void show_end(struct out *out, const struct replica_info *info)
{
	bool itself = info->ends_itself && info->copy_state != DM_REPLICA_STATE_ABORTED;
	char *text;

	if (info->sync_type != REPLICA_SYNC_TYPE_CLONE)
		return;
	if (itself)
		text = mem_text("by itself, when it is complete");
	else if (info->copy_state == DM_REPLICA_STATE_SYNCHRONIZED)
		text = mem_format("it is complete; 'replicactl finish %s' ends it", info->name);
	else
		text = mem_format("'replicactl finish %s%s' ends it", info->name,
				  info->copy_state == DM_REPLICA_STATE_ABORTED ? "" : " --wait");
	out_bool(out, KEY_JSON("EndsByItself"), itself);
	out_string(out, KEY_TEXT("End"), text);
	free(text);
}

static void show_state(struct out *out, const struct replica_info *info)
{
	bool snapshot = is_snapshot(info);

	show_enum(out, KEY("CopyState", "State", "STATE"), REPLICA_ENUM_COPY_STATE,
		  info->copy_state);
	out_tone(out, show_state_tone(info->copy_state));
	out_string(out, KEY("Reason", "Reason", NULL), info->reason);
	if (info->read_only) {
		out_number(out, KEY_JSON("ReadOnly"), info->read_only);
		out_string(out, KEY_TEXT("Read-only"), "the source: nobody can write to it");
	}
	show_enum(out, KEY_JSON("RequestedCopyState"), REPLICA_ENUM_COPY_STATE,
		  info->requested_copy_state);
	show_enum(out, KEY("ProgressStatus", "Progress", NULL), REPLICA_ENUM_PROGRESS,
		  info->progress_status);
	out_percent(out, KEY("PercentSynced", "Synced", "SYNCED"), info->percent_synced);
	show_end(out, info);
	if (info->dm_suspended)
		out_string(out, KEY_TEXT("Warning"), "the mapped device is suspended: I/O waits");
	out_bool(out, KEY_JSON("DeviceSuspended"), info->dm_suspended);
	show_enum(out, KEY("SyncType", "Type", snapshot ? "MODE" : NULL), REPLICA_ENUM_SYNC_TYPE,
		  info->sync_type);
	show_enum(out, KEY_JSON("CopyType"), REPLICA_ENUM_COPY_TYPE, copy_type(info));
	show_enum(out, KEY("Mode", snapshot ? NULL : "Mode", snapshot ? NULL : "MODE"),
		  REPLICA_ENUM_MODE, info->mode);
	show_enum(out, KEY_JSON("CopyMethodology"), REPLICA_ENUM_METHODOLOGY,
		  snapshot ? REPLICA_METHODOLOGY_COPY_ON_WRITE : methodology_of(info));
	show_association(out, info);
}

static void show_leg(struct out *out, const char *prefix, const char *label, const char *column,
		     const char *path, const char *number)
{
	char *volume = mem_format("%sStorageVolume", prefix);
	char *device = mem_format("%sDeviceNumber", prefix);
	char *both = path ? mem_format("%s (%s)", path, number) : mem_text(number);

	out_string(out, KEY(volume, NULL, path ? column : NULL), path);
	out_string(out, KEY(device, NULL, path ? NULL : column), number);
	out_string(out, KEY_TEXT(label), both);
	free(volume);
	free(device);
	free(both);
}

static void show_difference(struct out *out, const struct replica_info *info)
{
	char dirty[TEXT_LEN], bytes[TEXT_LEN], age[TEXT_LEN];
	char *text;

	out_number(out, KEY_JSON("DirtyRegions"), info->dirty_regions);
	out_bytes(out, KEY("DirtyBytes", NULL, "DIRTY"), info->dirty_bytes);
	out_bytes(out, KEY_JSON("LagBytes"), info->lag_bytes);
	out_duration(out, KEY("LagTime", NULL, "LAG"), info->lag_ms);
	human_bytes(dirty, sizeof(dirty), info->dirty_bytes);
	text = mem_format("%s in %" PRIu64 " region%s", dirty, info->dirty_regions,
			  info->dirty_regions == 1 ? "" : "s");
	out_string(out, KEY_TEXT("May differ"), info->dirty_regions ? text : "nothing");
	free(text);
	human_bytes(bytes, sizeof(bytes), info->lag_bytes);
	human_duration(age, sizeof(age), info->lag_ms);
	text = mem_format("%s, oldest write %s", bytes, age);
	out_string(out, KEY_TEXT("Lag"), info->lag_bytes ? text : "none");
	free(text);
}

static void show_consistency(struct out *out, const struct replica_info *info)
{
	char age[TEXT_LEN];
	char *text;

	out_bool(out, KEY_JSON("ConsistentNow"), info->consistent_now);
	if (info->has_consistent_age)
		out_duration(out, KEY_JSON("ConsistentAge"), info->consistent_age_ms);
	else
		out_none(out, KEY_JSON("ConsistentAge"));
	human_duration(age, sizeof(age), info->consistent_age_ms);
	if (info->consistent_now)
		text = mem_text("yes");
	else if (info->has_consistent_age)
		text = mem_format("no, was %s ago", age);
	else
		text = mem_text("no, never was");
	out_string(out, KEY_TEXT("Replica usable"), text);
	out_tone(out, info->consistent_now ? OUT_GOOD : OUT_BUSY);
	free(text);
	show_protection(out, info);
}

/* Of delta updates: how old is the last, and when does the next one begin? */
static void show_point(struct out *out, const struct replica_info *info)
{
	char age[TEXT_LEN], due[TEXT_LEN];
	char *text;

	if (!info->has_point && !info->has_delta_due)
		return;
	if (info->has_point)
		out_duration(out, KEY_JSON("PointInTimeAge"), info->point_age_ms);
	if (info->has_delta_due)
		out_duration(out, KEY_JSON("DeltaUpdateDue"), info->delta_due_ms);
	human_duration(age, sizeof(age), info->point_age_ms);
	human_duration(due, sizeof(due), info->delta_due_ms);
	text = mem_format("%s%s%s%s", info->has_point ? age : "none", info->has_point ? " old" : "",
			  !info->has_delta_due ? "" : info->delta_due_ms ? ", the next in " :
			  ", the next one is due", info->has_delta_due && info->delta_due_ms ?
			  due : "");
	out_string(out, KEY_TEXT("Point in time"), text);
	free(text);
}

/* Nobody keeps when an association was deactivated. */
static void show_activation(struct out *out, const struct replica_info *info)
{
	bool taken = info->token && info->when_activated;

	out_time(out, KEY_JSON("WhenSynchronized"), info->when_synced);
	out_time(out, KEY("WhenActivated", taken ? "Captured" : NULL, NULL), info->when_activated);
	out_none(out, KEY_JSON("WhenDeactivated"));
}

static void show_times(struct out *out, const struct replica_info *info)
{
	bool live = !is_snapshot(info);

	out_time(out, KEY("WhenEstablished", live ? "Created" : NULL, NULL),
		 info->when_established);
	out_time(out, KEY("WhenSynced", live ? "Last in sync" : NULL, NULL), info->when_synced);
	out_time(out, KEY("WhenSuspended", info->when_suspended ? "Suspended" : NULL, NULL),
		 info->when_suspended);
	show_activation(out, info);
}

static void show_meta(struct out *out, const struct replica_info *info)
{
	char exposed[TEXT_LEN];
	char *text;

	if (!info->meta) {
		out_none(out, KEY_JSON("MetaDevice"));
		out_none(out, KEY_JSON("MetaDeviceNumber"));
		return;
	}
	text = mem_format("%s (%s)", info->meta_path ? info->meta_path : "-", info->meta);
	out_string(out, KEY_TEXT("Meta device"), text);
	free(text);
	out_string(out, KEY_JSON("MetaDevice"), info->meta_path);
	out_string(out, KEY_JSON("MetaDeviceNumber"), info->meta);
	out_bool(out, KEY_JSON("MetaDeviceFailed"), info->meta_failed);
	out_number(out, KEY_JSON("ActiveRegions"), info->active_regions);
	out_bytes(out, KEY_JSON("ExposedBytes"), info->exposed_bytes);
	human_bytes(exposed, sizeof(exposed), info->exposed_bytes);
	text = mem_format("%s in %" PRIu64 " region%s", exposed, info->active_regions,
			  info->active_regions == 1 ? "" : "s");
	out_string(out, KEY_TEXT("A crash costs"), info->meta_failed ?
		   "a full copy: the log cannot be written" : text);
	if (info->meta_failed)
		out_tone(out, OUT_BAD);
	free(text);
}

/* By which an administrator makes their mapped devices again. */
static void show_thin(struct out *out, const struct replica_thin *thin)
{
	bool target = thin && thin->target != REPLICA_THIN_NONE;
	bool meta = thin && thin->meta != REPLICA_THIN_NONE;
	char *text;

	out_string(out, KEY_JSON("ThinPool"), thin ? thin->pool : NULL);
	if (target)
		out_number(out, KEY_JSON("TargetThinID"), thin->target);
	else
		out_none(out, KEY_JSON("TargetThinID"));
	if (meta)
		out_number(out, KEY_JSON("MetaThinID"), thin->meta);
	else
		out_none(out, KEY_JSON("MetaThinID"));
	if (target && meta)
		text = mem_format("%u, meta device %u, of %s", thin->target, thin->meta,
				  thin->pool);
	else if (thin)
		text = mem_format("%s%u of %s", target ? "" : "meta device ",
				  target ? thin->target : thin->meta, thin->pool);
	else
		return;
	out_string(out, KEY_TEXT("Thin volume"), text);
	free(text);
}

static void show_snapshot(struct out *out, const struct replica_info *info,
			  const struct show_style *style)
{
	show_identity(out, info);
	show_state(out, info);
	show_leg(out, "Source", "Source", "ORIGIN", info->origin_path, info->origin);
	show_leg(out, "Target", "Store device", "REPLICA", info->replica_path, info->replica);
	show_thin(out, info->thin);
	show_store(out, info);
	show_token(out, info->token);
	show_times(out, info);
	out_bytes(out, KEY("Size", "Size", NULL), info->size);
	out_bytes(out, KEY("RegionSize", "Chunk size", NULL), info->region_size);
	out_bool(out, KEY_JSON("ConsistentNow"), info->consistent_now);
	show_running_job(out, info, style);
}

void show_replica(struct out *out, const struct replica_info *info, const struct show_style *style)
{
	if (is_snapshot(info)) {
		show_snapshot(out, info, style);
		return;
	}
	show_identity(out, info);
	show_state(out, info);
	show_leg(out, "Source", "Origin", "ORIGIN", info->origin_path, info->origin);
	show_leg(out, "Target", "Replica", "REPLICA", info->replica_path, info->replica);
	show_meta(out, info);
	show_thin(out, info->thin);
	out_bytes(out, KEY("Size", "Size", NULL), info->size);
	out_bytes(out, KEY("RegionSize", "Region size", NULL), info->region_size);
	show_difference(out, info);
	show_queue(out, info);
	show_consistency(out, info);
	show_point(out, info);
	show_times(out, info);
	out_number(out, KEY_JSON("EventSequence"), info->event_seq);
	show_running_job(out, info, style);
	show_offload(out, info);
	show_settings(out, &info->settings, style->brief ? NULL : "Settings");
	show_counters(out, &info->counters, style->counters);
}

void show_replica_member(struct out *out, const struct replica_info *info)
{
	static const struct show_style style;

	out_object(out, KEY_JSON("Replica"));
	show_replica(out, info, &style);
	out_end(out);
}

/* ---- Volumes of a pool ---- */

unsigned int show_volumes(struct out *out, const struct replica_pool_volume *list)
{
	unsigned int removed = 0;

	out_list(out, KEY("Volumes", "", NULL));
	for (; list; list = list->next) {
		removed += list->removed;
		out_row(out);
		out_string(out, KEY("StorageVolume", NULL, "VOLUME"), list->name);
		if (list->thin_id)
			out_number(out, KEY("ThinID", NULL, "THIN ID"), list->thin_id);
		else
			out_none(out, KEY("ThinID", NULL, NULL));
		out_bytes(out, KEY("Size", NULL, "SIZE"), list->size);
		out_bool(out, KEY("Removed", NULL, "REMOVED"), list->removed);
		out_string(out, KEY("Reason", NULL, "WHY NOT"), list->reason);
		out_end(out);
	}
	out_end(out);
	return removed;
}

/* ---- Preflight ---- */

void show_findings(struct out *out, const struct replica_finding *list, const char *label)
{
	const struct replica_finding *finding;

	out_list(out, KEY("Findings", label, NULL));
	for (finding = list; finding; finding = finding->next) {
		out_row(out);
		show_enum(out, KEY("PerceivedSeverity", NULL, "SEVERITY"), REPLICA_ENUM_SEVERITY,
			  finding->severity);
		out_tone(out, finding->severity >= REPLICA_SEVERITY_ERROR ? OUT_BAD :
			      finding->severity >= REPLICA_SEVERITY_WARNING ? OUT_BUSY : OUT_PLAIN);
		out_number(out, KEY("StatusCode", NULL, "CODE"), finding->ret);
		show_enum(out, KEY_JSON("Check"), REPLICA_ENUM_CHECK, finding->code);
		out_number(out, KEY_JSON("SMErrorCode"), finding->sm_code);
		out_string(out, KEY_JSON("ParameterInfo"), finding->parameter);
		out_bool(out, KEY_JSON("Forceable"), finding->forceable);
		out_string(out, KEY_JSON("Found"), finding->found);
		out_string(out, KEY_JSON("Expected"), finding->expected);
		out_string(out, KEY("Description", NULL, "FINDING"), finding->sentence);
		out_end(out);
	}
	out_end(out);
}

void show_asides(struct out *out, const struct replica_finding *list, bool refused)
{
	const struct replica_finding *finding;

	for (finding = list; finding; finding = finding->next) {
		if (finding->severity >= REPLICA_SEVERITY_ERROR && refused && finding != list)
			out_also(out, finding->sentence);
		else if (finding->severity == REPLICA_SEVERITY_WARNING)
			out_warning(out, "%s", finding->sentence);
	}
}
