/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_LIB_TAKEOVER_H
#define KMESH_LIB_TAKEOVER_H

#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

#include "kmesh/request.h"

/* From linux/tcp.h, whose struct tcphdr needs an endianness that clang does not tell for bpf. */
#define KM_TCP_CONGESTION 13

/* A name like KM_TAKEOVER_NAME that stands for nothing. */
#define KM_NO_NAME "kmesh:none"

/*
 * Asks kmesh.ko to hold a connect() back. The module listens at the entry of
 * tcp_set_congestion_control() for KM_TAKEOVER_NAME, and makes that function answer
 * -EPERM for a socket that it took (kernel/takeover.c). A kernel without the module
 * knows no congestion control of that name: -ENOENT.
 *
 * -EPERM is also what a socket answers to any name when the route of an earlier
 * connect() locked its congestion control (icsk_ca_dst_locked): hence the other name first.
 */
static __always_inline int km_take_over(struct bpf_sock_addr *ctx)
{
	char none[] = KM_NO_NAME;
	char name[] = KM_TAKEOVER_NAME;

	if (bpf_setsockopt(ctx, IPPROTO_TCP, KM_TCP_CONGESTION, none, sizeof(none)) != -ENOENT)
		return 0;
	return bpf_setsockopt(ctx, IPPROTO_TCP, KM_TCP_CONGESTION, name, sizeof(name)) == -EPERM;
}

#endif /* KMESH_LIB_TAKEOVER_H */
