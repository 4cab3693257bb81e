// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <linux/in6.h>
#include <net/tcp.h>

#include "appearance.h"
#include "held.h"
#include "inflight.h"

/* The address that the client has connected to. TCP says ENOTCONN in TCP_SYN_SENT (inet_getname). */
static int km_peer_of(const struct km_held *held, struct sockaddr *address)
{
	int len = held->family->number == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

	memcpy(address, &held->address, len);
	if (held->family->number == AF_INET)
		memset(((struct sockaddr_in *)address)->sin_zero, 0, sizeof(((struct sockaddr_in *)address)->sin_zero));
	return len;
}

int km_getname(struct socket *sock, struct sockaddr *address, int peer)
{
	struct sock *sk = sock->sk;
	struct km_held *held;
	int len = 0;

	km_enter();
	if (peer) {
		lock_sock(sk);
		held = km_held_of(sk);
		if (held)
			len = km_peer_of(held, address);
		release_sock(sk);
	}
	if (!len)
		len = km_plain_ops(sk)->getname(sock, address, peer);
	km_leave();
	return len;
}

/*
 * While the socket is really connected (decide.c) it is in TCP_CLOSE for an instant, and poll() looks without the lock.
 * A connection that has failed has sk_shutdown set before these operations are gone.
 */
__poll_t km_poll(struct file *file, struct socket *sock, struct poll_table_struct *wait)
{
	__poll_t events;

	km_enter();
	events = km_plain_ops(sock->sk)->poll(file, sock, wait);
	if (READ_ONCE(sock->sk->sk_shutdown) != SHUTDOWN_MASK)
		events &= ~EPOLLHUP;
	km_leave();
	return events;
}
