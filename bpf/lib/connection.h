/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_LIB_CONNECTION_H
#define KMESH_LIB_CONNECTION_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "kmesh/layout.h"

/* From sys/socket.h, which is not for BPF. */
#define KM_AF_INET 2
#define KM_AF_INET6 10

/* Third word of a v4-mapped address. */
#define KM_MAPPED bpf_htonl(0xffff)

/* One connect(): what was asked for, and what it becomes. */
struct km_connection {
	__u32 address[4]; /* network order, IPv4 as v4-mapped */
	__u16 port;       /* host order */
	__u8 family;      /* KM_FAMILY_* of the address */
	__u8 v6_socket;   /* can reach endpoints of both families */
	__u32 cluster_id;
	struct km_cluster_state *cluster_state; /* of cluster_id; NULL: no cluster was asked */
	struct km_endpoint to;
};

static __always_inline int km_is_mapped(const __u32 address[4])
{
	return !address[0] && !address[1] && address[2] == KM_MAPPED;
}

static __always_inline void km_connection_from4(struct km_connection *conn, const struct bpf_sock_addr *ctx)
{
	conn->address[2] = KM_MAPPED;
	conn->address[3] = ctx->user_ip4;
	conn->port = bpf_ntohs(ctx->user_port);
	conn->family = KM_FAMILY_V4;
}

static __always_inline void km_connection_from6(struct km_connection *conn, const struct bpf_sock_addr *ctx)
{
	conn->address[0] = ctx->user_ip6[0];
	conn->address[1] = ctx->user_ip6[1];
	conn->address[2] = ctx->user_ip6[2];
	conn->address[3] = ctx->user_ip6[3];
	conn->port = bpf_ntohs(ctx->user_port);
	conn->family = km_is_mapped(conn->address) ? KM_FAMILY_V4 : KM_FAMILY_V6;
	conn->v6_socket = 1;
}

/* Writes an address in the form of layout.h over the one in ctx. */
static __always_inline void km_write4(struct bpf_sock_addr *ctx, const __u8 addr[16], __u16 port)
{
	__u32 word;

	__builtin_memcpy(&word, addr + 12, sizeof(word));
	ctx->user_ip4 = word;
	ctx->user_port = bpf_htons(port);
}

static __always_inline void km_write6(struct bpf_sock_addr *ctx, const __u8 addr[16], __u16 port)
{
	__u32 word[4];

	__builtin_memcpy(word, addr, sizeof(word));
	ctx->user_ip6[0] = word[0];
	ctx->user_ip6[1] = word[1];
	ctx->user_ip6[2] = word[2];
	ctx->user_ip6[3] = word[3];
	ctx->user_port = bpf_htons(port);
}

#endif /* KMESH_LIB_CONNECTION_H */
