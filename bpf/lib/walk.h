/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Walks the program of a virtual host over a published request.
 *
 * A step is a global function: the verifier looks at it once, by itself, and not
 * again for each of the loop's rounds (5.6, kernel commit 51c39bb1d5d1). Such a
 * function takes no pointers before 5.12, so it finds the walk by its cookie.
 */
#ifndef KMESH_LIB_WALK_H
#define KMESH_LIB_WALK_H

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "automaton.h"
#include "kmesh/layout.h"
#include "maps.h"
#include "match.h"
#include "part.h"
#include "settings.h"

/* How a walk goes on: an enum km_l7_event ends it, and so does a hole. */
#define KM_WALK_ON -1L
#define KM_WALK_HOLE -2L

static __always_inline enum km_answer km_step_answer(struct km_published *published, const struct km_step *step)
{
	struct km_request *request = &published->request;

	switch (step->op) {
	case KM_STEP_FIELD:
		return km_field_find(published, step);
	case KM_STEP_HEADER:
		return km_pair_find(published, step, request->headers, request->n_headers);
	case KM_STEP_PARAM:
		return km_pair_find(published, step, request->params, request->n_params);
	case KM_STEP_EMPTY:
		published->walk.text.len = 0;
		return KM_YES;
	case KM_STEP_COMPARE:
		return km_match_compare(published, step);
	case KM_STEP_LENGTH:
		return km_match_length(&published->walk, step);
	case KM_STEP_CONTAINS:
		return km_match_contains(published, step);
	case KM_STEP_RANGE:
		return km_match_range(published, step);
	case KM_STEP_AUTOMATON:
		return km_match_automaton(published, step);
	default:
		return KM_HOLE;
	}
}

static __always_inline long km_walk_end(struct km_walk *walk, const struct km_step *step)
{
	if (step->op == KM_STEP_DEFAULT)
		return step->value < KM_L7_MAX ? step->value : KM_WALK_HOLE;
	walk->target = step->target;
	walk->target_n = step->n;
	walk->target_kind = step->kind;
	walk->target_reason = step->reason;
	return KM_L7_ROUTED;
}

/* Takes the next step of the walk that the socket with this cookie is on. */
__noinline long km_walk_step(__u64 cookie)
{
	struct km_published *published;
	struct km_step_key key = {};
	enum km_answer answer;
	struct km_step *step;

	if (!km_settings.requests)
		return KM_WALK_HOLE;
	published = bpf_map_lookup_elem(&km_request, &cookie);
	if (!published)
		return KM_WALK_HOLE;
	key.program = published->walk.program;
	key.index = published->walk.index;
	step = bpf_map_lookup_elem(&km_step, &key);
	if (!step)
		return KM_WALK_HOLE;
	if (step->op == KM_STEP_TARGET || step->op == KM_STEP_DEFAULT)
		return km_walk_end(&published->walk, step);

	answer = km_step_answer(published, step);
	if (answer == KM_HOLE)
		return KM_WALK_HOLE;
	if (answer == KM_AGAIN)
		return KM_WALK_ON;
	published->walk.cursor = 0;
	published->walk.index = answer == KM_YES ? step->then : step->otherwise;
	return KM_WALK_ON;
}

static __always_inline long km_walk(__u64 cookie)
{
#pragma clang loop unroll(disable)
	for (__u64 i = 0; i < KM_WALK_ROUNDS; i++) {
		long end = km_walk_step(cookie);

		if (end != KM_WALK_ON)
			return end;
	}
	return KM_L7_BUDGET;
}

#endif /* KMESH_LIB_WALK_H */
