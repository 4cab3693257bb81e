/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_LIB_PUBLISH_H
#define KMESH_LIB_PUBLISH_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "kmesh/layout.h"
#include "l7.h"
#include "maps.h"

/* kmesh.ko shows a request with preemption disabled: nobody else uses this CPU's scratch meanwhile. */
static __always_inline int km_publish(__u64 cookie, const struct km_request *request)
{
	__u32 zero = 0;
	struct km_published *scratch = bpf_map_lookup_elem(&km_scratch, &zero);

	if (!scratch)
		return 0;
	if (bpf_probe_read_kernel(&scratch->request, sizeof(scratch->request), request))
		return 0;
	/* The daemon attaches to no module of another contract; one may have taken its place since. */
	if (scratch->request.abi != KM_REQUEST_ABI)
		return 0;
	return !bpf_map_update_elem(&km_request, &cookie, scratch, BPF_ANY);
}

static __always_inline void km_withdraw(__u64 cookie)
{
	bpf_map_delete_elem(&km_request, &cookie);
}

#endif /* KMESH_LIB_PUBLISH_H */
