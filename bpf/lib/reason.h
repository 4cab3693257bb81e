/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_LIB_REASON_H
#define KMESH_LIB_REASON_H

#include <linux/errno.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "kmesh/layout.h"
#include "kmesh_config.h"
#include "maps.h"

/* Verdicts of a cgroup program. */
#define KM_ALLOW 1
#define KM_DENY 0

/* The tens of a reason tell the outcome: 1 to 9 steered, 20 to 39 refused, all others go on unchanged. */
static __always_inline int km_is_steered(enum km_reason reason)
{
	return reason > KM_REASON_UNSPEC && reason < KM_REASON_NO_LISTENER;
}

static __always_inline int km_is_passed(enum km_reason reason)
{
	return reason >= KM_REASON_NO_LISTENER && reason < KM_REASON_NO_ENDPOINTS;
}

static __always_inline int km_is_refused(enum km_reason reason)
{
	return reason >= KM_REASON_NO_ENDPOINTS && reason < KM_REASON_ERR_SPLIT;
}

/* A reason that user space wrote, held to the outcome that it wrote it for. */
static __always_inline enum km_reason km_pass_with(__u8 reason)
{
	return km_is_passed(reason) ? reason : KM_REASON_ERR_TARGET;
}

static __always_inline enum km_reason km_refuse_with(__u8 reason)
{
	return km_is_refused(reason) ? reason : KM_REASON_ERR_TARGET;
}

#if KM_HAVE_SET_RETVAL
/*
 * Declared here because libbpf before 0.8 does not know it. 187 is its number in
 * include/uapi/linux/bpf.h, and KM_HAVE_SET_RETVAL says that the kernel has it.
 */
static long (*km_set_retval)(int retval) = (void *)187;
#endif

/* Counts a reason and turns it into the verdict of a connect hook. */
static __always_inline int km_verdict(enum km_reason reason)
{
	__u32 index = reason;
	__u64 *count = bpf_map_lookup_elem(&km_reason, &index);

	/* Per CPU, but atomic all the same: the hooks can be preempted on kernels built for it. */
	if (count)
		__sync_fetch_and_add(count, 1);
	if (!km_is_refused(reason))
		return KM_ALLOW;
#if KM_HAVE_SET_RETVAL
	km_set_retval(-ECONNREFUSED);
#endif
	return KM_DENY;
}

#endif /* KMESH_LIB_REASON_H */
