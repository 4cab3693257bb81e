// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * kmesh.ko holds connections back until their first request's head is known, so that eBPF programs can route by it.
 * docs/l7.md tells the whole story.
 */
#include <linux/module.h>

#include "counters.h"
#include "family.h"
#include "held.h"
#include "inflight.h"
#include "publish.h"
#include "selftest/selftest.h"
#include "takeover.h"

static int __init km_selftests(void)
{
	if (!km_selftest_parser()) {
		pr_err("kmesh: self-test of the request parser failed\n");
		return -EINVAL;
	}
	if (!km_selftest_tail()) {
		pr_err("kmesh: self-test of tail calls failed: the compiler made calls of jumps\n");
		return -EINVAL;
	}
	return 0;
}

/* The takeover comes last: with it the first socket may come. */
static int __init km_init(void)
{
	int err = km_selftests();

	if (err)
		return err;
	km_publish_init();
	err = km_families_init();
	if (err)
		return err;
	err = km_held_init();
	if (err)
		return err;
	err = km_counters_init();
	if (err)
		goto err_counters;
	err = km_takeover_init();
	if (err)
		goto err_takeover;
	return 0;

err_takeover:
	km_counters_exit();
err_counters:
	km_held_exit();
	return err;
}

/* No socket is armed or held: each has a reference of the module. What may still run is on its way out. */
static void __exit km_exit(void)
{
	km_takeover_exit();
	km_counters_exit();
	km_held_exit();
	km_inflight_drain();
	km_publish_exit();
}

module_init(km_init);
module_exit(km_exit);

MODULE_AUTHOR("The Kmesh authors");
MODULE_DESCRIPTION("Holds TCP connections back until eBPF programs can route them by their HTTP/1 request");
MODULE_LICENSE("Dual BSD/GPL");
MODULE_VERSION(KMESH_VERSION);
