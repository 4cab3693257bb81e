/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pods are told apart by the cookie of their network namespace: it is never used
 * again, unlike an inode number, and a socket keeps the namespace that it was made
 * in, whoever uses it.
 */
#ifndef KMESH_LIB_POD_H
#define KMESH_LIB_POD_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "kmesh/layout.h"
#include "kmesh_config.h"
#include "maps.h"
#include "reason.h"
#include "settings.h"

/*
 * Whether the connections of a socket's namespace are looked at. *pod is where they
 * are counted, NULL where all are.
 */
static __always_inline int km_is_managed(struct bpf_sock_addr *ctx, struct km_pod **pod)
{
	*pod = 0;
	if (km_settings.manage == KM_MANAGE_ALL)
		return 1;
#if MDA_LOOPBACK_ADDR
	if (km_settings.manage == KM_MANAGE_LISTED) {
		/* Of sock_addr programs since 5.7 (kernel commit f318903c0bf4). */
		__u64 cookie = bpf_get_netns_cookie(ctx);

		*pod = bpf_map_lookup_elem(&km_pod, &cookie);
	}
#else
	(void)ctx;
#endif
	return *pod != 0;
}

static __always_inline void km_pod_count(struct km_pod *pod, enum km_reason reason)
{
	if (!pod)
		return;
	if (km_is_steered(reason))
		__sync_fetch_and_add(&pod->steered, 1);
	else if (km_is_refused(reason))
		__sync_fetch_and_add(&pod->refused, 1);
	else if (reason != KM_REASON_DEFERRED)
		__sync_fetch_and_add(&pod->passed, 1);
}

#endif /* KMESH_LIB_POD_H */
