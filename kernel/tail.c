// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Kbuild: -foptimize-sibling-calls. No locals whose address is taken, or there is no jump. */
#include <net/tcp.h>

#include "ending.h"
#include "inflight.h"
#include "send.h"
#include "tail.h"

int km_sendmsg(struct sock *sk, struct msghdr *msg, size_t size)
{
	int sent = km_send(sk, msg, size);

	if (sent != KM_GO_ON)
		return sent;
	return tcp_sendmsg(sk, msg, size);
}

#ifdef KM_HAVE_SENDPAGE
/* Never NULL, as inet_sendpage() reads the pointer twice. Goes through sendmsg with the page's bytes. */
int km_sendpage(struct sock *sk, struct page *page, int offset, size_t size, int flags)
{
	return sock_no_sendpage(sk->sk_socket, page, offset, size, flags);
}
#endif

void km_close(struct sock *sk, long timeout)
{
	if (km_end(sk))
		tcp_close(sk, timeout);
}

unsigned long km_tail(unsigned long (*function)(void))
{
	km_enter();
	km_leave();
	return function();
}
