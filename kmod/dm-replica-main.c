// SPDX-License-Identifier: GPL-2.0-only
/*
 * Order of init and its reverse, nothing else.
 */
#include <linux/module.h>

#include "dm-replica-io.h"
#include "dm-replica-target.h"

struct workqueue_struct *replica_release_wq;
struct workqueue_struct *replica_aux_wq;
struct workqueue_struct *replica_send_wq;

static void destroy_queues(void)
{
	/* The first one waits for the last association to be freed. */
	if (replica_release_wq)
		destroy_workqueue(replica_release_wq);
	if (replica_send_wq)
		destroy_workqueue(replica_send_wq);
	if (replica_aux_wq)
		destroy_workqueue(replica_aux_wq);
}

static int __init create_queues(void)
{
	replica_aux_wq = alloc_workqueue("dm-replica-aux", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	replica_send_wq = alloc_workqueue("dm-replica-send", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	replica_release_wq = alloc_workqueue("dm-replica-release", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (replica_aux_wq && replica_send_wq && replica_release_wq)
		return 0;
	destroy_queues();
	return -ENOMEM;
}

static int __init replica_init(void)
{
	int r;

	r = create_queues();
	if (r)
		return r;

	r = replica_request_init();
	if (r)
		goto err_queues;

	r = replica_netlink_init();
	if (r)
		goto err_request;

	r = dm_register_target(&replica_target_type);
	if (r)
		goto err_netlink;

	DMINFO("version %s loaded", REPLICA_VERSION_STRING);
	return 0;

err_netlink:
	replica_netlink_exit();
err_request:
	replica_request_exit();
err_queues:
	destroy_queues();
	return r;
}

static void __exit replica_exit(void)
{
	dm_unregister_target(&replica_target_type);
	destroy_queues();
	replica_netlink_exit();
	replica_request_exit();
}

module_init(replica_init);
module_exit(replica_exit);

MODULE_DESCRIPTION(DM_NAME " target that replicates a block device");
MODULE_AUTHOR("dm-replica maintainers");
MODULE_LICENSE("GPL");
MODULE_VERSION(REPLICA_VERSION_STRING);
