// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <net/tcp.h>

#include "behind.h"
#include "connecting.h"
#include "counters.h"
#include "decide.h"
#include "drain.h"

/* Long enough for the SYNs after one and three seconds. The next phase of a socket that is watched no longer is plain TCP. */
#define KM_CONNECT_MS 3500

/* Called with the socket locked, mostly in softirq. */
static void km_state_changed(struct sock *sk)
{
	struct km_held *held = km_held_of(sk);
	void (*own)(struct sock *) = held->state_change;

	if (sk->sk_state != TCP_SYN_SENT)
		km_work_in(held, 0);
	own(sk);
}

/* Until the connection stands: close(), shutdown() and getpeername() come to us, and the change of its state. */
static void km_watch(struct km_held *held)
{
	struct sock *sk = held->sk;

	WRITE_ONCE(sk->sk_prot, (struct proto *)&held->family->own_tcp);
	write_lock_bh(&sk->sk_callback_lock);
	held->state_change = sk->sk_state_change;
	sk->sk_state_change = km_state_changed;
	write_unlock_bh(&sk->sk_callback_lock);
	km_begin(held, KM_CONNECTING, KM_CONNECT_MS);
}

int km_proceed(struct km_held *held, u32 bytes, bool watch)
{
	struct sock *sk = held->sk;
	int err;

	if (bytes) {
		err = km_queue_behind(sk, held->collect.text, bytes);
		if (err) {
			/* Some of what the client has handed over would be missing. */
			held->family->tcp->disconnect(sk, 0);
			km_fail(held, err);
			return err;
		}
	}
	km_collect_free(&held->collect);
	if (sk->sk_state != TCP_SYN_SENT || !(bytes || watch)) {
		km_let_go(held);
		return false;
	}
	held->kick = bytes;
	km_watch(held);
	return true;
}

/* Nobody answers. A client that is still there has a plain connecting socket from now on. */
static enum km_settled km_give_up(struct km_held *held)
{
	struct sock *sk = held->sk;

	if (held->abandoned) {
		km_count(KM_COUNT_UNFINISHED);
		km_let_go(held);
		return KM_SETTLED_CLOSE;
	}
	if (held->fin_owed) {
		km_count(KM_COUNT_UNFINISHED);
		held->family->tcp->disconnect(sk, 0);
		km_fail(held, -ETIMEDOUT);
		return KM_SETTLED_NOTHING;
	}
	km_let_go(held);
	return KM_SETTLED_NOTHING;
}

enum km_settled km_settle(struct km_held *held)
{
	struct sock *sk = held->sk;
	bool fin_owed = held->fin_owed;

	if (sk->sk_state == TCP_SYN_SENT || sk->sk_state == TCP_SYN_RECV) {
		long left = km_due(held) - jiffies;

		if (left <= 0)
			return km_give_up(held);
		km_work_in(held, left);
		return KM_SETTLED_NOTHING;
	}
	km_let_go(held);
	if (held->abandoned)
		return KM_SETTLED_CLOSE;
	if (fin_owed)
		held->family->tcp->shutdown(sk, SEND_SHUTDOWN);
	/*
	 * A SYN-ACK does not push what is queued while a writer waits or acknowledgements are delayed
	 * (tcp_rcv_synsent_state_process). The client's own cork says to wait, and stays.
	 */
	if (held->kick && !(tcp_sk(sk)->nonagle & TCP_NAGLE_CORK))
		return KM_SETTLED_KICK;
	return KM_SETTLED_NOTHING;
}
