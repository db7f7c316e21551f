/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef REPLICACTL_CREATE_H
#define REPLICACTL_CREATE_H

#include "command.h"
#include "options.h"

/* CIM's numbers have 16 bits; 0 is one that it reserves. */
#define SYNC_TYPE_NONE	UINT32_MAX

/* Of the command line of 'create'. */
struct create_options {
	const char *name;
	const char *pool;
	const char *meta;
	uint32_t sync_type;	/* SYNC_TYPE_NONE: none was given, which no number of CIM is */
	const char *token;
	const char *store;
	struct store_size store_size;
	uint32_t token_timeout_ms;
	uint32_t mode;
	uint32_t rpo_ms;
	uint32_t delta_ms;
	const char *settings;
	uint32_t protect;	/* enum dm_replica_protect; 0: not given */
	const char *system;
	const char *credentials;
	bool ask_credentials;
	bool skip_initial_copy;
	uint32_t wait_for;
	uint32_t timeout_ms;
	bool dry_run;
	bool force;
	bool no_attach;
	uint32_t offload;
};

/* show-created.c: the members of the document, and the sentence; ret is the return value. */
void show_created(struct out *out, const struct replica_create_result *result, int ret);
void say_created(struct out *out, struct cli *cli, const struct replica_create_result *result,
		 int ret);

/*
 * cmd-create.c, for check too.  hint: what helps against the worst finding, or NULL; to be
 * freed.  settings: false with the exit status when there is something wrong with them.
 */
char *create_hint(struct cli *cli, const struct replica_finding *list, const char *target,
		  const char *meta);
bool create_settings(struct cli *cli, const char *text, struct replica_settings *settings,
		     int *status);

#endif /* REPLICACTL_CREATE_H */
