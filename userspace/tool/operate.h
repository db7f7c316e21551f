/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef REPLICACTL_OPERATE_H
#define REPLICACTL_OPERATE_H

#include "command.h"

/*
 * An operation on the replica that is the first argument, with its document; the
 * exit status.  may_force: the command has --force, so that a hint may name it.
 */
int operate_show(struct cli *cli, enum dm_replica_operation operation, bool may_force, bool force);

#endif /* REPLICACTL_OPERATE_H */
