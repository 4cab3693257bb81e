/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_LIB_CLUSTER_H
#define KMESH_LIB_CLUSTER_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "account.h"
#include "connection.h"
#include "draw.h"
#include "endpoint.h"
#include "kmesh/layout.h"
#include "maps.h"
#include "reason.h"

/* Draws the cluster of a split. */
static __always_inline int km_split_draw(const struct km_listener *listener, __u32 *cluster_id)
{
	struct km_draw draw = km_draw_random(listener->n);
	struct km_split_key key = { .split_id = listener->target, .index = draw.index };
	struct km_split *record = bpf_map_lookup_elem(&km_split, &key);
	struct km_split split;

	if (!record)
		return 0;
	km_copy_record(&split, record);
	*cluster_id = km_takes_primary(draw.coin, split.threshold) ? split.cluster_id : split.alias_cluster_id;
	return 1;
}

/*
 * The table that a socket can use: endpoints of the family that it asked for, else
 * the other one. An IPv4 socket has no other; an IPv6 socket reaches IPv4
 * endpoints in v4-mapped form.
 */
static __always_inline enum km_reason km_table_of(const struct km_connection *conn, const struct km_cluster *cluster,
						  struct km_table *table)
{
	__u32 v4 = cluster->slots[KM_FAMILY_V4];
	__u32 v6 = cluster->slots[KM_FAMILY_V6];

	if (!v4 && !v6)
		return km_refuse_with(cluster->reason);
	if (!v4 && !conn->v6_socket)
		return KM_REASON_FAMILY_MISMATCH;
	table->family = !v4 || (v6 && conn->family == KM_FAMILY_V6) ? KM_FAMILY_V6 : KM_FAMILY_V4;
	table->n = table->family == KM_FAMILY_V6 ? v6 : v4;
	return KM_REASON_UNSPEC;
}

/* Chooses an endpoint and takes one of the cluster's connections for it. */
static __always_inline enum km_reason km_cluster_balance(struct km_connection *conn, struct bpf_sock_addr *ctx,
							  const struct km_cluster *cluster)
{
	struct km_cluster_state *state = conn->cluster_state;
	struct km_table table = { .cluster_id = conn->cluster_id };
	enum km_reason reason = km_table_of(conn, cluster, &table);

	if (reason != KM_REASON_UNSPEC)
		return reason;
	if (!km_cluster_take(state, cluster->max_connections))
		return KM_REASON_MAX_CONNECTIONS;
	if (!km_endpoint_choose(&table, cluster->lb, &state->cursor, ctx, &conn->to)) {
		km_cluster_give_back(state);
		return KM_REASON_ERR_SLOT;
	}
	return cluster->panic ? KM_REASON_STEERED_PANIC : KM_REASON_STEERED;
}

/* What the cluster conn->cluster_id makes of a connection; conn->to is set when it is steered. */
static __always_inline enum km_reason km_cluster_decide(struct km_connection *conn, struct bpf_sock_addr *ctx)
{
	struct km_cluster *record;
	struct km_cluster cluster;

	if (conn->cluster_id == KM_CLUSTER_UNKNOWN)
		return KM_REASON_CLUSTER_UNKNOWN;
	record = bpf_map_lookup_elem(&km_cluster, &conn->cluster_id);
	conn->cluster_state = bpf_map_lookup_elem(&km_cluster_state, &conn->cluster_id);
	if (!record || !conn->cluster_state)
		return KM_REASON_ERR_TARGET;
	km_copy_record(&cluster, record);

	if (cluster.kind == KM_CLUSTER_ENDPOINTS)
		return km_cluster_balance(conn, ctx, &cluster);
	if (cluster.kind == KM_CLUSTER_PASS)
		return km_pass_with(cluster.reason);
	if (cluster.kind == KM_CLUSTER_REFUSE)
		return km_refuse_with(cluster.reason);
	return KM_REASON_ERR_TARGET;
}

static __always_inline void km_cluster_count(struct km_cluster_state *state, enum km_reason reason)
{
	if (!state)
		return;
	if (km_is_steered(reason))
		__sync_fetch_and_add(&state->steered, 1);
	else if (km_is_refused(reason))
		__sync_fetch_and_add(&state->refused, 1);
}

#endif /* KMESH_LIB_CLUSTER_H */
