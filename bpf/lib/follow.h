/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_LIB_FOLLOW_H
#define KMESH_LIB_FOLLOW_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "account.h"
#include "failures.h"
#include "kmesh/layout.h"
#include "maps.h"
#include "traffic.h"

/*
 * Follows a steered socket from its SYN to its end. ctx->reply stays as it is: it
 * may be the answer of another program on the same cgroup.
 */
static __always_inline void km_follow(struct bpf_sock_ops *ctx)
{
	__u32 op = ctx->op;
	struct bpf_sock *sk;
	struct km_sock *sock;

	if (op != BPF_SOCK_OPS_TCP_CONNECT_CB && op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB && op != BPF_SOCK_OPS_STATE_CB)
		return;
	sk = ctx->sk;
	if (!sk)
		return;
	sock = bpf_sk_storage_get(&km_sock, sk, 0, 0);
	if (!sock || sock->count == KM_SOCK_NOT_COUNTED)
		return;

	if (op == BPF_SOCK_OPS_TCP_CONNECT_CB) {
		/* Added to the flags that other programs asked for. */
		if (!bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG))
			sock->count = KM_SOCK_COUNTED;
	} else if (op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB) {
		sock->established = 1;
		km_failures_end(sock->endpoint_id);
	} else if (ctx->args[1] == BPF_TCP_CLOSE) {
		if (sock->established)
			km_traffic_add(sock->cluster_id, ctx);
		else if (km_is_failure(ctx))
			km_failures_add(sock->endpoint_id);
		km_sock_give_back(sock);
	}
}

#endif /* KMESH_LIB_FOLLOW_H */
