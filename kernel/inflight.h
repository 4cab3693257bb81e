/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tasks that are inside of this module by way of a socket's operations. A task may have read
 * such an operation's address long before it calls it, so the count alone does not tell that
 * the code can go: km_inflight_drain() does.
 */
#ifndef KMESH_INFLIGHT_H
#define KMESH_INFLIGHT_H

#include <linux/percpu.h>

DECLARE_PER_CPU(long, km_inflight);

static inline void km_enter(void)
{
	this_cpu_inc(km_inflight);
}

static inline void km_leave(void)
{
	this_cpu_dec(km_inflight);
}

/* Once no socket has our operations any more: waits until no task runs them. */
void km_inflight_drain(void);

#endif /* KMESH_INFLIGHT_H */
