/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_CREATE_GOALS_H
#define _REPLICA_CREATE_GOALS_H

#include "replica-private.h"

/* A return value, with the error filled in: can what is asked for be made so? */
int replica_goals_check(struct replica_ctx *ctx, const struct replica_create_args *args);

/* The state that is waited for: the parameter, or else the setting; 0: none. */
uint32_t replica_goals_wait(const struct replica_create_args *args);

#endif /* _REPLICA_CREATE_GOALS_H */
