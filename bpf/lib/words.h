/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Texts eight bytes at a time. Buffers are map values, at offsets that are
 * multiples of eight.
 */
#ifndef KMESH_LIB_WORDS_H
#define KMESH_LIB_WORDS_H

#include <linux/types.h>

/*
 * Makes the compiler forget what it knows of a number, so that it does not leave
 * out a check that the verifier needs, which knows less.
 */
#define km_forget(number) asm volatile("" : "+r"(number))

#define KM_EACH_BYTE 0x0101010101010101ULL
#define KM_HIGH_BITS 0x8080808080808080ULL

/* Turns A to Z into a to z, in all eight bytes at once; other bytes stay, also those beyond ASCII. */
static __always_inline __u64 km_lower_word(__u64 word)
{
	__u64 low = word & ~KM_HIGH_BITS;
	/* The high bit of a byte is set from 'A' on, and from behind 'Z' on. */
	__u64 from_a = low + (0x80 - 'A') * KM_EACH_BYTE;
	__u64 behind_z = low + (0x80 - 'Z' - 1) * KM_EACH_BYTE;
	__u64 upper = from_a & ~behind_z & ~word & KM_HIGH_BITS;

	return word | upper >> 2; /* 0x80 becomes 0x20, which is what 'a' has and 'A' has not */
}

static __always_inline void km_lower(__u64 *words, int n)
{
#pragma clang loop unroll(disable)
	for (int i = 0; i < n; i++)
		words[i] = km_lower_word(words[i]);
}

/* Without a branch for each word: the verifier sees one way through it. */
static __always_inline int km_same_words(const __u64 *a, const __u64 *b, int n)
{
	__u64 differ = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < n; i++)
		differ |= a[i] ^ b[i];
	return !differ;
}

#endif /* KMESH_LIB_WORDS_H */
