/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Active connections of clusters and endpoints: taken by the connect hooks,
 * given back by sockops or by the release of the socket. Everything here runs
 * under the socket's lock or on its last reference, so that a socket's own
 * storage needs no atomics.
 */
#ifndef KMESH_LIB_ACCOUNT_H
#define KMESH_LIB_ACCOUNT_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "kmesh/layout.h"
#include "maps.h"

static __always_inline __s64 km_active(const __s64 *active)
{
	return *(const volatile __s64 *)active;
}

/*
 * Takes one of a cluster's connections, if the limit has room.
 *
 * Add first, then look: of several connects for the last places the one that adds
 * last sees all of them, so the limit is never exceeded. It may see too many, as
 * there is no atomic add that returns a value before 5.12: in such a race a place
 * can stay free until the next connect.
 */
static __always_inline int km_cluster_take(struct km_cluster_state *state, __u32 limit)
{
	if (limit != KM_NO_LIMIT && km_active(&state->active) >= limit)
		return 0;
	__sync_fetch_and_add(&state->active, 1);
	if (limit == KM_NO_LIMIT || km_active(&state->active) <= limit)
		return 1;
	__sync_fetch_and_add(&state->active, -1);
	return 0;
}

static __always_inline void km_cluster_give_back(struct km_cluster_state *state)
{
	__sync_fetch_and_add(&state->active, -1);
}

/*
 * Takes a socket out of the active counts, once. Entries that are gone belong to
 * clusters and endpoints that were removed meanwhile.
 */
static __always_inline void km_sock_give_back(struct km_sock *sock)
{
	struct km_cluster_state *cluster;
	struct km_endpoint_state *endpoint;
	__u32 cluster_id = sock->cluster_id;
	__u32 endpoint_id = sock->endpoint_id;

	if (sock->count == KM_SOCK_NOT_COUNTED)
		return;
	sock->count = KM_SOCK_NOT_COUNTED;

	cluster = bpf_map_lookup_elem(&km_cluster_state, &cluster_id);
	if (cluster)
		km_cluster_give_back(cluster);
	endpoint = bpf_map_lookup_elem(&km_endpoint_state, &endpoint_id);
	if (!endpoint)
		return;
	__sync_fetch_and_add(&endpoint->active, -1);
	if (!sock->established)
		__sync_fetch_and_add(&endpoint->failed, 1);
}

#endif /* KMESH_LIB_ACCOUNT_H */
