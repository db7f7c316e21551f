/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef REPLICACTL_OPERATE_H
#define REPLICACTL_OPERATE_H

#include "command.h"

/* An operation on the replica that is the first argument, and what came of it. */
struct operated {
	enum dm_replica_operation operation;
	int ret;
	uint32_t job;		/* 0: none */
	uint32_t state;
	bool may_force;		/* the command has --force, so that a hint may name it */
	const char *mode;	/* the mode that it is in now; NULL: the state is what changes */
	const char *does;	/* what the job does; NULL: "copies what differs" */
	const char *hint;	/* when it was refused; NULL: one is made */
};

/* Its document; the exit status. */
int operate_report(struct cli *cli, const struct operated *done);

/* One without options, done and reported. */
int operate_show(struct cli *cli, enum dm_replica_operation operation);

#endif /* REPLICACTL_OPERATE_H */
