/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connects in a row that failed, for each endpoint: what outlier detection in
 * user space goes by.
 */
#ifndef KMESH_LIB_FAILURES_H
#define KMESH_LIB_FAILURES_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "kmesh/layout.h"
#include "maps.h"

static __always_inline void km_failures_add(__u32 endpoint_id)
{
	struct km_failures none = {};
	struct km_failures *failures = km_entry_of(&km_failures, &endpoint_id, &none);
	__u32 in_row;

	if (!failures)
		return;
	__sync_fetch_and_add(&failures->in_row, 1);
	/* Two CPUs may take away one of each other: one less, in a row that goes on. */
	in_row = failures->in_row;
	if (in_row > failures->most)
		failures->most = in_row;
}

static __always_inline void km_failures_end(__u32 endpoint_id)
{
	struct km_failures *failures = bpf_map_lookup_elem(&km_failures, &endpoint_id);

	if (failures)
		failures->in_row = 0;
}

/*
 * Whether a socket that is closed before it was established met a failure, or its
 * owner just gave up: something came back, or a SYN went unanswered for so long
 * that it was sent again. An error by ICMP comes without a segment, but, where
 * the neighbour does not answer, after the first SYN was sent again.
 */
static __always_inline int km_is_failure(const struct bpf_sock_ops *ctx)
{
	return ctx->segs_in || ctx->total_retrans;
}

#endif /* KMESH_LIB_FAILURES_H */
