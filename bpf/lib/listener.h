/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_LIB_LISTENER_H
#define KMESH_LIB_LISTENER_H

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "connection.h"
#include "kmesh/layout.h"
#include "maps.h"
#include "reason.h"

/* Port and family, then the whole address. */
#define KM_PREFIX_BITS ((sizeof(struct km_prefix_key) - sizeof(__u32)) * 8)

/* 127.0.0.0/8 and ::1. */
static __always_inline int km_is_loopback(const struct km_connection *conn)
{
	const __u32 *address = conn->address;

	if (conn->family == KM_FAMILY_V4)
		return (bpf_ntohl(address[3]) >> 24) == 127;
	return !address[0] && !address[1] && !address[2] && address[3] == bpf_htonl(1);
}

/*
 * The listener of an address: the exact one, else that of the longest prefix.
 * Wildcards and ranges do not hold loopback addresses: what a process says to its
 * own host or pod is no business of the mesh, as with Istio's redirect rules.
 */
static __always_inline int km_listener_find(const struct km_connection *conn, struct km_listener *found)
{
	struct km_listener_key exact = { .port = conn->port };
	struct km_prefix_key prefix = {
		.prefixlen = KM_PREFIX_BITS,
		.port = bpf_htons(conn->port),
		.family = conn->family,
	};
	struct km_listener_entry *entry;
	struct km_listener *wide;

	__builtin_memcpy(exact.addr, conn->address, sizeof(exact.addr));
	entry = bpf_map_lookup_elem(&km_listener, &exact);
	if (entry) {
		km_copy_record(found, entry);
		return 1;
	}
	if (km_is_loopback(conn))
		return 0;

	__builtin_memcpy(prefix.addr, conn->address, sizeof(prefix.addr));
	wide = bpf_map_lookup_elem(&km_prefix, &prefix);
	if (!wide)
		return 0;
	*found = *wide;
	return 1;
}

static __always_inline void km_listener_count(__u32 listener_id, enum km_reason reason)
{
	struct km_listener_state *state = bpf_map_lookup_elem(&km_listener_state, &listener_id);

	if (!state)
		return;
	if (km_is_steered(reason))
		__sync_fetch_and_add(&state->steered, 1);
	else if (km_is_refused(reason))
		__sync_fetch_and_add(&state->refused, 1);
	else
		__sync_fetch_and_add(&state->passed, 1);
}

#endif /* KMESH_LIB_LISTENER_H */
