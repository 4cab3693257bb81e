// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <linux/uio.h>
#include <net/tcp.h>

#include "connecting.h"
#include "counters.h"
#include "decide.h"
#include "inflight.h"
#include "send.h"

/* Urgent bytes, and those whose pages the kernel must report as sent, are TCP's own matter. */
static bool km_may_be_held(const struct sock *sk, const struct msghdr *msg)
{
	return !(msg->msg_flags & MSG_OOB) && !(msg->msg_flags & MSG_ZEROCOPY && sock_flag(sk, SOCK_ZEROCOPY));
}

/*
 * The head is whole, or is none. Nothing of this message is taken, TCP does that once the connection stands: so no
 * byte of it is accepted that a close() right after would lose. Only behind held bytes it is queued with them, under
 * the same lock, so that no other thread's bytes get between the two.
 */
static int km_send_decided(struct km_held *held, struct msghdr *msg, size_t size, int verdict)
{
	u32 bytes = held->collect.held;
	bool whole = bytes && held->collect.peeked == size && km_may_be_held(held->sk, msg);

	if (verdict == KM_HEAD_COMPLETE && bytes)
		km_count(KM_COUNT_SPLIT);
	if (whole)
		bytes += size;
	if (!km_decide(held, verdict) || km_proceed(held, bytes, false) < 0 || !whole)
		return KM_GO_ON;
	iov_iter_advance(&msg->msg_iter, size);
	return size;
}

static int km_send_deferred(struct km_held *held, struct msghdr *msg, size_t size)
{
	struct km_collect *collect = &held->collect;
	int verdict;

	if (!size)
		return 0;
	verdict = km_collect_peek(collect, msg, size);
	if (verdict == -EFAULT)
		return verdict;
	if (!verdict && km_may_be_held(held->sk, msg)) {
		u32 taken = collect->peeked;

		iov_iter_advance(&msg->msg_iter, taken);
		km_collect_keep(collect);
		return taken;
	}
	return km_send_decided(held, msg, size, verdict ?: KM_HEAD_TOO_LATE);
}

static int km_send_locked(struct sock *sk, struct msghdr *msg, size_t size)
{
	struct km_held *held = km_held_of(sk);

	if (!held) {
		if (km_is_own(sk))
			km_disarm(sk, km_own_family(sk));
		return KM_GO_ON;
	}
	/* At once, as on a connection that stands; TCP would first wait for it. */
	if (sk->sk_shutdown & SEND_SHUTDOWN)
		return sk_stream_error(sk, msg->msg_flags, -EPIPE);
	return held->phase == KM_DEFERRED ? km_send_deferred(held, msg, size) : KM_GO_ON;
}

int km_send(struct sock *sk, struct msghdr *msg, size_t size)
{
	int sent;

	km_enter();
	lock_sock(sk);
	sent = km_send_locked(sk, msg, size);
	release_sock(sk);
	km_leave();
	return sent;
}
