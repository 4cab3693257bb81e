/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Parts of a published request. Its text and its pairs are kmesh.ko's memory,
 * which is there as long as the connect() lasts that this runs in; it is read
 * with bpf_probe_read_kernel(), which every BPF program may call since 5.8
 * (kernel/bpf/helpers.c, bpf_base_func_proto) unless the kernel is locked down
 * for confidentiality.
 */
#ifndef KMESH_LIB_PART_H
#define KMESH_LIB_PART_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "kmesh/layout.h"
#include "words.h"

/* Whether the text is so, or the part there; KM_HOLE: what was needed to tell could not be read. */
enum km_answer {
	KM_NO = 0,
	KM_YES = 1,
	KM_AGAIN = 2, /* not known yet: ask once more */
	KM_HOLE = 3,
};

#define KM_DATA_WORDS (KM_STEP_DATA / 8)
#define KM_WALK_WORDS (KM_WALK_BYTES / 8)

/* Rounds that find one of KM_MAX_HEADERS pairs by halves. */
#define KM_HALVES 8
/* Names that may share a hash before the last of them is not found any more. */
#define KM_SAME_HASH 4

/* Reads n bytes, at most KM_WALK_BYTES. */
static __always_inline int km_read(struct km_published *published, __u32 off, __u64 n)
{
	km_forget(n);
	if (n > KM_WALK_BYTES)
		return -1;
	return bpf_probe_read_kernel(published->walk.words, n, (const void *)(published->request.text + off));
}

/* Reads n bytes, at most KM_STEP_DATA, with zeros behind. */
static __always_inline int km_read_padded(struct km_published *published, __u32 off, __u32 n)
{
	__builtin_memset(published->walk.words, 0, KM_STEP_DATA);
	return km_read(published, off, n);
}

static __always_inline enum km_answer km_field_find(struct km_published *published, const struct km_step *step)
{
	__u32 field = step->value;

	if (field >= KM_FIELDS)
		return KM_HOLE;
	published->walk.text = published->request.field[field];
	return published->walk.text.len ? KM_YES : KM_NO;
}

/* Place of the first pair with this hash, or where it would be. */
static __always_inline int km_pair_place(__u64 pairs, __u32 n, __u64 hash, __u32 *place)
{
	__u32 low = 0;
	__u32 high = n;
	__u64 there;

#pragma clang loop unroll(disable)
	for (int i = 0; i < KM_HALVES && low < high; i++) {
		__u32 middle = (low + high) / 2;
		__u64 pair = pairs + middle * sizeof(struct km_pair);

		if (bpf_probe_read_kernel(&there, sizeof(there), (const void *)(pair + offsetof(struct km_pair, hash))))
			return -1;
		if (there < hash)
			low = middle + 1;
		else
			high = middle;
	}
	*place = low;
	return 0;
}

/* Makes the value of the pair with the step's name the current text. */
static __always_inline enum km_answer km_pair_find(struct km_published *published, const struct km_step *step,
						   __u64 pairs, __u32 n)
{
	struct km_pair pair;
	__u32 place;

	if (km_pair_place(pairs, n, step->hash, &place))
		return KM_HOLE;

#pragma clang loop unroll(disable)
	for (int i = 0; i < KM_SAME_HASH; i++, place++) {
		if (place >= n)
			return KM_NO;
		if (bpf_probe_read_kernel(&pair, sizeof(pair), (const void *)(pairs + place * sizeof(pair))))
			return KM_HOLE;
		if (pair.hash != step->hash)
			return KM_NO;
		if (pair.name.len != step->len || pair.name.len > KM_STEP_DATA)
			continue;
		if (km_read_padded(published, pair.name.off, pair.name.len))
			return KM_HOLE;
		if (!km_same_words(published->walk.words, (const __u64 *)step->data, KM_DATA_WORDS))
			continue;
		published->walk.text = pair.value;
		return KM_YES;
	}
	return KM_NO;
}

#endif /* KMESH_LIB_PART_H */
