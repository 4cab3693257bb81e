/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Regular expressions: runs an automaton over the current text, one window of it a round. */
#ifndef KMESH_LIB_AUTOMATON_H
#define KMESH_LIB_AUTOMATON_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "kmesh/layout.h"
#include "maps.h"
#include "part.h"
#include "words.h"

/* No state: a cell outside of the table, as only a bug of the daemon could have. */
#define KM_NO_STATE KM_AUTOMATON_STATES

/*
 * Takes the first n bytes of the window. Where that leads goes through memory:
 * the verifier forgets after how many bytes it was, and follows one way further.
 */
static __always_inline void km_automaton_run(struct km_walk *walk, const struct km_automaton *automaton, __u32 state,
					     __u32 n)
{
	const __u8 *window = (const __u8 *)walk->words;

	km_forget(n);
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < KM_WALK_BYTES; i++) {
		__u32 cell;

		if (i >= n || !state)
			break;
		cell = state * automaton->width + automaton->classes[window[i]];
		if (cell >= KM_AUTOMATON_CELLS) {
			state = KM_NO_STATE;
			break;
		}
		state = automaton->next[cell];
	}
	*(volatile __u32 *)&walk->place = state;
}

static __always_inline enum km_answer km_match_automaton(struct km_published *published, const struct km_step *step)
{
	__u32 key = step->value;
	struct km_automaton *automaton = bpf_map_lookup_elem(&km_automaton, &key);
	struct km_walk *walk = &published->walk;
	__u32 rest = walk->text.len - walk->cursor;
	__u32 state;

	if (!automaton || walk->cursor > walk->text.len)
		return KM_HOLE;
	state = walk->cursor ? walk->place : automaton->start;
	if (rest > KM_WALK_BYTES)
		rest = KM_WALK_BYTES;
	if (rest) {
		if (km_read(published, walk->text.off + walk->cursor, rest))
			return KM_HOLE;
		km_automaton_run(walk, automaton, state, rest);
		state = *(volatile __u32 *)&walk->place;
		if (state >= KM_NO_STATE)
			return KM_HOLE;
		walk->cursor += rest;
	}
	if (state && walk->cursor < walk->text.len)
		return KM_AGAIN;
	return state >= automaton->accepting && state < automaton->states;
}

#endif /* KMESH_LIB_AUTOMATON_H */
