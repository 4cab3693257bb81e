/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Helpers of kernels with Kmesh's own patches (ENHANCED_KERNEL), called by the ids
 * that the agent read from that kernel's linux/bpf.h.
 *
 * No such kernel was at hand: this is compiled by a test and has never run. So it
 * is behind a setting of its own, and a kernel that refuses it gets the programs
 * without.
 *
 * Of the patches' helpers only bpf_strnstr works on any text. parse_header_msg,
 * get_msg_header_element, km_header_strncmp and km_header_strnstr ask functions that
 * another module has to bring, know headers by the spelling of the client alone,
 * and cannot give a Host to look up; the record of kmesh.ko can.
 */
#ifndef KMESH_LIB_VENDOR_H
#define KMESH_LIB_VENDOR_H

#include <linux/types.h>

#include "kmesh/layout.h"
#include "kmesh_config.h"
#include "settings.h"

#if ENHANCED_KERNEL
#include "kmesh_helper_ids.h"
#endif

#ifdef KM_HELPER_ID_strnstr
/* void *bpf_strnstr(void *s1, void *s2, u32 size): where s2, which ends in NUL, stands in the first size bytes of s1. */
static void *(*km_strnstr)(const void *text, const void *part, __u32 size) = (void *)KM_HELPER_ID_strnstr;

/* Data of full length has no NUL behind it; the helper knows nothing of case. */
static __always_inline int km_vendor_searches(const struct km_step *step)
{
	return km_settings.vendor && step->len < KM_STEP_DATA && !(step->flags & KM_STEP_IGNORE_CASE);
}

static __always_inline int km_vendor_contains(const void *text, __u32 len, const struct km_step *step)
{
	return km_strnstr(text, step->data, len) != 0;
}
#else
static __always_inline int km_vendor_searches(const struct km_step *step)
{
	(void)step;
	return 0;
}

static __always_inline int km_vendor_contains(const void *text, __u32 len, const struct km_step *step)
{
	(void)text, (void)len, (void)step;
	return 0;
}
#endif

#endif /* KMESH_LIB_VENDOR_H */
