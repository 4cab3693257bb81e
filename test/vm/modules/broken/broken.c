// SPDX-License-Identifier: GPL-2.0
/* Everything that the console scan is to find, done on purpose at insertion. */
#include <linux/compiler.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

static DEFINE_SPINLOCK(broken_spinlock);
static DEFINE_MUTEX(broken_mutex);

static noinline int use_after_free(void)
{
	volatile int *object = kmalloc(64, GFP_KERNEL);

	if (!object)
		return 0;
	*object = 1;
	kfree((void *)object);
	return *object;
}

static noinline void sleep_under_spinlock(void)
{
	spin_lock(&broken_spinlock);
	mutex_lock(&broken_mutex);
	mutex_unlock(&broken_mutex);
	spin_unlock(&broken_spinlock);
}

static noinline void lose_memory(void)
{
	char *object = kmalloc(200, GFP_KERNEL);

	if (!object)
		return;
	/* The report shows the first bytes, and by then the names of this module's functions are gone. */
	strcpy(object, "lost on purpose");
	OPTIMIZER_HIDE_VAR(object);
}

static int __init broken_init(void)
{
	WARN(1, "a warning on purpose");
	sleep_under_spinlock();
	lose_memory();
	pr_info("read %d\n", use_after_free());
	return 0;
}

static void __exit broken_exit(void)
{
}

module_init(broken_init);
module_exit(broken_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Deliberately broken, for the test of the console scan");
