// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl dump */
#include <inttypes.h>
#include <stdlib.h>

#include "human.h"
#include "memory.h"
#include "report.h"
#include "show.h"

/* Rows of a list in text; JSON has all of them. */
#define TEXT_ROWS	20

static void show_verdicts(struct out *out, const struct replica_meta *meta)
{
	unsigned int copy, verdict;

	out_list(out, KEY("Superblocks", "Superblocks", NULL));
	for (copy = 0; copy < 2; copy++) {
		verdict = replica_meta_verdict(meta, copy);
		out_row(out);
		out_number(out, KEY("Copy", NULL, "COPY"), copy);
		out_enum(out, KEY("Verdict", NULL, "VERDICT"), verdict,
			 replica_enum_name(REPLICA_ENUM_META_VERDICT, verdict));
		out_tone(out, verdict == REPLICA_META_GOOD ? OUT_GOOD : OUT_BAD);
		out_number(out, KEY("Version", NULL, "VERSION"), replica_meta_seq(meta, copy));
		out_bool(out, KEY("Counts", NULL, "COUNTS"),
			 replica_meta_copy(meta) == (int)copy);
		out_end(out);
	}
	out_end(out);
}

static void show_identity(struct out *out, const struct replica_meta_fields *f)
{
	out_string(out, KEY("ElementName", "Name", NULL), f->name);
	out_string(out, KEY("UUID", "UUID", NULL), f->uuid);
	out_string(out, KEY("SourceStorageVolume", "Origin", NULL), f->origin_path);
	out_string(out, KEY("TargetStorageVolume", "Replica", NULL), f->replica_path);
	out_number(out, KEY("FormatVersion", "Format", NULL), f->version);
	out_enum(out, KEY("CopyState", "State", NULL), f->copy_state,
		 replica_enum_name(REPLICA_ENUM_COPY_STATE, f->copy_state));
	out_tone(out, show_state_tone(f->copy_state));
	out_enum(out, KEY("Mode", "Mode", NULL), f->mode,
		 replica_enum_name(REPLICA_ENUM_MODE, f->mode));
	if (f->settings.read_only == REPLICA_READ_ONLY_SOURCE) {
		out_number(out, KEY_JSON("ReadOnly"), f->settings.read_only);
		out_string(out, KEY_TEXT("Read-only"), "the source: nobody can write to it");
	}
	out_bool(out, KEY("Clean", "Ended in order", NULL), f->clean);
	out_bool(out, KEY("Lost", "Has a gap", NULL), f->lost);
	out_bool(out, KEY("HasLabel", "Replica has label", NULL), f->has_label);
	out_bool(out, KEY("OriginHasLabel", "Origin has label", NULL), f->origin_has_label);
	out_bool(out, KEY_JSON("LabelPending"), f->label_pending);
	out_number(out, KEY("Swaps", "Changes of places", NULL), f->swaps);
	out_bool(out, KEY("SwapBack", "Changes back in step", NULL), f->swap_back);
	out_bool(out, KEY("ReplicaWhole", "Replica whole", NULL), f->whole);
	out_time(out, KEY("WholePointInTime", f->whole_at ? "As it was at" : NULL, NULL),
		 f->whole_at);
	out_number(out, KEY("Activation", "Activations", NULL), f->activation);
}

static void show_generation(struct out *out, const struct replica_meta_fields *f)
{
	char *text = mem_format("%016" PRIx64, f->generation);

	out_string(out, KEY("Generation", "Generation", NULL), f->generation ? text : NULL);
	free(text);
}

static void show_layout(struct out *out, const struct replica_meta_fields *f)
{
	out_bytes(out, KEY("Size", "Size of a leg", NULL), f->size);
	out_bytes(out, KEY("RegionSize", "Region size", NULL), f->region_size);
	out_number(out, KEY("Regions", "Regions", NULL), f->regions);
	out_number(out, KEY("Activity", "Activity", NULL), f->activity);
	out_number(out, KEY("IntentOffset", "Intents at byte", NULL), f->intent_offset);
	out_bytes(out, KEY("IntentBytes", NULL, NULL), f->intent_bytes);
	out_number(out, KEY("BitmapOffset", "Bitmap at byte", NULL), f->bitmap_offset);
	out_bytes(out, KEY("BitmapBytes", NULL, NULL), f->bitmap_bytes);
	out_bytes(out, KEY("MetaDeviceBytes", "Log needs", NULL), f->bytes);
}

static void show_times(struct out *out, const struct replica_meta_fields *f)
{
	out_time(out, KEY("WhenCreated", "Log created", NULL), f->created);
	out_time(out, KEY("WhenEstablished", "Established", NULL), f->established);
	out_time(out, KEY("WhenSynced", "Last in sync", NULL), f->synced);
	out_time(out, KEY("WhenSuspended", "Suspended", NULL), f->suspended);
	out_time(out, KEY("WhenWritten", "Log written", NULL), f->written);
}

static void show_job_left(struct out *out, const struct replica_meta_fields *f)
{
	if (!f->job_id) {
		out_none(out, KEY_JSON("JobID"));
		return;
	}
	out_number(out, KEY("JobID", "Job", NULL), f->job_id);
	out_enum(out, KEY("JobType", "Job type", NULL), f->job_type,
		 replica_enum_name(REPLICA_ENUM_JOB_TYPE, f->job_type));
	out_bytes(out, KEY("JobBytesDone", "Job copied", NULL), f->job_bytes_done);
	out_bytes(out, KEY("JobBytesTotal", "Job to copy", NULL), f->job_bytes_total);
}

static void show_range_row(struct out *out, const struct replica_meta_fields *f, uint64_t region,
			   uint64_t count)
{
	uint64_t from = region * f->region_size, to = (region + count) * f->region_size;

	if (to > f->size)
		to = f->size;
	out_row(out);
	out_number(out, KEY("Region", NULL, "REGION"), region);
	out_number(out, KEY("Count", NULL, "COUNT"), count);
	out_number(out, KEY("Offset", NULL, "FROM BYTE"), from);
	out_bytes(out, KEY("Bytes", NULL, "SIZE"), to - from);
	out_end(out);
}

/* Rows up to max; true if there are more. */
static bool show_range_rows(struct out *out, const struct replica_meta *meta, uint64_t max)
{
	uint64_t region = 0, count = 0, rows = 0;

	while (!replica_meta_dirty_range(meta, &region, &count)) {
		if (rows++ == max)
			return true;
		show_range_row(out, replica_meta_fields(meta), region, count);
		region += count;
	}
	return false;
}

static void show_ranges(struct out *out, const struct replica_meta *meta)
{
	bool more;

	out_number(out, KEY_JSON("DirtyRegions"), replica_meta_dirty_regions(meta));
	out_bytes(out, KEY("DirtyBytes", "May differ", NULL), replica_meta_dirty_bytes(meta));
	out_list(out, KEY_JSON("DirtyRanges"));
	show_range_rows(out, meta, UINT64_MAX);
	out_end(out);
	if (!replica_meta_dirty_regions(meta))
		return;
	out_list(out, KEY_TEXT("Regions that may differ"));
	more = show_range_rows(out, meta, TEXT_ROWS);
	out_end(out);
	if (more)
		out_note(out, "There are more than these %u; --json has all.", TEXT_ROWS);
}

static void show_intents(struct out *out, const struct replica_meta *meta)
{
	uint32_t region;
	size_t count = 0;

	while (!replica_meta_intent(meta, count, &region))
		count++;
	out_number(out, KEY_TEXT("Intents"), count);
	out_list(out, KEY_JSON("Intents"));
	for (count = 0; !replica_meta_intent(meta, count, &region); count++) {
		out_row(out);
		out_number(out, KEY("Region", NULL, NULL), region);
		out_end(out);
	}
	out_end(out);
}

static void show_damage(struct out *out, const struct replica_meta *meta)
{
	const struct replica_meta_damage *damage;
	size_t i;

	out_list(out, KEY("DamagedSectors",
			  replica_meta_damage(meta, 0) ? "Damaged sectors" : NULL, NULL));
	for (i = 0; (damage = replica_meta_damage(meta, i)); i++) {
		out_row(out);
		out_string(out, KEY("Part", NULL, "PART"), damage->intents ? "intents" : "bitmap");
		out_number(out, KEY("Offset", NULL, "AT BYTE"), damage->offset);
		out_number(out, KEY("Region", NULL, "REGION"), damage->first_region);
		out_number(out, KEY("Count", NULL, "COUNT"), damage->regions);
		out_end(out);
	}
	out_end(out);
}

static void show_log(struct out *out, const struct replica_meta *meta)
{
	const struct replica_meta_fields *fields = replica_meta_fields(meta);

	out_object(out, KEY("Log", "", NULL));
	show_identity(out, fields);
	show_generation(out, fields);
	show_layout(out, fields);
	show_times(out, fields);
	show_job_left(out, fields);
	show_intents(out, meta);
	show_ranges(out, meta);
	show_damage(out, meta);
	show_settings(out, &fields->settings, "Settings");
	out_end(out);
}

static int dump_run(struct cli *cli)
{
	struct replica_meta *meta = NULL;
	const char *path = cli->args[0];
	int ret = replica_meta_open(cli->ctx, path, &meta), status;
	struct out *out = report_new(cli);

	out_string(out, KEY_JSON("MetaDevice"), path);
	if (ret)
		return report_failure(cli, out, ret, NULL, NULL);
	out_bytes(out, KEY_JSON("DeviceSize"), replica_meta_size(meta));
	if (replica_meta_copy(meta) < 0)
		out_message(out, "%s holds no log that can be used.", path);
	else
		show_log(out, meta);
	if (replica_meta_copy(meta) < 0)
		out_none(out, KEY_JSON("Log"));
	show_verdicts(out, meta);
	status = report_finish(cli, out, ret);
	replica_meta_free(meta);
	return status;
}

const struct command cmd_dump = {
	.name = "dump",
	.group = GROUP_LOG,
	.run = dump_run,
	.min_args = 1,
	.max_args = 1,
	.args = "DEVICE",
	.complete = { COMPLETE_DEVICE },
	.help = "Show all that a meta device says",
	.details =
		"DEVICE may be a file that holds the image of one. Changes nothing; of an active\n"
		"replica it shows what would be known after a crash now.",
};
