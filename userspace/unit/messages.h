/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages as the kernel sends them, with every attribute that there is. */
#ifndef _UNIT_MESSAGES_H
#define _UNIT_MESSAGES_H

#include "msg.h"

#define FAMILY	30

/* An empty message of a command. */
struct nl_msg *start_msg(uint8_t cmd);

struct nl_msg *info_msg(void);
struct nl_msg *job_msg(void);
struct nl_msg *event_msg(void);
struct nl_msg *caps_msg(void);
struct nl_msg *operate_msg(void);
struct nl_msg *confirm_msg(void);
/* One range that a verify found, in sectors. */
struct nl_msg *diff_msg(uint32_t job, uint64_t sector, uint64_t sectors);

/* An error with a sentence and an offset, as with and without NETLINK_CAP_ACK. */
struct nl_msg *ack_msg(int error, bool capped);

#endif /* _UNIT_MESSAGES_H */
