/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Small pure helpers on bytes. What includes this file compiles in the kernel
 * and, for its tests and the fuzzer, in userspace.
 */
#ifndef KMESH_TEXT_H
#define KMESH_TEXT_H

#ifdef __KERNEL__
#include <linux/string.h>
#include <linux/types.h>
#else
#include "userspace.h"
#endif

#define KM_FNV_BASIS 0xcbf29ce484222325ULL
#define KM_FNV_PRIME 0x100000001b3ULL

/* The kernel's tolower() turns Latin-1 letters too, which HTTP does not. */
static inline u8 km_lower(u8 c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* FNV-1a, as struct km_pair of kmesh/request.h asks for. */
static inline u64 km_hash(const u8 *text, u32 len)
{
	u64 hash = KM_FNV_BASIS;
	u32 i;

	for (i = 0; i < len; i++)
		hash = (hash ^ text[i]) * KM_FNV_PRIME;
	return hash;
}

/* Are the bytes equal to a text in lower case, when case does not count? */
static inline bool km_is_lower(const u8 *text, const char *lower, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++)
		if (km_lower(text[i]) != (u8)lower[i])
			return false;
	return true;
}

#endif /* KMESH_TEXT_H */
