/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "headCheck.h"

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition) check((condition), #condition, __LINE__)

static void check(bool holds, const char *what, int line)
{
	if (holds)
		return;
	fprintf(stderr, "headCheck.c:%d: does not hold: %s\n", line, what);
	abort();
}

/* Under AddressSanitizer a read behind the piece is an error; the copy also moves from one call to the next. */
static u32 feed_piece(struct km_scan *scan, const u8 *text, u32 len)
{
	u8 *piece = malloc(len ? len : 1);
	u32 verdict;

	CHECK(piece);
	memcpy(piece, text, len);
	verdict = km_scan_feed(scan, piece, len);
	free(piece);
	return verdict;
}

static void check_pieces(struct head_opinion *opinion, const u8 *text, u32 len, u32 pieces)
{
	const u32 step = len / pieces + 1;
	struct km_scan slow = {};
	u32 at;

	for (at = 0; at < len; at += step) {
		struct km_scan fresh = {};
		const u32 verdict = feed_piece(&slow, text, at);

		CHECK(feed_piece(&fresh, text, at) == verdict);
		CHECK(!memcmp(&fresh, &slow, sizeof(fresh)));
		CHECK(verdict == 0 || verdict == opinion->scan.verdict);
		if (verdict && !opinion->decided_at)
			opinion->decided_at = at;
	}
	CHECK(feed_piece(&slow, text, len) == opinion->scan.verdict);
	CHECK(!memcmp(&opinion->scan, &slow, sizeof(slow)));
	if (opinion->scan.verdict && !opinion->decided_at)
		opinion->decided_at = len;
	CHECK(feed_piece(&slow, text, len) == opinion->scan.verdict);
}

static void check_text(struct km_text part, size_t text_len)
{
	CHECK(part.off <= text_len && part.len <= text_len - part.off);
}

static void check_pairs(const u8 *text, size_t text_len, const struct km_pair *pairs, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++) {
		check_text(pairs[i].name, text_len);
		check_text(pairs[i].value, text_len);
		CHECK(pairs[i].hash == km_hash(text + pairs[i].name.off, pairs[i].name.len));
		CHECK(i == 0 || pairs[i - 1].hash <= pairs[i].hash);
	}
}

static void check_request(const struct head_opinion *opinion)
{
	const struct km_request *request = &opinion->request;
	const u64 from = (unsigned long)opinion->room, end = from + opinion->room_len;
	u32 i;

	CHECK(request->abi == KM_REQUEST_ABI && request->verdict == KM_HEAD_COMPLETE);
	CHECK(request->n_headers <= KM_MAX_HEADERS && request->n_params <= KM_MAX_PARAMS);
	CHECK(request->headers >= from && request->headers + request->n_headers * sizeof(struct km_pair) <= request->params);
	CHECK(request->params + request->n_params * sizeof(struct km_pair) <= request->text && request->text <= end);
	for (i = 0; i < KM_FIELDS; i++)
		check_text(request->field[i], end - request->text);
	check_pairs((u8 *)request->text, end - request->text, (struct km_pair *)request->headers, request->n_headers);
	check_pairs((u8 *)request->text, end - request->text, (struct km_pair *)request->params, request->n_params);
	CHECK(request->host_len <= KM_HOST_MAX && request->bare_len <= KM_HOST_MAX);
	for (i = request->host_len; i < KM_HOST_MAX; i++)
		CHECK(!request->host[i] && !request->host_reversed[i]);
	for (i = request->bare_len; i < KM_HOST_MAX; i++)
		CHECK(!request->bare[i] && !request->bare_reversed[i]);
}

void head_check(struct head_opinion *opinion, const u8 *text, u32 len, u32 pieces)
{
	memset(opinion, 0, sizeof(*opinion));
	feed_piece(&opinion->scan, text, len);
	check_pieces(opinion, text, len, pieces);
	if (opinion->scan.verdict != KM_HEAD_COMPLETE)
		return;

	CHECK(opinion->scan.head_len == opinion->scan.pos + 1 && opinion->scan.head_len <= len);
	opinion->room_len = km_request_room(&opinion->scan);
	opinion->room = malloc(opinion->room_len);
	CHECK(opinion->room);
	memset(&opinion->request, 0xa5, sizeof(opinion->request));
	km_request_build(&opinion->request, opinion->room, text, &opinion->scan);
	check_request(opinion);
}

void head_forget(struct head_opinion *opinion)
{
	free(opinion->room);
	opinion->room = NULL;
}
