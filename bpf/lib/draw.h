/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Draws from alias tables: a slot, and a coin that decides between the slot's
 * two entries.
 */
#ifndef KMESH_LIB_DRAW_H
#define KMESH_LIB_DRAW_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "kmesh/layout.h"

/* 2^32 divided by the golden ratio: the Weyl sequence of least discrepancy. */
#define KM_WEYL_STEP 0x9e3779b9U

/* The same for 64 bits (D. E. Knuth, The Art of Computer Programming, 6.4: multiplicative hashing). */
#define KM_GOLDEN_64 0x9e3779b97f4a7c15ULL

struct km_draw {
	__u32 index;
	__u32 coin;
};

static __always_inline struct km_draw km_draw_random(__u32 n)
{
	struct km_draw draw = {
		/* High bits of the product instead of a remainder: no bias worth a name, no division. */
		.index = ((__u64)bpf_get_prandom_u32() * n) >> 32,
		.coin = bpf_get_prandom_u32(),
	};

	return draw;
}

/*
 * The slots in turn. The coin depends on the number of the round, so that in any
 * stretch of rounds each of a slot's two entries gets its share to within one.
 *
 * Reading and advancing the cursor are two steps (an atomic add that returns the
 * old value needs 5.12): connects at the same instant on two CPUs may share a turn.
 */
static __always_inline struct km_draw km_draw_in_turn(__u64 *cursor, __u32 n)
{
	__u64 turn = *(volatile __u64 *)cursor;
	struct km_draw draw = {
		.index = turn % n,
		.coin = (__u32)(turn / n) * KM_WEYL_STEP,
	};

	__sync_fetch_and_add(cursor, 1);
	return draw;
}

/* The same for the same number. The high bits of a product are a hash good enough for numbers that are counted up. */
static __always_inline struct km_draw km_draw_hashed(__u64 number, __u32 n)
{
	struct km_draw draw = {
		.index = ((number * KM_GOLDEN_64 >> 32) * n) >> 32,
	};

	return draw;
}

static __always_inline int km_takes_primary(__u32 coin, __u32 threshold)
{
	return coin < threshold || threshold == 0xffffffff;
}

#endif /* KMESH_LIB_DRAW_H */
