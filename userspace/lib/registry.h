/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What this machine's tools know of the replicas that they made: a small file for each in
 * /run/replica, which a boot ends together with them.  Documentation/registry.rst has the
 * format.  It is there to tell, of a name that the kernel does not know, that it was a
 * replica, and what became of it.  What the kernel says counts always: nothing is done
 * to a device because of what stands here alone, and where it cannot be written or read,
 * everything goes on as if there was nothing in it.
 */
#ifndef _REPLICA_REGISTRY_PRIVATE_H
#define _REPLICA_REGISTRY_PRIVATE_H

#include <limits.h>

#include <json.h>

#include "ondisk.h"

#define REPLICA_REGISTRY	"/run/replica"
#define REPLICA_REGISTRY_VERSION	1

/* What an end has yet to take away once the mapping is gone: clone.c. */
struct replica_ending {
	bool begun;
	bool attached;			/* the source has its clone under its own name */
	char association[REPLICA_UUID_TEXT];	/* of the log and of the label; "" for neither */
	char meta[PATH_MAX];		/* path; "" for none */
	char target[PATH_MAX];		/* path, if it has a label; else "" */
};

struct replica_record {
	char name[DM_REPLICA_NAME_LEN];
	char uuid[DM_REPLICA_UUID_LEN];	/* of the mapped device; "": none */
	uint32_t sync_type;		/* enum replica_sync_type */
	uint32_t generation;		/* of the module: the number of its netlink family */
	uint64_t recorded;		/* time of day */
	struct replica_ending ending;
};

/*
 * Return 0 or -errno; read: -ENOENT for none, -EBADMSG for one that is damaged.  write: who
 * reads it sees all of the old one or all of the new one.  drop: also when there is none.
 */
int replica_record_read(struct replica_ctx *ctx, const char *name, struct replica_record *record);
int replica_record_write(struct replica_ctx *ctx, const struct replica_record *record);
int replica_record_drop(struct replica_ctx *ctx, const char *name);

/* The names of all records, damaged ones too, in a list of their own: 0 or -errno. */
struct replica_names {
	size_t count;
	char (*name)[DM_REPLICA_NAME_LEN];
};

int replica_records_list(struct replica_ctx *ctx, struct replica_names *names);
void replica_names_clear(struct replica_names *names);

/* What is to be written of a replica that the kernel has. */
void replica_record_fill(struct replica_ctx *ctx, const struct replica_info *info,
			 struct replica_record *record);
/* Writes that; a failure is none of the caller's. */
void replica_record_note(struct replica_ctx *ctx, const struct replica_info *info);

/*
 * A failure with REPLICA_NOT_FOUND of a call about a replica of that name: one that the registry
 * has makes it REPLICA_CACHE_OUT_OF_DATE, and the error says what is to be done.  Returns what
 * to return; others than REPLICA_NOT_FOUND as they are.
 */
int replica_record_explain(struct replica_ctx *ctx, const char *name, int ret);

/* Did the call that returned ret fail because there is no such replica, known or not? */
bool replica_is_gone(const struct replica_ctx *ctx, int ret);

/*
 * registry-jobs.c.  note: the replica is about to be ended, its jobs are kept and its record
 * goes; finished: by the end of a clone, and not taken down or removed; forget: it was not ended.
 * Failures are none of the caller's.  add: to jobs of name, or of all for NULL, those that are
 * kept.  clone: what had the name last was a clone that was complete, and was finished.
 */
void replica_ended_note(struct replica_ctx *ctx, const char *name, bool finished);
void replica_ended_forget(struct replica_ctx *ctx, const char *name);
void replica_ended_jobs_add(struct replica_ctx *ctx, const char *name, struct replica_job **jobs);
bool replica_ended_clone(struct replica_ctx *ctx, const char *name);
void replica_ended_job_write(struct replica_ctx *ctx, const struct replica_job *job, bool finished);

/*
 * registry-file.c.  Files in a directory of the registry, "replicas" or "jobs": 0 or -errno.
 * write takes the object, whatever becomes of it.  each: calls for each file until it
 * does not return 0, and returns that.
 */
struct json_object *replica_registry_read(struct replica_ctx *ctx, const char *directory,
					  const char *file);
int replica_registry_write(struct replica_ctx *ctx, const char *directory, const char *file,
			   struct json_object *object);
int replica_registry_remove(struct replica_ctx *ctx, const char *directory, const char *file);
int replica_registry_each(struct replica_ctx *ctx, const char *directory,
			  int (*call)(const char *file, void *data), void *data);

/* Members of an object; text: true if it is there and fits, number: 0 if it is not there. */
bool replica_registry_text(struct json_object *object, const char *key, char *text, size_t size);
uint64_t replica_registry_number(struct json_object *object, const char *key);
bool replica_registry_bool(struct json_object *object, const char *key);
void replica_registry_put_text(struct json_object *object, const char *key, const char *text);
void replica_registry_put_number(struct json_object *object, const char *key, uint64_t number);

/* The time of day, milliseconds. */
uint64_t replica_time_ms(void);

#endif /* _REPLICA_REGISTRY_PRIVATE_H */
