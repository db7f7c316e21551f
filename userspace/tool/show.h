/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The library's structures as parts of a document. */
#ifndef REPLICACTL_SHOW_H
#define REPLICACTL_SHOW_H

#include "command.h"

/* Bytes per second of a job: smoothed from call to call, else its average. */
struct rate {
	uint32_t job;
	uint64_t done;
	uint64_t elapsed_ms;
	uint64_t value;
};

uint64_t rate_update(struct rate *rate, const struct replica_job *job);

/* Members of a replica, into the object or row that is open. */
struct show_style {
	bool counters;		/* in text too */
	bool brief;		/* no details of settings and job in text */
	struct rate *rate;	/* NULL: averages */
};

void show_replica(struct out *out, const struct replica_info *info, const struct show_style *style);
/* The same as a member "Replica" of the document. */
void show_replica_member(struct out *out, const struct replica_info *info);
/* "the origin alone acknowledges writes" */
const char *show_ack(unsigned int ack_mode);
/* show-protection.c: the snapshot that a replica has while it is resynced. */
void show_protection(struct out *out, const struct replica_info *info);
/* What is in the queue: in text for those who use it, in JSON always. */
void show_queue(struct out *out, const struct replica_info *info);
/* show-snapshot.c: how full the store of a snapshot is. */
void show_store(struct out *out, const struct replica_info *info);
/* show-snapshot.c: what a token has beside that; NULL: it is a snapshot. */
void show_token(struct out *out, const struct replica_token *token);
/* Of a job, into the object or row that is open. */
void show_job(struct out *out, const struct replica_job *job, uint64_t rate);
/* "1.0 GiB of 2.0 GiB, 120.0 MiB/s, 8 s left"; to be freed. */
char *show_job_text(const struct replica_job *job, uint64_t rate);
/* Settings, as a member "ReplicationSettings" with that label or none. */
void show_settings(struct out *out, const struct replica_settings *set, const char *label);
/* Volumes that went back to a pool, or not, as a list "Volumes"; how many went. */
unsigned int show_volumes(struct out *out, const struct replica_pool_volume *list);
/* Findings of a preflight, as a list "Findings" with that label or none. */
void show_findings(struct out *out, const struct replica_finding *list, const char *label);

/* What was found beside what the error is about, for stderr; refused: there is an error. */
void show_asides(struct out *out, const struct replica_finding *list, bool refused);

/* A number of the library, with its name. */
void show_enum(struct out *out, struct out_key key, enum replica_enum which,
	       unsigned int value);

/* Is value among the numbers that a capability lists? */
bool show_contains(const uint16_t *values, size_t count, unsigned int value);

enum out_tone show_state_tone(unsigned int copy_state);

/* show-offload.c: of a clone whose devices were to copy by themselves. */
void show_offload(struct out *out, const struct replica_info *info);

#endif /* REPLICACTL_SHOW_H */
