/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Netlink messages of the family, to structures and back.  Pure: nothing here
 * opens, sends or receives.  Whatever is read is taken as hostile: a message
 * that is not well formed gives -EPROTO and nothing is given out.
 */
#ifndef _REPLICA_MSG_H
#define _REPLICA_MSG_H

#include <netlink/msg.h>

#include "replica-private.h"

/* What an NLMSG_ERROR says. */
struct replica_ack {
	int err;			/* positive errno; 0: acknowledged */
	char message[256];		/* extended ack; "" if none */
	uint32_t offset;		/* of the attribute at fault; 0: none */
};

/* The names of the attribute at fault within a request, NULL if unknown. */
const char *replica_msg_attr_at(const struct nlmsghdr *request, uint32_t offset);
/* The name of the replica that a request of ours is about, NULL for none. */
const char *replica_msg_name(const struct nlmsghdr *request);

/*
 * Length includes the netlink header and is trusted to be inside the buffer.
 * 0 or -EPROTO.
 */
int replica_msg_parse_ack(const struct nlmsghdr *nlh, struct replica_ack *ack);

/* Each: 0, -EPROTO or -ENOMEM. */
int replica_msg_parse_info(const struct nlmsghdr *nlh, struct replica_info **info);
int replica_msg_parse_job(const struct nlmsghdr *nlh, struct replica_job **job);
int replica_msg_parse_event(const struct nlmsghdr *nlh,
			    struct replica_event **event);
int replica_msg_parse_caps(const struct nlmsghdr *nlh,
			   struct replica_capabilities **caps);

struct replica_operate_reply {
	uint32_t copy_state;
	uint32_t job_id;		/* 0: none */
};

int replica_msg_parse_operate(const struct nlmsghdr *nlh,
			      struct replica_operate_reply *reply);

/* The job that a verify is. */
int replica_msg_parse_verify(const struct nlmsghdr *nlh, uint32_t *job_id);

/* One range, in sectors; its bytes are a number of 64 bits. */
struct replica_diff_reply {
	uint32_t job_id;
	uint64_t sector;
	uint64_t sectors;		/* not 0 */
};

int replica_msg_parse_diff(const struct nlmsghdr *nlh, struct replica_diff_reply *reply);

struct replica_confirm_reply {
	uint32_t result;
};

int replica_msg_parse_confirm(const struct nlmsghdr *nlh,
			      struct replica_confirm_reply *reply);

/* genl command of a message, 0 if it is too short to have one. */
uint8_t replica_msg_cmd(const struct nlmsghdr *nlh);

/* A request; NULL without memory.  name may be NULL.  Freed by nlmsg_free(). */
struct nl_msg *replica_msg_new(int family, uint8_t cmd, int flags,
			       const char *name);

/* 0 or -ENOMEM. */
int replica_msg_put_operation(struct nl_msg *msg, unsigned int operation,
			      unsigned int flags);	/* enum replica_resync_flags */
int replica_msg_put_settings(struct nl_msg *msg,
			     const struct replica_settings *settings);

#endif /* _REPLICA_MSG_H */
