// SPDX-License-Identifier: GPL-2.0
/* The smallest module: shows that a build from outside fits the kernel. */
#include <linux/module.h>

static int __init hello_init(void)
{
	pr_info("hello\n");
	return 0;
}

static void __exit hello_exit(void)
{
}

module_init(hello_init);
module_exit(hello_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Test of the VM harness");
