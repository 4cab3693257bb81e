/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Properties that hold for every text; whoever breaks one aborts. For the test driver and the fuzzer. */
#ifndef KMESH_HEAD_CHECK_H
#define KMESH_HEAD_CHECK_H

#include "http1_head.h"
#include "request_build.h"

/* What a scanner says of a text. */
struct head_opinion {
	struct km_scan scan;
	u32 decided_at; /* bytes of the shortest text with that verdict; 0: there is none */
	struct km_request request;
	void *room; /* NULL: the head is not complete; else freed by head_forget */
	size_t room_len;
};

/*
 * Scans the text in one piece, and again in so many pieces from its start, a byte
 * longer each when there are enough, each time in memory that ends where the piece
 * does. Checks that a scanner that gets the text little by little is in the same
 * state as one that gets it at once, that it never takes a verdict back, and that
 * all parts lie inside.
 */
void head_check(struct head_opinion *opinion, const u8 *text, u32 len, u32 pieces);

void head_forget(struct head_opinion *opinion);

#endif /* KMESH_HEAD_CHECK_H */
