// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <linux/delay.h>
#include <linux/rcupdate.h>
#include <linux/rcupdate_wait.h>

#include "inflight.h"

DEFINE_PER_CPU(long, km_inflight);

/* Nobody can enter any more, so the sum only falls, and 0 means that all who entered have left. */
static long km_inflight_sum(void)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu(km_inflight, cpu);
	return sum;
}

/*
 * synchronize_rcu_tasks() waits until every task has been in user mode, idle, or asleep of its own
 * will. The first one is for those who have read our address and not yet called; they are counted
 * after it, or through. The second is for the last instructions after km_leave().
 */
void km_inflight_drain(void)
{
	synchronize_rcu_tasks();
	while (km_inflight_sum())
		msleep(1);
	synchronize_rcu_tasks();
}
