// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <linux/tcp.h>
#include <net/tcp.h>

#include "connecting.h"
#include "decide.h"
#include "drain.h"
#include "ending.h"
#include "work.h"

/* The client has been silent for too long, or the module is to go: the address's default decision. */
static void km_fall_back(struct km_held *held)
{
	u32 bytes = held->collect.held;
	long left = km_due(held) - jiffies;
	int verdict = bytes ? KM_HEAD_TOO_LATE : KM_HEAD_SILENT;

	if (left > 0) {
		km_work_in(held, left);
		return;
	}
	if (!km_accepting())
		verdict = KM_HEAD_DRAINED;
	if (km_decide(held, verdict))
		km_proceed(held, bytes, true);
}

void km_work(struct km_held *held)
{
	enum km_settled settled = KM_SETTLED_NOTHING;
	struct sock *sk = held->sk;

	lock_sock(sk);
	if (held->phase == KM_DEFERRED)
		km_fall_back(held);
	else if (held->phase == KM_CONNECTING)
		settled = km_settle(held);
	release_sock(sk);
	if (settled == KM_SETTLED_CLOSE) {
		held->family->tcp->close(sk, 0);
		km_abandoned_done();
	} else if (settled == KM_SETTLED_KICK) {
		tcp_sock_set_cork(sk, false); /* there is none: pushes, and changes nothing */
	}
}
