/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests to a leg for whoever lets the legs change places: he waits for each, but not for
 * ever, and has the memory for it before I/O is held.  One that is still out then is counted
 * in replica->leg_commands, and the legs stay where they are until it has come back.
 */
#ifndef DM_REPLICA_COMMAND_H
#define DM_REPLICA_COMMAND_H

#include "dm-replica-io.h"

struct replica_command;

/* May sleep for memory.  NULL: there is none.  create_read: for replica_command_ask(). */
struct replica_command *replica_command_create(struct replica *replica);
struct replica_command *replica_command_create_read(struct replica *replica);
/* One that was never sent, or NULL.  Any context. */
void replica_command_drop(struct replica_command *command);

/*
 * Each of these takes over @command and waits for it, at most @ms.  Return: 0, -EIO, or
 * -ETIMEDOUT when it is still out, which no error of a leg is taken for.
 *
 * ask: does the replica answer at all?  flush_replica: a failure counts, also one that nobody
 * waits for any more.  flush_origin: a failure of @flush, which has begun, is the caller's to
 * tell if it comes in time: what is lost matters only if the origin stays it.
 */
int replica_command_ask(struct replica *replica, struct replica_command *command,
			unsigned int ms);
int replica_command_flush_replica(struct replica *replica, struct replica_command *command,
				  unsigned int ms);
int replica_command_flush_origin(struct replica *replica, struct replica_command *command,
				 const struct replica_flush *flush, unsigned int ms);

#endif /* DM_REPLICA_COMMAND_H */
