/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_LIB_L7_H
#define KMESH_LIB_L7_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "kmesh/layout.h"
#include "maps.h"

static __always_inline void km_l7_count(enum km_l7_event event)
{
	__u32 index = event;
	__u64 *count = bpf_map_lookup_elem(&km_l7, &index);

	if (count)
		__sync_fetch_and_add(count, 1);
}

#endif /* KMESH_LIB_L7_H */
