/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef REPLICACTL_PROTECT_H
#define REPLICACTL_PROTECT_H

#include "command.h"

/*
 * If a resync waits for the snapshot of the replica, or that is of no use any more.  serve: a
 * failure is a warning; quietly: nobody wants to know.
 */
void protect_serve(struct cli *cli, struct out *out, const char *name);
void protect_quietly(struct cli *cli, const char *name);

/* cmd-udev.c: the name that is in that of a unit, to be freed; NULL: there is none. */
char *unit_read(const char *text);

#endif /* REPLICACTL_PROTECT_H */
