/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bar while the library waits. */
#ifndef REPLICACTL_PROGRESS_H
#define REPLICACTL_PROGRESS_H

#include "command.h"
#include "show.h"

struct progress {
	struct cli *cli;
	struct rate rate;
	bool shows;		/* there is a terminal to draw on */
};

void progress_begin(struct progress *progress, struct cli *cli);
/* A replica_progress_fn; data is the struct progress. */
int progress_step(const struct replica_info *info, void *data);
void progress_end(struct progress *progress);
/* The wait that failed was ended by Ctrl-C. */
bool progress_interrupted(const struct cli *cli);

#endif /* REPLICACTL_PROGRESS_H */
