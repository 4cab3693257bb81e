/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_LIB_ROUTE_H
#define KMESH_LIB_ROUTE_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "kmesh/layout.h"
#include "maps.h"
#include "settings.h"
#include "walk.h"

/* Bits of a struct km_wild_key before its text. */
#define KM_WILD_HEAD_BITS ((sizeof(struct km_wild_key) - sizeof(__u32) - KM_HOST_MAX) * 8)

static __always_inline __u32 km_vhost_exact(struct km_walk *walk, __u32 routes, const char *host)
{
	struct km_domain *record;
	struct km_domain domain;

	walk->domain.routes = routes;
	__builtin_memcpy(walk->domain.name, host, KM_HOST_MAX);
	record = bpf_map_lookup_elem(&km_domain, &walk->domain);
	if (!record)
		return 0;
	km_copy_record(&domain, record);
	return domain.vhost;
}

static __always_inline __u32 km_vhost_wild(struct km_walk *walk, __u32 routes, enum km_wild_kind kind, const char *text,
					   __u32 len)
{
	struct km_wild *wild;

	/* "*" stands for one character at least. */
	walk->wild.prefixlen = KM_WILD_HEAD_BITS + (len - 1) * 8;
	walk->wild.routes = routes;
	walk->wild.kind = kind;
	__builtin_memcpy(walk->wild.text, text, KM_HOST_MAX);
	wild = bpf_map_lookup_elem(&km_wild, &walk->wild);
	return wild ? wild->vhost : 0;
}

/*
 * The virtual host of a request; 0: none. The order is that of Envoy's
 * RouteMatcher::findVirtualHost (source/common/router/config_impl.cc).
 */
static __always_inline __u32 km_vhost_find(struct km_published *published, __u32 routes, const struct km_routes *table)
{
	const struct km_request *request = &published->request;
	const char *host = table->ignore_port ? request->bare : request->host;
	const char *reversed = table->ignore_port ? request->bare_reversed : request->host_reversed;
	__u32 len = table->ignore_port ? request->bare_len : request->host_len;
	__u32 vhost;

	if (len < 1 || len > KM_HOST_MAX)
		return table->any;
	vhost = km_vhost_exact(&published->walk, routes, host);
	if (!vhost)
		vhost = km_vhost_wild(&published->walk, routes, KM_WILD_SUFFIX, reversed, len);
	if (!vhost)
		vhost = km_vhost_wild(&published->walk, routes, KM_WILD_PREFIX, host, len);
	return vhost ? vhost : table->any;
}

static __always_inline long km_walk_begin(struct km_walk *walk, __u32 vhost_id)
{
	struct km_vhost *record = bpf_map_lookup_elem(&km_vhost, &vhost_id);
	struct km_vhost vhost;

	if (!record)
		return KM_WALK_HOLE;
	km_copy_record(&vhost, record);
	walk->program = vhost.program;
	walk->index = 0;
	walk->cursor = 0;
	walk->text.off = 0;
	walk->text.len = 0;
	return KM_WALK_ON;
}

/*
 * Routes the published request of a socket by a route table.
 *
 * Returns an enum km_l7_event or KM_WALK_HOLE; with KM_L7_ROUTED the walk holds
 * the target. A global function like km_walk_step(), so that the two connect
 * hooks do not make the verifier go through it with all that they know.
 */
__noinline long km_route(__u64 cookie, __u32 routes)
{
	struct km_published *published;
	struct km_routes *record;
	struct km_routes table;
	__u32 vhost;

	if (!km_settings.requests)
		return KM_WALK_HOLE;
	published = bpf_map_lookup_elem(&km_request, &cookie);
	record = bpf_map_lookup_elem(&km_routes, &routes);
	if (!published || !record)
		return KM_WALK_HOLE;
	if (published->request.verdict != KM_HEAD_COMPLETE)
		return KM_L7_NOT_COMPLETE;
	if (!published->request.host_len)
		return KM_L7_NO_HOST;
	km_copy_record(&table, record);
	vhost = km_vhost_find(published, routes, &table);
	if (!vhost)
		return KM_L7_NO_VIRTUAL_HOST;
	if (km_walk_begin(&published->walk, vhost) == KM_WALK_HOLE)
		return KM_WALK_HOLE;
	return km_walk(cookie);
}

#endif /* KMESH_LIB_ROUTE_H */
