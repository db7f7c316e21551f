/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef REPLICACTL_WATCH_H
#define REPLICACTL_WATCH_H

#include "command.h"
#include "show.h"

/*
 * Shows one replica, or all for NULL, until a signal comes or the one is gone;
 * the exit status.  On a terminal the screen is drawn again and again, else
 * there is a document (a line) for each change.
 */
int watch_run(struct cli *cli, const char *name, bool counters);

/* cmd-status.c: the documents of 'status'; the exit status. */
int status_show_list(struct cli *cli);
int status_show_one(struct cli *cli, const char *name, const struct show_style *style);

#endif /* REPLICACTL_WATCH_H */
