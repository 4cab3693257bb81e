// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "request_build.h"

/* The text at the end of the room, while it grows. */
struct km_room {
	u8 *text;
	u32 used;
};

/* Parameters that the path can have at most: every one but an empty name takes a byte of its own, and there is the "?". */
static u32 km_params_max(const struct km_scan *scan)
{
	return scan->path.len < KM_MAX_PARAMS ? scan->path.len : KM_MAX_PARAMS;
}

/*
 * The text holds method, path, scheme, and name and value of every header line,
 * with at most 2 bytes between two values, "/" before an empty path and "http"
 * for a scheme. The head has all of it with more between: "\r\n" and ":" for each
 * line, " HTTP/1.x\r\n" in the first. Only the authority is there once more.
 */
size_t km_request_room(const struct km_scan *scan)
{
	return (scan->n_headers + km_params_max(scan)) * sizeof(struct km_pair) + scan->head_len + scan->authority.text.len;
}

static struct km_text km_put(struct km_room *room, const void *from, u32 len)
{
	struct km_text put = { .off = room->used, .len = len };

	memcpy(room->text + room->used, from, len);
	room->used += len;
	return put;
}

static struct km_text km_put_lower(struct km_room *room, const u8 *from, u32 len)
{
	struct km_text put = { .off = room->used, .len = len };
	u32 i;

	for (i = 0; i < len; i++)
		room->text[room->used++] = km_lower(from[i]);
	return put;
}

/* By hash, as lookups search; then by name, so that equal names meet whatever hashes a client chooses. */
static int km_compare(const u8 *text, const struct km_pair *a, const struct km_pair *b)
{
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	if (a->name.len != b->name.len)
		return a->name.len < b->name.len ? -1 : 1;
	return memcmp(text + a->name.off, text + b->name.off, a->name.len);
}

/*
 * Puts the pair in its place among the sorted ones and returns NULL, or returns
 * the one that has the name already. n log n comparisons for all; the moves are of
 * at most 3 kB each.
 */
static struct km_pair *km_insert(const u8 *text, struct km_pair *pairs, u32 *n, struct km_pair pair)
{
	u32 low = 0, high = *n;

	pair.hash = km_hash(text + pair.name.off, pair.name.len);
	while (low < high) {
		const u32 middle = (low + high) / 2;
		const int order = km_compare(text, &pair, &pairs[middle]);

		if (!order)
			return &pairs[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	memmove(&pairs[low + 1], &pairs[low], (*n - low) * sizeof(*pairs));
	pairs[low] = pair;
	++*n;
	return NULL;
}

/* Joins the values of header lines: from the first to the last along next. */
static struct km_text km_put_values(struct km_room *room, const u8 *text, const struct km_scan *scan, const u8 *next,
				    u32 line, u32 last, const char *between)
{
	struct km_text put = { .off = room->used };

	for (;; line = next[line]) {
		const struct km_text value = scan->headers[line].value;

		km_put(room, text + value.off, value.len);
		if (line == last)
			break;
		km_put(room, between, strlen(between));
	}
	put.len = room->used - put.off;
	return put;
}

static u32 km_put_headers(struct km_room *room, struct km_pair *pairs, const u8 *text, const struct km_scan *scan)
{
	u8 next[KM_MAX_HEADERS];
	u32 n = 0, i;

	/* Until all names are known, a value is the first and the last line that has it. */
	for (i = 0; i < scan->n_headers; i++) {
		const struct km_text name = scan->headers[i].name;
		struct km_pair pair = { .name = km_put_lower(room, text + name.off, name.len), .value = { i, i } };
		struct km_pair *same = km_insert(room->text, pairs, &n, pair);

		if (same) {
			next[same->value.len] = i;
			same->value.len = i;
		}
	}
	for (i = 0; i < n; i++) {
		const struct km_text name = pairs[i].name, lines = pairs[i].value;
		const bool is_cookie = name.len == 6 && !memcmp(room->text + name.off, "cookie", 6);

		pairs[i].value = km_put_values(room, text, scan, next, lines.off, lines.len, is_cookie ? "; " : ",");
	}
	return n;
}

static u32 km_find(const u8 *text, u32 from, u32 end, u8 sign)
{
	while (from < end && text[from] != sign)
		from++;
	return from;
}

/* As Envoy's QueryParamsMulti::parseQueryString: nothing is decoded, "a" is "a=", "&&" has a parameter without name between. */
static u32 km_split_query(const struct km_room *room, struct km_pair *pairs, u32 at, u32 end)
{
	u32 n = 0;

	while (at < end && n < KM_MAX_PARAMS) {
		const u32 next = km_find(room->text, at, end, '&'), equals = km_find(room->text, at, next, '=');
		const u32 value = equals < next ? equals + 1 : next;

		km_insert(room->text, pairs, &n, (struct km_pair){ .name = { at, equals - at }, .value = { value, next - value } });
		at = next + 1;
	}
	return n;
}

/* Fields, and parameters out of the path. */
static void km_put_target(struct km_request *request, struct km_room *room, struct km_pair *params, const u8 *text,
			  const struct km_scan *scan)
{
	struct km_text full = { .off = room->used }, path;
	u32 fragment, query;

	/* http://host is http://host/, RFC 9110 section 4.2.3. */
	if (scan->scheme.len && (!scan->path.len || text[scan->path.off] != '/'))
		km_put(room, "/", 1);
	km_put(room, text + scan->path.off, scan->path.len);
	full.len = room->used - full.off;

	fragment = km_find(room->text, full.off, room->used, '#');
	query = km_find(room->text, full.off, fragment, '?');
	path.off = full.off;
	path.len = query - full.off;
	request->field[KM_FIELD_FULL_PATH] = full;
	request->field[KM_FIELD_PATH] = path;
	request->n_params = km_split_query(room, params, query + 1, fragment);
}

/* Returns the length, or 0 for a name that no domain can have. */
static u32 km_put_host(char *host, char *reversed, const u8 *text, u32 len)
{
	u32 i;

	if (len > KM_HOST_MAX)
		return 0;
	for (i = 0; i < len; i++) {
		host[i] = km_lower(text[i]);
		reversed[len - 1 - i] = host[i];
	}
	return len;
}

void km_request_init(struct km_request *request, u32 verdict)
{
	memset(request, 0, sizeof(*request));
	request->abi = KM_REQUEST_ABI;
	request->verdict = verdict;
}

void km_request_build(struct km_request *request, void *buffer, const u8 *text, const struct km_scan *scan)
{
	struct km_pair *headers = buffer, *params = headers + scan->n_headers;
	struct km_room room = { .text = (u8 *)(params + km_params_max(scan)) };
	const struct km_authority authority = scan->authority;
	const u8 *host = text + authority.text.off;

	km_request_init(request, KM_HEAD_COMPLETE);
	request->headers = (unsigned long)headers;
	request->params = (unsigned long)params;
	request->text = (unsigned long)room.text;

	request->field[KM_FIELD_METHOD] = km_put(&room, text + scan->method.off, scan->method.len);
	request->field[KM_FIELD_AUTHORITY] = km_put(&room, host, authority.text.len);
	request->field[KM_FIELD_SCHEME] = scan->scheme.len ? km_put_lower(&room, text + scan->scheme.off, scan->scheme.len) :
							     km_put(&room, "http", 4);
	km_put_target(request, &room, params, text, scan);
	request->n_headers = km_put_headers(&room, headers, text, scan);
	request->host_len = km_put_host(request->host, request->host_reversed, host, authority.text.len);
	request->bare_len = km_put_host(request->bare, request->bare_reversed, host, authority.bare_len);
}
