/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP over IPv4 and over IPv6: what their sockets have, and what they have while
 * this module holds them. The copies live as long as the module.
 */
#ifndef KMESH_FAMILY_H
#define KMESH_FAMILY_H

#include <linux/net.h>
#include <net/sock.h>

struct km_family {
	int number; /* AF_INET, AF_INET6 */
	int address_len;
	struct proto *tcp;           /* tcp_prot, tcpv6_prot */
	const struct proto_ops *ops; /* inet_stream_ops, inet6_stream_ops */
	struct proto own_tcp;
	struct proto_ops own_ops;
};

int km_families_init(void);

/* Of a socket that has TCP's own operations; else NULL: MPTCP, kTLS, sockmap, or taken over already. */
const struct km_family *km_family_of(const struct sock *sk);

/* The socket's own operations, whether or not it has ours now. */
const struct proto_ops *km_plain_ops(const struct sock *sk);

/* Of a socket that has ours. */
static inline const struct km_family *km_own_family(const struct sock *sk)
{
	return container_of(READ_ONCE(sk->sk_prot), struct km_family, own_tcp);
}

#endif /* KMESH_FAMILY_H */
