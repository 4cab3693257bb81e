/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_LIB_ENDPOINT_H
#define KMESH_LIB_ENDPOINT_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "account.h"
#include "draw.h"
#include "kmesh/layout.h"
#include "maps.h"

/* The alias table of a cluster for one family. */
struct km_table {
	__u32 cluster_id;
	__u32 family;
	__u32 n;
};

/* The endpoint that a draw falls on; 0 when the table has a hole there. */
static __always_inline int km_endpoint_at(const struct km_table *table, struct km_draw draw, struct km_endpoint *endpoint)
{
	struct km_slot_key key = {
		.cluster_id = table->cluster_id,
		.index = draw.index | table->family << KM_SLOT_FAMILY_SHIFT,
	};
	struct km_slot *record = bpf_map_lookup_elem(&km_slot, &key);
	struct km_slot slot;

	if (!record)
		return 0;
	km_copy_record(&slot, record);
	*endpoint = km_takes_primary(draw.coin, slot.threshold) ? slot.primary : slot.alias;
	return 1;
}

static __always_inline __s64 km_endpoint_active(__u32 endpoint_id)
{
	struct km_endpoint_state *state = bpf_map_lookup_elem(&km_endpoint_state, &endpoint_id);

	return state ? km_active(&state->active) : 0;
}

/* Least request: the less busy of two random ones, as Envoy chooses with two choices. */
static __always_inline int km_endpoint_least(const struct km_table *table, struct km_endpoint *endpoint)
{
	struct km_endpoint other;

	if (!km_endpoint_at(table, km_draw_random(table->n), endpoint))
		return 0;
	if (!km_endpoint_at(table, km_draw_random(table->n), &other))
		return 0;
	if (km_endpoint_active(other.endpoint_id) < km_endpoint_active(endpoint->endpoint_id))
		*endpoint = other;
	return 1;
}

/*
 * Chooses by the cluster's policy. A client has no address yet when it connects; its
 * network namespace stands for it.
 */
static __always_inline int km_endpoint_choose(const struct km_table *table, __u8 policy, __u64 *cursor,
					      struct bpf_sock_addr *ctx, struct km_endpoint *endpoint)
{
	if (policy == KM_LB_SOURCE_HASH)
		return km_endpoint_at(table, km_draw_hashed(bpf_get_netns_cookie(ctx), table->n), endpoint);
	if (policy == KM_LB_LEAST_REQUEST)
		return km_endpoint_least(table, endpoint);
	if (policy == KM_LB_ROUND_ROBIN)
		return km_endpoint_at(table, km_draw_in_turn(cursor, table->n), endpoint);
	return km_endpoint_at(table, km_draw_random(table->n), endpoint);
}

static __always_inline void km_endpoint_take(__u32 endpoint_id)
{
	struct km_endpoint_state *state = bpf_map_lookup_elem(&km_endpoint_state, &endpoint_id);

	if (!state)
		return;
	__sync_fetch_and_add(&state->active, 1);
	__sync_fetch_and_add(&state->steered, 1);
}

#endif /* KMESH_LIB_ENDPOINT_H */
