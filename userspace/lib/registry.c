// SPDX-License-Identifier: LGPL-2.1-or-later
/* Records of replicas in the registry. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clone.h"
#include "genl.h"
#include "registry.h"

#define REPLICAS	"replicas"

uint64_t replica_time_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

static void read_ending(struct json_object *object, struct replica_ending *ending)
{
	struct json_object *member;

	ending->begun = json_object_object_get_ex(object, "ending", &member);
	if (!ending->begun)
		return;
	ending->attached = replica_registry_bool(member, "attached");
	replica_registry_text(member, "association", ending->association,
			      sizeof(ending->association));
	replica_registry_text(member, "meta", ending->meta, sizeof(ending->meta));
	replica_registry_text(member, "target", ending->target, sizeof(ending->target));
}

/* A file that was renamed says nothing. */
int replica_record_read(struct replica_ctx *ctx, const char *name, struct replica_record *record)
{
	struct json_object *object = replica_registry_read(ctx, REPLICAS, name);
	int r = 0;

	memset(record, 0, sizeof(*record));
	if (!object)
		return -ENOENT;
	if (!replica_registry_text(object, "name", record->name, sizeof(record->name)) ||
	    strcmp(record->name, name))
		r = -EBADMSG;
	replica_registry_text(object, "uuid", record->uuid, sizeof(record->uuid));
	record->sync_type = replica_registry_number(object, "sync_type");
	record->generation = replica_registry_number(object, "generation");
	record->recorded = replica_registry_number(object, "recorded");
	read_ending(object, &record->ending);
	json_object_put(object);
	return r;
}

static struct json_object *ending_object(const struct replica_ending *ending)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	json_object_object_add(object, "attached", json_object_new_boolean(ending->attached));
	replica_registry_put_text(object, "association", ending->association);
	replica_registry_put_text(object, "meta", ending->meta);
	replica_registry_put_text(object, "target", ending->target);
	return object;
}

int replica_record_write(struct replica_ctx *ctx, const struct replica_record *record)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return -ENOMEM;
	replica_registry_put_text(object, "name", record->name);
	replica_registry_put_text(object, "uuid", record->uuid);
	replica_registry_put_number(object, "sync_type", record->sync_type);
	replica_registry_put_number(object, "generation", record->generation);
	replica_registry_put_number(object, "recorded", record->recorded);
	if (record->ending.begun)
		json_object_object_add(object, "ending", ending_object(&record->ending));
	return replica_registry_write(ctx, REPLICAS, record->name, object);
}

int replica_record_drop(struct replica_ctx *ctx, const char *name)
{
	return replica_registry_remove(ctx, REPLICAS, name);
}

static int add_name(const char *file, void *data)
{
	struct replica_names *names = data;
	void *grown;

	if (strlen(file) >= sizeof(names->name[0]))
		return 0;
	grown = realloc(names->name, (names->count + 1) * sizeof(names->name[0]));
	if (!grown)
		return -ENOMEM;
	names->name = grown;
	strcpy(names->name[names->count++], file);
	return 0;
}

static int name_order(const void *a, const void *b)
{
	return strcmp(a, b);
}

int replica_records_list(struct replica_ctx *ctx, struct replica_names *names)
{
	int r;

	memset(names, 0, sizeof(*names));
	r = replica_registry_each(ctx, REPLICAS, add_name, names);
	if (r)
		replica_names_clear(names);
	else if (names->count)
		qsort(names->name, names->count, sizeof(names->name[0]), name_order);
	return r;
}

void replica_names_clear(struct replica_names *names)
{
	free(names->name);
	memset(names, 0, sizeof(*names));
}

void replica_record_fill(struct replica_ctx *ctx, const struct replica_info *info,
			 struct replica_record *record)
{
	memset(record, 0, sizeof(*record));
	snprintf(record->name, sizeof(record->name), "%s", info->name);
	snprintf(record->uuid, sizeof(record->uuid), "%s", info->uuid ? info->uuid : "");
	record->sync_type = info->sync_type;
	record->generation = ctx->genl ? replica_genl_family(ctx->genl) : 0;
	record->recorded = replica_time_ms();
}

void replica_record_note(struct replica_ctx *ctx, const struct replica_info *info)
{
	struct replica_record record;

	replica_record_fill(ctx, info, &record);
	replica_record_write(ctx, &record);
}

bool replica_is_gone(const struct replica_ctx *ctx, int ret)
{
	return ret == REPLICA_NOT_FOUND ||
	       (ret == REPLICA_CACHE_OUT_OF_DATE && ctx->err.sm_code == ENODEV);
}

static const char *cause_of(struct replica_ctx *ctx, const struct replica_record *record)
{
	if (ctx->genl && record->generation &&
	    (uint32_t)replica_genl_family(ctx->genl) != record->generation)
		return "the kernel module was loaded anew";
	return "it was not ended by replicactl";
}

int replica_record_explain(struct replica_ctx *ctx, const char *name, int ret)
{
	char message[sizeof(ctx->err.message)];
	struct replica_record record;
	static const char unseen[] =
		"and its end is being done or was cut off, which root alone can see";
	bool kernel;
	int claimed;

	if (ret != REPLICA_NOT_FOUND || replica_record_read(ctx, name, &record))
		return ret;
	claimed = record.ending.begun ? replica_clone_claimed(name) : 0;
	/* It is being ended just now. */
	if (claimed > 0)
		return ret;
	kernel = ctx->err.sm_source == REPLICA_SOURCE_KERNEL;
	strcpy(message, ctx->err.message);
	if (record.ending.begun)
		ret = replica_fail(ctx, REPLICA_CACHE_OUT_OF_DATE, ENODEV, "Name",
				   "clone \"%s\" has ended, %s: 'replicactl finish %s' does the rest",
				   name, claimed ? unseen : "but its end was cut off", name);
	else
		ret = replica_fail(ctx, REPLICA_CACHE_OUT_OF_DATE, ENODEV, "Name",
				   "there was a replica \"%s\", which the kernel does not know any more: %s; 'replicactl discover' brings the registry up to date",
				   name, cause_of(ctx, &record));
	if (kernel)
		replica_error_kernel(ctx, message);
	return ret;
}
