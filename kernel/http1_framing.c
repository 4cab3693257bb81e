// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The header lines that say where a request ends and whom it is for. Whatever two
 * readers could understand differently is invalid here: a router that sees other
 * requests than the server behind it lets requests be smuggled past its rules.
 */
#include "http1_chars.h"
#include "http1_parts.h"

typedef bool (*km_take_element)(struct km_scan *scan, const u8 *text, struct km_text element);

static const u8 *km_skip_space(const u8 *at, const u8 *end)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	return at;
}

/* Elements of that kind of byte with commas between them; none may be empty. */
static bool km_take_list(struct km_scan *scan, const u8 *text, struct km_text value, enum km_char kind, km_take_element take)
{
	const u8 *at = text + value.off, *end = at + value.len;

	for (;;) {
		struct km_text element = { .off = at - text };

		while (at < end && km_char_is(*at, kind))
			at++;
		element.len = at - text - element.off;
		if (!element.len || !take(scan, text, element))
			return false;
		at = km_skip_space(at, end);
		if (at == end)
			return true;
		if (*at != ',')
			return false;
		at = km_skip_space(at + 1, end);
	}
}

/* RFC 9110 section 8.6 allows a list of one and the same number. Spelled the same too: then nobody can read it differently. */
static bool km_take_length(struct km_scan *scan, const u8 *text, struct km_text number)
{
	const struct km_text known = scan->content_length;

	scan->content_length = number;
	return !known.len || (known.len == number.len && !memcmp(text + known.off, text + number.off, number.len));
}

/* "chunked" stands once and last, RFC 9112 section 6.1; no registered coding has parameters. */
static bool km_take_coding(struct km_scan *scan, const u8 *text, struct km_text coding)
{
	const bool is_chunked = coding.len == 7 && km_is_lower(text + coding.off, "chunked", 7);

	if (scan->coding == KM_CODING_CHUNKED)
		return false;
	scan->coding = is_chunked ? KM_CODING_CHUNKED : KM_CODING_OTHER;
	return true;
}

static bool km_take_host(struct km_scan *scan, const u8 *text, struct km_text value)
{
	if (scan->has_host)
		return false;
	scan->has_host = true;
	return km_take_authority(&scan->host, text, value);
}

/* HTTP/1.0 knows no codings, and a length beside them is the classic way to smuggle: RFC 9112 section 6.1. */
static bool km_body_is_clear(const struct km_scan *scan)
{
	return scan->coding == KM_CODING_NONE || (scan->minor > 0 && !scan->content_length.len);
}

bool km_take_line(struct km_scan *scan, const u8 *text, const struct km_head_line *line)
{
	const u8 *name = text + line->name.off;

	switch (line->name.len) {
	case 4:
		return !km_is_lower(name, "host", 4) || km_take_host(scan, text, line->value);
	case 14:
		return !km_is_lower(name, "content-length", 14) ||
		       (km_take_list(scan, text, line->value, KM_CHAR_DIGIT, km_take_length) && km_body_is_clear(scan));
	case 17:
		return !km_is_lower(name, "transfer-encoding", 17) ||
		       (km_take_list(scan, text, line->value, KM_CHAR_TOKEN, km_take_coding) && km_body_is_clear(scan));
	default:
		return true;
	}
}
