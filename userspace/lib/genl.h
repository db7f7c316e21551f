/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A connection to the family in the kernel.  Knows sockets and sequence
 * numbers, and no attribute.
 */
#ifndef _REPLICA_GENL_H
#define _REPLICA_GENL_H

#include <netlink/msg.h>

#include "replica-private.h"

/* How long the kernel may take to answer anything but a confirm. */
#define REPLICA_ANSWER_MS	60000

/*
 * Opens a connection.  All return values here are of enum replica_return, with
 * the error filled in.  REPLICA_NOT_SUPPORTED: the module is not loaded, or too old.
 */
int replica_genl_open(struct replica_ctx *ctx, struct replica_genl **g);
void replica_genl_close(struct replica_genl *g);

/* The connection of the context, opened when first asked for. */
int replica_genl_get(struct replica_ctx *ctx, struct replica_genl **g);

/* 1 if the module is loaded, 0 if not, or -errno; no error is filled in. */
int replica_genl_present(struct replica_ctx *ctx);

int replica_genl_family(const struct replica_genl *g);

/* Called for each message of the answer; a negative errno ends it. */
typedef int (*replica_genl_fn)(const struct nlmsghdr *nlh, void *data);

/*
 * Sends msg and waits until it is answered: acknowledged, refused, or for a
 * dump until its end.  msg is freed.  fn may be NULL.  -ESTALE from fn, or a
 * dump that the kernel declares inconsistent, gives REPLICA_CACHE_OUT_OF_DATE.
 */
int replica_genl_request(struct replica_ctx *ctx, struct replica_genl *g,
			 struct nl_msg *msg, replica_genl_fn fn, void *data);

/*
 * The same, then goes on to wait until *done, which fn sets, for timeout_ms.
 * REPLICA_TIMEOUT when that is over, REPLICA_FAILED with EINTR after a signal.
 */
int replica_genl_request_until(struct replica_ctx *ctx, struct replica_genl *g,
			       struct nl_msg *msg, replica_genl_fn fn, void *data,
			       const bool *done, uint64_t timeout_ms);

/* Joins the multicast group of the events; the socket does not block then. */
int replica_genl_subscribe(struct replica_ctx *ctx, struct replica_genl *g);
int replica_genl_fd(const struct replica_genl *g);

/*
 * Hands the messages of one datagram to fn.  0, -EAGAIN when there is none,
 * -ENOBUFS when some were lost, or another -errno.
 */
int replica_genl_receive(struct replica_genl *g, replica_genl_fn fn, void *data);

#endif /* _REPLICA_GENL_H */
