/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What connections of a cluster carried, and why those of a listener were not
 * simply steered. Nothing of it is on the way of a connection that is.
 */
#ifndef KMESH_LIB_TRAFFIC_H
#define KMESH_LIB_TRAFFIC_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "kmesh/layout.h"
#include "maps.h"

/* Called when a connection that was established has ended. */
static __always_inline void km_traffic_add(__u32 cluster_id, const struct bpf_sock_ops *ctx)
{
	struct km_traffic none = {};
	struct km_traffic *traffic = km_entry_of(&km_traffic, &cluster_id, &none);

	if (!traffic)
		return;
	__sync_fetch_and_add(&traffic->sent, ctx->bytes_acked);
	__sync_fetch_and_add(&traffic->received, ctx->bytes_received);
}

static __always_inline void km_outcome_count(__u32 listener_id, enum km_reason reason)
{
	struct km_outcome_key key = { .listener_id = listener_id, .reason = reason };
	__u64 none = 0;
	__u64 *count;

	if (reason == KM_REASON_STEERED)
		return;
	count = km_entry_of(&km_outcome, &key, &none);
	if (count)
		__sync_fetch_and_add(count, 1);
}

#endif /* KMESH_LIB_TRAFFIC_H */
