/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hooks of the data plane. Each is thin: it turns its context into a struct
 * km_connection, lets lib/ decide, and writes the answer back.
 */
#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

#include "account.h"
#include "connect.h"
#include "connection.h"
#include "follow.h"
#include "kmesh/layout.h"
#include "kmesh_config.h"
#include "l7.h"
#include "maps.h"
#include "publish.h"
#include "reason.h"
#include "settings.h"

SEC("cgroup/connect4")
int km_connect4(struct bpf_sock_addr *ctx)
{
	struct km_connection conn = {};
	enum km_reason reason;

	if (ctx->protocol != IPPROTO_TCP)
		return km_verdict(KM_REASON_NOT_TCP);
	/* The kernel itself refuses another family, after this hook. */
	if (ctx->user_family != KM_AF_INET)
		return km_verdict(KM_REASON_NO_LISTENER);

	km_connection_from4(&conn, ctx);
	reason = km_connect(&conn, ctx);
	if (km_is_steered(reason))
		km_write4(ctx, conn.to.addr, conn.to.port);
	return km_verdict(reason);
}

SEC("cgroup/connect6")
int km_connect6(struct bpf_sock_addr *ctx)
{
	struct km_connection conn = {};
	enum km_reason reason;

	if (ctx->protocol != IPPROTO_TCP)
		return km_verdict(KM_REASON_NOT_TCP);
	if (ctx->user_family != KM_AF_INET6)
		return km_verdict(KM_REASON_NO_LISTENER);

	km_connection_from6(&conn, ctx);
	reason = km_connect(&conn, ctx);
	if (km_is_steered(reason))
		km_write6(ctx, conn.to.addr, conn.to.port);
	return km_verdict(reason);
}

#if MDA_LOOPBACK_ADDR
/*
 * Tells user space the cookie of a network namespace where SO_NETNS_COOKIE does not
 * (before 5.14): the daemon enters the namespace and connects a datagram socket, which
 * sends nothing. Attached for that moment alone.
 */
SEC("cgroup/connect4")
int km_learn(struct bpf_sock_addr *ctx)
{
	__u64 sock, netns;

	if (km_settings.manage != KM_MANAGE_LISTED || ctx->protocol != IPPROTO_UDP || !km_is_own())
		return KM_ALLOW;
	sock = bpf_get_socket_cookie(ctx);
	netns = bpf_get_netns_cookie(ctx);
	bpf_map_update_elem(&km_learned, &sock, &netns, BPF_ANY);
	return KM_ALLOW;
}
#endif

/* A client sees the service that it asked for, not the endpoint behind it. */
SEC("cgroup/getpeername4")
int km_getpeername4(struct bpf_sock_addr *ctx)
{
	struct km_sock *sock = bpf_sk_storage_get(&km_sock, ctx->sk, 0, 0);

	if (sock)
		km_write4(ctx, sock->orig_addr, sock->orig_port);
	return KM_ALLOW;
}

SEC("cgroup/getpeername6")
int km_getpeername6(struct bpf_sock_addr *ctx)
{
	struct km_sock *sock = bpf_sk_storage_get(&km_sock, ctx->sk, 0, 0);

	if (sock)
		km_write6(ctx, sock->orig_addr, sock->orig_port);
	return KM_ALLOW;
}

SEC("sockops")
int km_sockops(struct bpf_sock_ops *ctx)
{
	km_follow(ctx);
	return KM_ALLOW;
}

/*
 * A connect() that fails before its SYN (no route, no free port, refused by
 * another program) never comes to sockops: its place is given back here.
 */
SEC("cgroup/sock_release")
int km_sock_release(struct bpf_sock *ctx)
{
	struct km_sock *sock = bpf_sk_storage_get(&km_sock, ctx, 0, 0);

	if (sock && sock->count == KM_SOCK_RESERVED)
		km_sock_give_back(sock);
	return KM_ALLOW;
}

/*
 * kmesh.ko shows the request of a socket here that it is about to connect, and
 * withdraws it afterwards: request.h.
 */
SEC("raw_tp/kmesh_request")
int km_request_publish(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 cookie = ctx->args[0];
	const struct km_request *request = (const void *)ctx->args[1];

	if (!km_settings.requests)
		return 0;
	if (!request)
		km_withdraw(cookie);
	else if (!km_publish(cookie, request))
		km_l7_count(KM_L7_NOT_PUBLISHED);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
