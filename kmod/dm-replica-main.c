// SPDX-License-Identifier: GPL-2.0-only
/*
 * Order of init and its reverse, nothing else.
 */
#include <linux/module.h>

#include "dm-replica-io.h"
#include "dm-replica-target.h"

struct workqueue_struct *replica_release_wq;

static int __init replica_init(void)
{
	int r;

	replica_release_wq = alloc_workqueue("dm-replica-release", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!replica_release_wq)
		return -ENOMEM;

	r = replica_leg_init();
	if (r)
		goto err_wq;

	r = replica_netlink_init();
	if (r)
		goto err_leg;

	r = dm_register_target(&replica_target_type);
	if (r)
		goto err_netlink;

	DMINFO("version %s loaded", REPLICA_VERSION_STRING);
	return 0;

err_netlink:
	replica_netlink_exit();
err_leg:
	replica_leg_exit();
err_wq:
	destroy_workqueue(replica_release_wq);
	return r;
}

static void __exit replica_exit(void)
{
	dm_unregister_target(&replica_target_type);
	/* Waits for the last association to be freed. */
	destroy_workqueue(replica_release_wq);
	replica_netlink_exit();
	replica_leg_exit();
}

module_init(replica_init);
module_exit(replica_exit);

MODULE_DESCRIPTION(DM_NAME " target that replicates a block device");
MODULE_AUTHOR("dm-replica maintainers");
MODULE_LICENSE("GPL");
MODULE_VERSION(REPLICA_VERSION_STRING);
