// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <net/tcp.h>

#include "appearance.h"
#include "compat/socket.h"
#include "connecting.h"
#include "counters.h"
#include "decide.h"
#include "ending.h"
#include "inflight.h"

/* Sockets whose clients are gone, at most; net.ipv4.tcp_max_orphans is the like of it for connections that stand. */
#define KM_ABANDONED_MAX 4096

static atomic_t km_abandoned = ATOMIC_INIT(0);

void km_abandoned_done(void)
{
	atomic_dec(&km_abandoned);
}

/* Back to before the connect(). */
static void km_forget(struct km_held *held)
{
	struct sock *sk = held->sk;

	if (held->phase == KM_DEFERRED) {
		km_set_defer_connect(sk, false);
		WRITE_ONCE(sk->sk_state, TCP_CLOSE);
	}
	km_let_go(held);
}

/*
 * The client has closed, and bytes that it has sent are queued behind the SYN. tcp_close() would drop them, as a
 * connection in TCP_SYN_SENT ends without a word (RFC 9293 section 3.10.4); to the client it had been established. So the
 * close() is carried out later: till then the socket is one that belongs to no file, as a connection that has not been
 * accepted (sk_clone_lock).
 */
static bool km_adopt(struct km_held *held)
{
	struct sock *sk = held->sk;

	if (atomic_inc_return(&km_abandoned) > KM_ABANDONED_MAX) {
		atomic_dec(&km_abandoned);
		return false;
	}
	held->abandoned = true;
	km_step_aside(sk, held->family);
	write_lock_bh(&sk->sk_callback_lock);
	sk_set_socket(sk, NULL);
	RCU_INIT_POINTER(sk->sk_wq, NULL);
	write_unlock_bh(&sk->sk_callback_lock);
	return true;
}

static bool km_end_held(struct km_held *held)
{
	struct sock *sk = held->sk;
	bool abort = sock_flag(sk, SOCK_LINGER) && !sk->sk_lingertime;

	if (held->phase == KM_DEFERRED && held->collect.held && !abort) {
		if (!km_decide(held, KM_HEAD_CUT) || km_proceed(held, held->collect.held, true) <= 0)
			return true;
	}
	if (held->phase == KM_CONNECTING && (held->kick || held->fin_owed) && !abort && km_adopt(held))
		return false;
	if (held->phase == KM_DEFERRED)
		km_count(KM_COUNT_CLOSED);
	km_forget(held);
	return true;
}

bool km_end(struct sock *sk)
{
	struct km_held *held;
	bool close = true;

	km_enter();
	lock_sock(sk);
	held = km_held_of(sk);
	if (held)
		close = km_end_held(held);
	else if (km_is_own(sk))
		km_disarm(sk, km_own_family(sk));
	release_sock(sk);
	km_leave();
	return close;
}

int km_disconnect(struct sock *sk, int flags)
{
	const struct km_family *family = km_own_family(sk);
	struct km_held *held = km_held_of(sk);
	int err;

	km_enter();
	/* TCP knows a socket in TCP_SYN_SENT with the defer bit. It may refuse, while a thread waits on the socket (5.10). */
	err = family->tcp->disconnect(sk, flags);
	if (held && !err && held->phase != KM_DECIDING)
		km_let_go(held);
	else if (!held)
		km_disarm(sk, family);
	km_leave();
	return err;
}

/*
 * To the client the connection stands, so its side may end; TCP in TCP_SYN_SENT would disconnect instead (inet_shutdown).
 * False: not held any more, TCP's shutdown is the right one.
 */
static bool km_shut(struct sock *sk, int sides)
{
	struct km_held *held = km_held_of(sk);

	if (!held)
		return false;
	if (held->phase == KM_DEFERRED && sides & SEND_SHUTDOWN) {
		if (!km_decide(held, KM_HEAD_CUT) || km_proceed(held, held->collect.held, true) <= 0)
			return false;
	}
	if (sides & SEND_SHUTDOWN)
		held->fin_owed = true;
	WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | sides);
	sk->sk_state_change(sk);
	return true;
}

int km_shutdown(struct socket *sock, int how)
{
	struct sock *sk = sock->sk;
	int sides = how + 1; /* SHUT_RD, SHUT_WR, SHUT_RDWR as bits */
	bool done;
	int err = 0;

	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	km_enter();
	lock_sock(sk);
	done = km_shut(sk, sides);
	release_sock(sk);
	if (!done)
		err = km_plain_ops(sk)->shutdown(sock, how);
	km_leave();
	return err;
}
