/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_CREATE_GOALS_H
#define _REPLICA_CREATE_GOALS_H

#include "replica-private.h"

/* A return value, with the error filled in: can what is asked for be made so? */
int replica_goals_check(struct replica_ctx *ctx, const struct replica_create_args *args);

/* The mode that was asked for, or the one that suits the rest of it. */
uint32_t replica_goals_mode(const struct replica_create_args *args);
/* The settings that were asked for, by whatever name: what the kernel is told. */
struct replica_settings replica_goals_settings(const struct replica_create_args *args);
/* Is the first copy to find out what differs, and to write nothing else? */
bool replica_goals_compares(const struct replica_create_args *args);

/* Is nobody to write to the mapped device? */
bool replica_goals_read_only(const struct replica_create_args *args);

/* The state that is waited for: the parameter, or else the setting; 0: none. */
uint32_t replica_goals_wait(const struct replica_create_args *args);

#endif /* _REPLICA_CREATE_GOALS_H */
