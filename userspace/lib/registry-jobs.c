// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Jobs that ended together with their replica.  They are written before the mapping goes, so
 * that at any moment either the kernel or the registry has them: as long as the kernel has
 * one, what stands here does not count.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "genl.h"
#include "info.h"
#include "registry.h"
#include "token.h"

#define JOBS		"jobs"
#define MOST_JOBS	256

#define STOPPED		"the replica was ended while this job ran"

/* The number comes first: names may have any character. */
static void file_of(char file[DM_REPLICA_NAME_LEN + 16], const char *name, uint32_t id)
{
	snprintf(file, DM_REPLICA_NAME_LEN + 16, "%" PRIu32 ".%s", id, name);
}

static uint64_t kept_ms(uint32_t type)
{
	return type == DM_REPLICA_JOB_CLONE || type == DM_REPLICA_JOB_INITIAL_COPY ?
	       REPLICA_JOB_KEPT_COPY_MS : REPLICA_JOB_KEPT_MS;
}

/* ------------------------------------------------------------------------ */
/* Reading */

static struct replica_job *job_of(struct json_object *object)
{
	struct replica_job *job = calloc(1, sizeof(*job));
	char text[1024];

	if (!job || !replica_registry_text(object, "name", text, sizeof(text)))
		goto fail;
	job->name = strdup(text);
	job->id = replica_registry_number(object, "id");
	job->type = replica_registry_number(object, "type");
	job->state = replica_registry_number(object, "state");
	job->percent = replica_registry_number(object, "percent");
	job->bytes_done = replica_registry_number(object, "bytes_done");
	job->bytes_total = replica_registry_number(object, "bytes_total");
	job->start_time = replica_registry_number(object, "start_time");
	job->elapsed_ms = replica_registry_number(object, "elapsed_ms");
	job->error_code = replica_registry_number(object, "error_code");
	job->differs = replica_registry_number(object, "differs");
	job->offloaded = replica_registry_number(object, "offloaded");
	job->replica_ended = replica_registry_number(object, "ended");
	job->kept_ms = replica_registry_number(object, "kept_ms");
	if (replica_registry_text(object, "error_text", text, sizeof(text)))
		job->error_text = strdup(text);
	if (job->name && job->replica_ended && job->id)
		return job;
fail:
	replica_job_free(job);
	return NULL;
}

struct reader {
	struct replica_ctx *ctx;
	const char *name;		/* NULL: all */
	struct replica_job *list;
	size_t count;
	uint64_t first_end;		/* of all, and whose that is */
	char first[DM_REPLICA_NAME_LEN + 16];
};

/* By the clock that nobody sets; a boot ends the file, too. */
static bool is_over(struct json_object *object)
{
	return replica_boot_ms() > replica_registry_number(object, "ended_boot_ms") +
				   replica_registry_number(object, "kept_ms");
}

static void count_file(struct reader *reader, struct json_object *object, const char *file)
{
	uint64_t ended = replica_registry_number(object, "ended_boot_ms");

	reader->count++;
	if (reader->count > 1 && ended >= reader->first_end)
		return;
	reader->first_end = ended;
	snprintf(reader->first, sizeof(reader->first), "%s", file);
}

/* Ordered by name, then by the end, then by number. */
static bool before(const struct replica_job *a, const struct replica_job *b)
{
	uint64_t a_ended = a->replica_ended ? a->replica_ended : UINT64_MAX;
	uint64_t b_ended = b->replica_ended ? b->replica_ended : UINT64_MAX;
	int order = strcmp(a->name, b->name);

	if (order)
		return order < 0;
	return a_ended != b_ended ? a_ended < b_ended : a->id < b->id;
}

static void insert(struct replica_job **list, struct replica_job *job)
{
	while (*list && before(*list, job))
		list = &(*list)->next;
	job->next = *list;
	*list = job;
}

/* What is over, or cannot be understood, goes, if we may. */
static int read_file(const char *file, void *data)
{
	struct reader *reader = data;
	struct json_object *object = replica_registry_read(reader->ctx, JOBS, file);
	struct replica_job *job = NULL;

	if (object && !is_over(object))
		job = job_of(object);
	if (!job) {
		json_object_put(object);
		replica_registry_remove(reader->ctx, JOBS, file);
		return 0;
	}
	count_file(reader, object, file);
	json_object_put(object);
	if (!reader->name || !strcmp(reader->name, job->name))
		insert(&reader->list, job);
	else
		replica_job_free(job);
	return 0;
}

static bool has_job(const struct replica_job *list, const struct replica_job *job)
{
	while (list && (list->id != job->id || list->start_time != job->start_time ||
			strcmp(list->name, job->name)))
		list = list->next;
	return list;
}

void replica_ended_jobs_add(struct replica_ctx *ctx, const char *name, struct replica_job **jobs)
{
	struct reader reader = { .ctx = ctx, .name = name };
	struct replica_job *job, *kept = NULL;

	replica_registry_each(ctx, JOBS, read_file, &reader);
	while ((job = reader.list)) {
		reader.list = job->next;
		job->next = NULL;
		if (has_job(*jobs, job))
			replica_job_free(job);
		else
			insert(&kept, job);
	}
	while ((job = kept)) {
		kept = job->next;
		insert(jobs, job);
	}
}

/* The last of name that ended, as its file has it; NULL for none. */
static struct json_object *read_last(struct replica_ctx *ctx, const char *name,
				     char file[DM_REPLICA_NAME_LEN + 16])
{
	struct json_object *object = NULL;
	struct replica_job *jobs = NULL, *last;

	replica_ended_jobs_add(ctx, name, &jobs);
	for (last = jobs; last && last->next; last = last->next)
		;
	if (last) {
		file_of(file, name, last->id);
		object = replica_registry_read(ctx, JOBS, file);
	}
	replica_job_free(jobs);
	return object;
}

bool replica_ended_clone(struct replica_ctx *ctx, const char *name)
{
	char file[DM_REPLICA_NAME_LEN + 16];
	struct replica_record record;
	struct json_object *object;
	bool complete;

	/* A later replica had the name, and nobody ended that. */
	if (!replica_record_read(ctx, name, &record) && !record.ending.begun)
		return false;
	object = read_last(ctx, name, file);
	complete = object && replica_registry_bool(object, "finished") &&
		   replica_registry_number(object, "type") == DM_REPLICA_JOB_CLONE &&
		   replica_registry_number(object, "state") == DM_REPLICA_JOB_COMPLETED;
	json_object_put(object);
	return complete;
}

/* ------------------------------------------------------------------------ */
/* Writing */

static struct json_object *object_of(const struct replica_job *job, bool finished)
{
	struct json_object *object = json_object_new_object();
	bool runs = job->state < DM_REPLICA_JOB_COMPLETED;
	const char *text = runs ? STOPPED : job->error_text;

	if (!object)
		return NULL;
	replica_registry_put_text(object, "name", job->name);
	replica_registry_put_number(object, "id", job->id);
	replica_registry_put_number(object, "type", job->type);
	replica_registry_put_number(object, "state", runs ? DM_REPLICA_JOB_TERMINATED : job->state);
	replica_registry_put_number(object, "percent", job->percent);
	replica_registry_put_number(object, "bytes_done", job->bytes_done);
	replica_registry_put_number(object, "bytes_total", job->bytes_total);
	replica_registry_put_number(object, "start_time", job->start_time);
	replica_registry_put_number(object, "elapsed_ms", job->elapsed_ms);
	replica_registry_put_number(object, "error_code", job->error_code);
	if (text)
		replica_registry_put_text(object, "error_text", text);
	replica_registry_put_number(object, "differs", job->differs);
	replica_registry_put_number(object, "offloaded", job->offloaded);
	replica_registry_put_number(object, "ended", replica_time_ms());
	replica_registry_put_number(object, "ended_boot_ms", replica_boot_ms());
	replica_registry_put_number(object, "kept_ms", kept_ms(job->type));
	json_object_object_add(object, "finished", json_object_new_boolean(finished));
	return object;
}

/* The oldest go where there are too many. */
static void make_room(struct replica_ctx *ctx)
{
	struct reader reader;

	do {
		reader = (struct reader){ .ctx = ctx, .name = "" };
		if (replica_registry_each(ctx, JOBS, read_file, &reader) ||
		    reader.count < MOST_JOBS)
			return;
	} while (!replica_registry_remove(ctx, JOBS, reader.first));
}

void replica_ended_job_write(struct replica_ctx *ctx, const struct replica_job *job, bool finished)
{
	char file[DM_REPLICA_NAME_LEN + 16];

	make_room(ctx);
	file_of(file, job->name, job->id);
	replica_registry_write(ctx, JOBS, file, object_of(job, finished));
}

/* One that was activated when it was complete has no job: its last is of the time before. */
static void mark_last(struct replica_ctx *ctx, const char *name, bool finished)
{
	char file[DM_REPLICA_NAME_LEN + 16];
	struct json_object *object = read_last(ctx, name, file);

	if (!object)
		return;
	json_object_object_add(object, "finished", json_object_new_boolean(finished));
	replica_registry_write(ctx, JOBS, file, object);
}

/* Who asks for it from now on finds that it is gone, and not that it was forgotten. */
void replica_ended_note(struct replica_ctx *ctx, const char *name, bool finished)
{
	struct replica_error err = ctx->err;
	struct replica_job *jobs = NULL;

	if (!replica_jobs_read(ctx, name, 0, &jobs))
		for (const struct replica_job *job = jobs; job; job = job->next)
			replica_ended_job_write(ctx, job, finished);
	if (!jobs)
		mark_last(ctx, name, finished);
	replica_job_free(jobs);
	replica_record_drop(ctx, name);
	ctx->err = err;
}

static void forget_jobs(struct replica_ctx *ctx, const char *name)
{
	char file[DM_REPLICA_NAME_LEN + 16];
	struct replica_job *jobs = NULL;

	if (!replica_jobs_read(ctx, name, 0, &jobs))
		for (const struct replica_job *job = jobs; job; job = job->next) {
			file_of(file, name, job->id);
			replica_registry_remove(ctx, JOBS, file);
		}
	replica_job_free(jobs);
}

void replica_ended_forget(struct replica_ctx *ctx, const char *name)
{
	struct replica_error err = ctx->err;
	struct replica_info *info;
	struct replica_genl *g;

	forget_jobs(ctx, name);
	if (!replica_genl_get(ctx, &g) && !replica_info_read(ctx, g, name, &info)) {
		replica_record_note(ctx, info);
		replica_info_free(info);
	} else {
		/* Somebody else was faster: he says what is left of it. */
		replica_record_drop(ctx, name);
	}
	ctx->err = err;
}
