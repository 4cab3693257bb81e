// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <linux/jiffies.h>

#include "drain.h"

/* Most clients send within a millisecond of connect(): those still get their route. */
#define KM_DRAIN_GRACE msecs_to_jiffies(100)

static bool km_on = true;
static unsigned long km_drain_until; /* the earliest end of a phase that began before */

bool km_accepting(void)
{
	return READ_ONCE(km_on);
}

/*
 * Whoever is not yet in the list when it is walked enters it afterwards, and then sees that nothing is accepted
 * any more: the list's lock orders the two.
 */
void km_accept(bool on)
{
	WRITE_ONCE(km_drain_until, jiffies + KM_DRAIN_GRACE);
	WRITE_ONCE(km_on, on);
	if (!on)
		km_work_all_in(KM_DRAIN_GRACE);
}

unsigned long km_due(const struct km_held *held)
{
	unsigned long soon = READ_ONCE(km_drain_until);

	if (km_accepting())
		return held->deadline;
	if (time_before(soon, held->soonest))
		soon = held->soonest;
	return time_before(held->deadline, soon) ? held->deadline : soon;
}

void km_begin(struct km_held *held, enum km_phase phase, unsigned int ms)
{
	held->phase = phase;
	held->deadline = jiffies + msecs_to_jiffies(ms);
	held->soonest = jiffies + KM_DRAIN_GRACE;
	km_work_in(held, km_due(held) - jiffies);
}
