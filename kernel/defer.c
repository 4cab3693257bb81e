// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <net/tcp.h>

#include "counters.h"
#include "defer.h"
#include "drain.h"
#include "held.h"
#include "inflight.h"
#include "parameters.h"
#include "publish.h"
#include "record.h"

/* An earlier connect() armed the socket, and another program then denied it: the hooks of this one decide anew. */
int km_pre_connect(struct sock *sk, km_sockaddr *address, int address_len)
{
	const struct km_family *family = km_own_family(sk);
	int err;

	km_enter();
	if (!km_is_deciding(sk))
		km_disarm(sk, family);
	err = family->tcp->pre_connect(sk, address, address_len);
	km_leave();
	return err;
}

/* The same before listen(): children of a listener inherit its operations. */
int km_listen(struct sock *sk)
{
	const struct km_family *family = km_own_family(sk);
	int err;

	km_enter();
	km_disarm(sk, family);
	err = family->tcp->hash(sk);
	km_leave();
	return err;
}

/*
 * Goes on with a connect() that cannot be held back. Its first run of the hooks left the address as it was, so they
 * run again, with the request; the caller, __inet_stream_connect(), notices nothing.
 */
static int km_connect_at_once(struct sock *sk, const struct km_family *family, km_sockaddr *address, int address_len,
			      const struct km_request *request)
{
	int err;

	WRITE_ONCE(sk->sk_prot, family->tcp);
	km_publish(sk, request);
	err = family->tcp->pre_connect(sk, address, address_len);
	if (!err)
		err = family->tcp->connect(sk, address, address_len);
	km_withdraw(sk);
	km_disarm(sk, family); /* not earlier: with the mark the socket is not taken over again */
	return err;
}

/* sendto(MSG_FASTOPEN): the first bytes come with the connect(), and what is in them decides. */
static int km_connect_with_data(struct sock *sk, const struct km_family *family, km_sockaddr *address, int address_len)
{
	struct tcp_fastopen_request *fast = tcp_sk(sk)->fastopen_req;
	struct km_collect collect = { .limit = READ_ONCE(km_head_max) };
	const struct km_request *request;
	int verdict = fast->size ? km_collect_peek(&collect, fast->data, fast->size) : 0;
	int err;

	/* What is not whole cannot be waited for, and bytes that cannot be read are TCP's to complain of. */
	if (!verdict || verdict == -EFAULT)
		verdict = KM_HEAD_TOO_LATE;
	request = km_request_make(&collect, verdict);
	err = km_connect_at_once(sk, family, address, address_len, request);
	km_request_free(request);
	km_collect_free(&collect);
	return err;
}

/*
 * connect() succeeds, and nothing is sent. TCP_SYN_SENT with the defer bit is how the core knows it: connect(),
 * poll() and getsockopt() treat such a socket well. The state is written past tcp_set_state(): nobody watching the
 * states of connections is to see one that does not exist yet.
 */
static int km_defer(struct sock *sk, const struct km_family *family, const void *address, int address_len)
{
	struct km_held *held = km_hold(sk, family, address, address_len);

	if (!held)
		return -ENOMEM;
	held->collect.limit = READ_ONCE(km_head_max);
	/* As tcp_connect_init() does, for a socket that was connected before. */
	sk->sk_err = 0;
	sock_reset_flag(sk, SOCK_DONE);
	km_set_defer_connect(sk, true);
	WRITE_ONCE(sk->sk_state, TCP_SYN_SENT);
	WRITE_ONCE(sk->sk_socket->ops, &family->own_ops);
	km_count(KM_COUNT_TAKEOVERS);
	km_begin(held, KM_DEFERRED, READ_ONCE(km_fallback_ms));
	sk->sk_state_change(sk); /* who polls already learns that the socket is writable */
	return 0;
}

int km_connect(struct sock *sk, km_sockaddr *address, int address_len)
{
	const struct km_family *family = km_own_family(sk);
	int err;

	km_enter();
	inet_csk(sk)->icsk_ca_dst_locked = 0;
	if (km_is_deciding(sk)) {
		err = family->tcp->connect(sk, address, address_len);
	} else if (address_len < family->address_len || address->sa_family != family->number) {
		km_disarm(sk, family);
		err = family->tcp->connect(sk, address, address_len); /* knows the right error */
	} else if (tcp_sk(sk)->fastopen_req) {
		err = km_connect_with_data(sk, family, address, address_len);
	} else {
		err = km_defer(sk, family, address, address_len);
		if (err)
			err = km_connect_at_once(sk, family, address, address_len,
						 km_request_make(NULL, -ENOMEM));
	}
	km_leave();
	return err;
}
