/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_LIB_REQUEST_H
#define KMESH_LIB_REQUEST_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "kmesh/layout.h"
#include "l7.h"
#include "maps.h"
#include "reason.h"
#include "route.h"
#include "settings.h"
#include "takeover.h"

/* Puts the target that the walk ended at in the place of the listener's. */
static __always_inline int km_request_target(__u64 cookie, struct km_listener *listener)
{
	struct km_published *published = bpf_map_lookup_elem(&km_request, &cookie);

	if (!published)
		return 0;
	listener->target = published->walk.target;
	listener->n = published->walk.target_n;
	listener->kind = published->walk.target_kind;
	listener->reason = published->walk.target_reason;
	return 1;
}

/*
 * What a connect() to an address with a route table waits for. The first time the
 * module is asked to hold it back; it connects again when it knows the request,
 * and shows it meanwhile. Returns KM_REASON_UNSPEC when the listener's target is
 * to be followed, which is then the route's, or the default decision.
 */
static __always_inline enum km_reason km_request_decide(struct bpf_sock_addr *ctx, struct km_listener *listener)
{
	__u64 cookie;
	long event;

	if (!km_settings.requests || !listener->routes)
		return KM_REASON_UNSPEC;
	cookie = bpf_get_socket_cookie(ctx);
	if (!bpf_map_lookup_elem(&km_request, &cookie))
		return km_take_over(ctx) ? KM_REASON_DEFERRED : KM_REASON_UNSPEC;

	event = km_route(cookie, listener->routes);
	if (event < 0)
		return KM_REASON_ERR_ROUTE;
	if (event == KM_L7_ROUTED && !km_request_target(cookie, listener))
		return KM_REASON_ERR_ROUTE;
	km_l7_count(event);
	return KM_REASON_UNSPEC;
}

#endif /* KMESH_LIB_REQUEST_H */
