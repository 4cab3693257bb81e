// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Somebody else's module, which happens to have the name of ours. */
#include <linux/init.h>
#include <linux/module.h>

static int __init foreign_init(void)
{
	return 0;
}

static void __exit foreign_exit(void)
{
}

module_init(foreign_init);
module_exit(foreign_exit);
MODULE_LICENSE("Dual BSD/GPL");
MODULE_DESCRIPTION("Has the name of another module");
