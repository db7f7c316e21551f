/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Generic netlink as it differs from kernel to kernel.  The sources are written
 * for the newest one.
 */
#ifndef DM_REPLICA_COMPAT_NETLINK_H
#define DM_REPLICA_COMPAT_NETLINK_H

#include <linux/version.h>
#include <net/genetlink.h>

/* 6.2 gave pre_doit and post_doit the new struct of one operation. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define genl_split_ops genl_ops
#endif

/* The attributes of a dump request; 6.7 put them into a struct genl_info. */
static inline struct nlattr **replica_dump_attrs(struct netlink_callback *cb)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	return genl_dumpit_info(cb)->attrs;
#else
	return genl_info_dump(cb)->attrs;
#endif
}

#endif /* DM_REPLICA_COMPAT_NETLINK_H */
