/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef REPLICACTL_SETTINGS_H
#define REPLICACTL_SETTINGS_H

#include "command.h"

/*
 * Reads "key=value,...".  Returns what replica_settings_parse() does; *hint is
 * NULL or a sentence to be freed.
 */
int settings_read(struct cli *cli, const char *text, struct replica_settings *settings,
		  char **hint);

#endif /* REPLICACTL_SETTINGS_H */
