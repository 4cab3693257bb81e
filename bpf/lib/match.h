/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Questions about the current text. */
#ifndef KMESH_LIB_MATCH_H
#define KMESH_LIB_MATCH_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "kmesh/layout.h"
#include "part.h"
#include "vendor.h"
#include "words.h"

static __always_inline enum km_answer km_match_length(const struct km_walk *walk, const struct km_step *step)
{
	if (step->flags & KM_STEP_AT_LEAST)
		return walk->text.len >= step->value;
	return walk->text.len == step->value;
}

static __always_inline enum km_answer km_match_compare(struct km_published *published, const struct km_step *step)
{
	struct km_walk *walk = &published->walk;
	__u32 at = step->value;
	__u32 n = step->len;

	if (step->flags & KM_STEP_FROM_END) {
		if (at > walk->text.len)
			return KM_NO;
		at = walk->text.len - at;
	}
	if (at > walk->text.len || walk->text.len - at < n)
		return KM_NO;
	if (n > KM_STEP_DATA || km_read_padded(published, walk->text.off + at, n))
		return KM_HOLE;
	if (step->flags & KM_STEP_IGNORE_CASE)
		km_lower(walk->words, KM_DATA_WORDS);
	return km_same_words(walk->words, (const __u64 *)step->data, KM_DATA_WORDS);
}

/* Last place in the window at which data of full length stands in it whole. */
#define KM_LAST_PLACE (KM_WALK_BYTES - KM_STEP_DATA)

/* Whether the n bytes of data stand in the window at a place that lies at most KM_LAST_PLACE behind its beginning. */
static __always_inline int km_stands_at(const __u8 *window, const __u8 *data, __u32 n)
{
	km_forget(n);
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < KM_STEP_DATA; i++) {
		if (i >= n)
			return 1;
		if (window[i] != data[i])
			return 0;
	}
	return 1;
}

/*
 * Where data's first byte stands in the window, at most at last; behind it when
 * nowhere. The place goes through memory: the verifier forgets which it was, and
 * need not follow each of them further.
 */
static __always_inline void km_place_find(struct km_walk *walk, __u8 first, __u32 last)
{
	const __u8 *window = (const __u8 *)walk->words;
	__u32 place;

	km_forget(last);
#pragma clang loop unroll(disable)
	for (place = 0; place <= KM_LAST_PLACE; place++) {
		if (place > last || window[place] == first)
			break;
	}
	*(volatile __u32 *)&walk->place = place;
}

/*
 * Looks through one window of the text a time, as far as the first place where
 * data's first byte stands; walk->cursor is where the next window begins.
 */
static __always_inline enum km_answer km_match_contains(struct km_published *published, const struct km_step *step)
{
	struct km_walk *walk = &published->walk;
	__u32 rest = walk->text.len - walk->cursor;
	__u32 n = step->len;
	__u32 place, last;

	if (walk->cursor > walk->text.len || rest < n)
		return KM_NO;
	if (km_vendor_searches(step))
		return km_vendor_contains((const void *)(published->request.text + walk->text.off), walk->text.len, step);
	if (rest > KM_WALK_BYTES)
		rest = KM_WALK_BYTES;
	if (!n || n > KM_STEP_DATA || km_read(published, walk->text.off + walk->cursor, rest))
		return KM_HOLE;
	if (step->flags & KM_STEP_IGNORE_CASE)
		km_lower(walk->words, KM_WALK_WORDS);

	last = rest - n < KM_LAST_PLACE ? rest - n : KM_LAST_PLACE;
	km_place_find(walk, step->data[0], last);
	place = *(volatile __u32 *)&walk->place;
	if (place > last) {
		walk->cursor += last + 1;
		return KM_AGAIN;
	}
	walk->cursor += place + 1;
	km_forget(place);
	if (place > KM_LAST_PLACE)
		return KM_HOLE;
	return km_stands_at((const __u8 *)walk->words + place, step->data, n) ? KM_YES : KM_AGAIN;
}

/*
 * A decimal integer with a sign or without, and nothing else, as Envoy's
 * range_match reads one (absl::SimpleAtoi of an int64). Longer ones than a window
 * could only be such with many leading zeros, and are none here.
 */
static __always_inline int km_number(const __u8 *text, __u32 n, __s64 *number)
{
	int negative = text[0] == '-';
	__u64 most = (1ULL << 63) - !negative;
	__u64 value = 0;
	__u32 i = negative || text[0] == '+';

	if (i >= n)
		return 0;
	km_forget(n);
#pragma clang loop unroll(disable)
	for (; i < KM_STEP_DATA; i++) {
		__u64 digit;

		if (i >= n)
			break;
		digit = (__u64)text[i] - '0';
		if (digit > 9 || value > most / 10)
			return 0;
		value = value * 10 + digit;
		if (value > most)
			return 0;
	}
	*number = negative ? -value : value;
	return 1;
}

static __always_inline enum km_answer km_match_range(struct km_published *published, const struct km_step *step)
{
	struct km_walk *walk = &published->walk;
	__u32 n = walk->text.len;
	__s64 number;

	if (!n || n > KM_STEP_DATA)
		return KM_NO;
	if (km_read(published, walk->text.off, n))
		return KM_HOLE;
	if (!km_number((const __u8 *)walk->words, n, &number))
		return KM_NO;
	return step->start <= number && number < step->end;
}

#endif /* KMESH_LIB_MATCH_H */
