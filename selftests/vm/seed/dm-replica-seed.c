// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One deliberate mistake for each detector of the virtual machine, made while
 * loading: modprobe dm-replica-seed mistake=NAME. Only for selftests/vm/selftest.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static char *mistake = "";
module_param(mistake, charp, 0);
MODULE_PARM_DESC(mistake, "which mistake to make");

static DEFINE_SPINLOCK(first);
static DEFINE_SPINLOCK(second);

static void seed_warn(void)
{
	WARN_ON(1);
}

static void seed_oops(void)
{
	int *nowhere = NULL;

	OPTIMIZER_HIDE_VAR(nowhere);
	WRITE_ONCE(*nowhere, 1);
}

static int hang(void *unused)
{
	set_current_state(TASK_UNINTERRUPTIBLE);
	schedule();
	return 0;
}

static void seed_hang(void)
{
	kthread_run(hang, NULL, "seed-hang");
}

static void seed_lockup(void)
{
	preempt_disable();
	for (;;)
		cpu_relax();
}

static void seed_atomic(void)
{
	spin_lock(&first);
	msleep(20);
	spin_unlock(&first);
}

static void seed_list(void)
{
	struct list_head head, one;

	INIT_LIST_HEAD(&head);
	list_add(&one, &head);
	list_add(&one, &head);
}

static void seed_leak(void)
{
	void *lost = kmalloc(123, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(lost);
}

static void seed_lock(void)
{
	spin_lock(&first);
	spin_lock(&second);
	spin_unlock(&second);
	spin_unlock(&first);
	spin_lock(&second);
	spin_lock(&first);
	spin_unlock(&first);
	spin_unlock(&second);
}

static void seed_uaf(void)
{
	char *gone = kmalloc(64, GFP_KERNEL);

	kfree(gone);
	OPTIMIZER_HIDE_VAR(gone);
	pr_info("read %d from freed memory\n", READ_ONCE(gone[8]));
}

static void seed_shift(void)
{
	int by = 40;

	OPTIMIZER_HIDE_VAR(by);
	pr_info("shifted to %d\n", 1 << by);
}

static const struct {
	const char *name;
	void (*make)(void);
} mistakes[] = {
	{ "warn", seed_warn },
	{ "oops", seed_oops },
	{ "hang", seed_hang },
	{ "lockup", seed_lockup },
	{ "atomic", seed_atomic },
	{ "list", seed_list },
	{ "leak", seed_leak },
	{ "lock", seed_lock },
	{ "uaf", seed_uaf },
	{ "shift", seed_shift },
};

static int __init seed_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mistakes); i++) {
		if (!strcmp(mistake, mistakes[i].name)) {
			mistakes[i].make();
			return 0;
		}
	}
	pr_err("no mistake '%s'\n", mistake);
	return -EINVAL;
}

static void __exit seed_exit(void)
{
}

module_init(seed_init);
module_exit(seed_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Seeded mistakes that prove the detectors of the selftests");
