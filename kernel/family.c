// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <net/ipv6.h>
#include <net/net_namespace.h>

#include "appearance.h"
#include "defer.h"
#include "ending.h"
#include "family.h"
#include "send.h"
#include "tail.h"

static struct km_family km_ipv4 = { .number = AF_INET, .address_len = sizeof(struct sockaddr_in) };
/* RFC 2133 has no scope, and tcp_v6_connect() takes that too. */
static struct km_family km_ipv6 = { .number = AF_INET6, .address_len = SIN6_LEN_RFC2133 };

const struct km_family *km_family_of(const struct sock *sk)
{
	const struct km_family *family = sk->sk_family == AF_INET6 ? &km_ipv6 : &km_ipv4;

	if (!family->tcp || sk->sk_prot != family->tcp || sk->sk_socket->ops != family->ops)
		return NULL;
	return family;
}

const struct proto_ops *km_plain_ops(const struct sock *sk)
{
	return sk->sk_family == AF_INET6 ? km_ipv6.ops : km_ipv4.ops;
}

static void km_family_fill(struct km_family *family)
{
	family->own_tcp = *family->tcp;
	family->own_tcp.pre_connect = km_pre_connect;
	family->own_tcp.connect = km_connect;
	family->own_tcp.sendmsg = km_sendmsg;
#ifdef KM_HAVE_SENDPAGE
	family->own_tcp.sendpage = km_sendpage;
#endif
	family->own_tcp.disconnect = km_disconnect;
	family->own_tcp.close = km_close;
	family->own_tcp.hash = km_listen;

	family->own_ops = *family->ops;
	family->own_ops.getname = km_getname;
	family->own_ops.poll = km_poll;
	family->own_ops.shutdown = km_shutdown;
}

/* Asks a socket, because inet6_stream_ops is not exported everywhere, and IPv6 may be a module or switched off. */
static int km_family_init(struct km_family *family)
{
	struct socket *sock;
	int err;

	err = sock_create_kern(&init_net, family->number, SOCK_STREAM, IPPROTO_TCP, &sock);
	if (err)
		return err;
	family->ops = READ_ONCE(sock->ops);
	family->tcp = READ_ONCE(sock->sk->sk_prot);
	sock_release(sock);
	km_family_fill(family);
	return 0;
}

int km_families_init(void)
{
	int err;

	err = km_family_init(&km_ipv4);
	if (err) {
		pr_err("kmesh: no TCP socket over IPv4 (error %d)\n", -err);
		return err;
	}
	if (km_family_init(&km_ipv6))
		pr_info("kmesh: no IPv6 here: its connections are not held back\n");
	return 0;
}
