/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_LIB_CONNECT_H
#define KMESH_LIB_CONNECT_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "account.h"
#include "cluster.h"
#include "connection.h"
#include "endpoint.h"
#include "kmesh/layout.h"
#include "listener.h"
#include "maps.h"
#include "pod.h"
#include "reason.h"
#include "request.h"
#include "settings.h"
#include "traffic.h"

static __always_inline int km_is_own(void)
{
	return km_settings.own_gid && bpf_get_current_uid_gid() >> 32 == km_settings.own_gid;
}

/* Where the target of a listener sends a connection. */
static __always_inline enum km_reason km_target_decide(struct km_connection *conn, struct bpf_sock_addr *ctx,
							const struct km_listener *listener)
{
	if (listener->kind == KM_TARGET_PASS)
		return km_pass_with(listener->reason);
	if (listener->kind == KM_TARGET_REFUSE)
		return km_refuse_with(listener->reason);
	if (listener->kind == KM_TARGET_SPLIT) {
		if (!km_split_draw(listener, &conn->cluster_id))
			return KM_REASON_ERR_SPLIT;
	} else if (listener->kind == KM_TARGET_CLUSTER) {
		conn->cluster_id = listener->target;
	} else {
		return KM_REASON_ERR_TARGET;
	}
	return km_cluster_decide(conn, ctx);
}

/* Keeps what getpeername() and the accounts need to know of a steered socket. */
static __always_inline enum km_reason km_sock_remember(const struct km_connection *conn, struct bpf_sock *sk,
						       enum km_reason reason)
{
	struct km_sock *sock = bpf_sk_storage_get(&km_sock, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!sock) {
		if (conn->cluster_state)
			km_cluster_give_back(conn->cluster_state);
		return KM_REASON_ERR_STORAGE;
	}
	__builtin_memcpy(sock->orig_addr, conn->address, sizeof(sock->orig_addr));
	sock->orig_port = conn->port;
	sock->count = KM_SOCK_RESERVED;
	sock->established = 0;
	sock->cluster_id = conn->cluster_id;
	sock->endpoint_id = conn->to.endpoint_id;
	km_endpoint_take(conn->to.endpoint_id);
	return reason;
}

static __always_inline enum km_reason km_decide_managed(struct km_connection *conn, struct bpf_sock_addr *ctx)
{
	struct km_listener listener;
	enum km_reason reason;

	if (km_is_own())
		return KM_REASON_OWN_CONNECTION;
	if (!km_listener_find(conn, &listener))
		return KM_REASON_NO_LISTENER;
	reason = km_request_decide(ctx, &listener);
	if (reason == KM_REASON_DEFERRED)
		return reason;
	if (reason == KM_REASON_UNSPEC)
		reason = km_target_decide(conn, ctx, &listener);
	if (km_is_steered(reason))
		reason = km_sock_remember(conn, ctx->sk, reason);
	km_listener_count(listener.listener_id, reason);
	km_outcome_count(listener.listener_id, reason);
	km_cluster_count(conn->cluster_state, reason);
	return reason;
}

static __always_inline enum km_reason km_decide(struct km_connection *conn, struct bpf_sock_addr *ctx)
{
	enum km_reason reason;
	struct km_pod *pod;

	if (!km_is_managed(ctx, &pod))
		return KM_REASON_NOT_MANAGED;
	reason = km_decide_managed(conn, ctx);
	km_pod_count(pod, reason);
	return reason;
}

/*
 * Decides one TCP connect(). A socket may come here again, after a failure or a
 * connect() to AF_UNSPEC: what it was before is settled first, and forgotten
 * unless it is steered again.
 */
static __always_inline enum km_reason km_connect(struct km_connection *conn, struct bpf_sock_addr *ctx)
{
	struct km_sock *before = bpf_sk_storage_get(&km_sock, ctx->sk, 0, 0);
	enum km_reason reason;

	if (before)
		km_sock_give_back(before);
	reason = km_decide(conn, ctx);
	if (before && !km_is_steered(reason))
		bpf_sk_storage_delete(&km_sock, ctx->sk);
	return reason;
}

#endif /* KMESH_LIB_CONNECT_H */
