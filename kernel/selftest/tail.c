// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <linux/compiler.h>
#include <linux/init.h>

#include "../tail.h"
#include "selftest.h"

/* No caller's code is longer: it is one call, two additions and a jump. */
#define KM_TAIL_BYTES 512

static noinline unsigned long km_return_address(void)
{
	return (unsigned long)__builtin_return_address(0);
}

/* After a jump the return address is that of whoever called the function that jumps, and that is far away, in .init.text. */
bool __init km_selftest_tail(void)
{
	unsigned long back = km_tail(km_return_address);
	unsigned long begin = (unsigned long)km_tail;

	return back < begin || back >= begin + KM_TAIL_BYTES;
}
