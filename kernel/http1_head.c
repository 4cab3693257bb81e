// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "http1_head.h"

#include "http1_chars.h"
#include "http1_parts.h"

enum km_state {
	KM_START = 0, /* of a line that is the request line, or empty */
	KM_START_LF,
	KM_TLS,
	KM_PREFACE,
	KM_METHOD,
	KM_TARGET,
	KM_VERSION,
	KM_LINE, /* start of a header line, or of the empty line */
	KM_NAME,
	KM_VALUE_START,
	KM_VALUE,
	KM_VALUE_LF,
	KM_END_LF,
};

/* TLS record, RFC 8446 section 5.1: type 22, version 3.x, two bytes of length; then the handshake type ClientHello. */
#define KM_TLS_HANDSHAKE 22
#define KM_TLS_CLIENT_HELLO 1
#define KM_TLS_HELLO_AT 5

static const char km_preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
static const char km_version[] = "HTTP/1.";

/* Steps over the byte at hand; the next part begins behind it. */
static u32 km_next(struct km_scan *scan, enum km_state state)
{
	scan->mark = ++scan->pos;
	scan->state = state;
	return 0;
}

static u32 km_expect_lf(struct km_scan *scan, u8 c, enum km_state state, enum km_head_verdict otherwise)
{
	return c == '\n' ? km_next(scan, state) : otherwise;
}

/* Steps over bytes of the kind. Is there another one behind them? */
static bool km_run(struct km_scan *scan, const u8 *text, u32 len, enum km_char kind)
{
	u32 pos = scan->pos;

	while (pos < len && km_char_is(text[pos], kind))
		pos++;
	scan->pos = pos;
	return pos < len;
}

static struct km_text km_part(const struct km_scan *scan)
{
	struct km_text part = { .off = scan->mark, .len = scan->pos - scan->mark };

	return part;
}

/* Empty lines before the request line do no harm, RFC 9112 section 2.2. */
static u32 km_start(struct km_scan *scan, u8 c)
{
	if (c == '\r')
		return km_next(scan, KM_START_LF);
	if (c == KM_TLS_HANDSHAKE && scan->pos == 0)
		return km_next(scan, KM_TLS);
	if (!km_char_is(c, KM_CHAR_TOKEN))
		return KM_HEAD_NOT_HTTP;
	scan->mark = scan->pos;
	scan->state = KM_METHOD;
	return 0;
}

static u32 km_tls(struct km_scan *scan, u8 c)
{
	if (scan->pos == 1 && c != 3)
		return KM_HEAD_NOT_HTTP;
	if (scan->pos == KM_TLS_HELLO_AT)
		return c == KM_TLS_CLIENT_HELLO ? KM_HEAD_TLS : KM_HEAD_NOT_HTTP;
	return km_next(scan, KM_TLS);
}

static u32 km_http2(struct km_scan *scan, u8 c)
{
	if (c != km_preface[scan->pos])
		return KM_HEAD_NOT_HTTP;
	return scan->pos == sizeof(km_preface) - 2 ? KM_HEAD_HTTP2 : km_next(scan, KM_PREFACE);
}

static u32 km_method(struct km_scan *scan, const u8 *text, u32 len)
{
	if (!km_run(scan, text, len, KM_CHAR_TOKEN))
		return 0;
	if (text[scan->pos] != ' ')
		return KM_HEAD_NOT_HTTP;
	scan->method = km_part(scan);
	return km_next(scan, KM_TARGET);
}

static u32 km_target(struct km_scan *scan, const u8 *text, u32 len)
{
	if (!km_run(scan, text, len, KM_CHAR_VISIBLE))
		return 0;
	scan->target = km_part(scan);
	if (text[scan->pos] != ' ' || scan->target.len == 0)
		return KM_HEAD_NOT_HTTP;
	return km_next(scan, KM_VERSION);
}

/* "HTTP/1." DIGIT CR LF. A preface of HTTP/2 reads like a request line up to the "2". */
static u32 km_version_line(struct km_scan *scan, const u8 *text)
{
	const u32 at = scan->pos - scan->mark, digit_at = sizeof(km_version) - 1, preface_at = sizeof("PRI * HTTP/") - 1;
	const u8 c = text[scan->pos];

	if (at < digit_at && c != km_version[at]) {
		if (scan->pos != preface_at || memcmp(text, km_preface, preface_at))
			return KM_HEAD_NOT_HTTP;
		scan->state = KM_PREFACE;
		return 0;
	}
	if (at == digit_at) {
		if (!km_char_is(c, KM_CHAR_DIGIT))
			return KM_HEAD_BAD;
		scan->minor = c - '0';
	}
	if (at == digit_at + 1 && c != '\r')
		return KM_HEAD_BAD;
	if (at == digit_at + 2) {
		if (c != '\n' || !km_take_target(scan, text))
			return KM_HEAD_BAD;
		return km_next(scan, KM_LINE);
	}
	scan->pos++;
	return 0;
}

static u32 km_line(struct km_scan *scan, u8 c)
{
	if (c == '\r')
		return km_next(scan, KM_END_LF);
	/* Also a folded line: whitespace is no token. RFC 9112 section 5.2. */
	if (!km_char_is(c, KM_CHAR_TOKEN))
		return KM_HEAD_BAD;
	if (scan->n_headers == KM_MAX_HEADERS)
		return KM_HEAD_TOO_LARGE;
	scan->mark = scan->pos;
	scan->state = KM_NAME;
	return 0;
}

static u32 km_name(struct km_scan *scan, const u8 *text, u32 len)
{
	if (!km_run(scan, text, len, KM_CHAR_TOKEN))
		return 0;
	if (text[scan->pos] != ':')
		return KM_HEAD_BAD;
	scan->headers[scan->n_headers].name = km_part(scan);
	return km_next(scan, KM_VALUE_START);
}

static u32 km_value_start(struct km_scan *scan, u8 c)
{
	if (c == ' ' || c == '\t')
		return km_next(scan, KM_VALUE_START);
	scan->mark = scan->pos;
	scan->state = KM_VALUE;
	return 0;
}

static u32 km_value(struct km_scan *scan, const u8 *text, u32 len)
{
	struct km_text value;

	if (!km_run(scan, text, len, KM_CHAR_VALUE))
		return 0;
	if (text[scan->pos] != '\r')
		return KM_HEAD_BAD;
	value = km_part(scan);
	while (value.len && (text[value.off + value.len - 1] == ' ' || text[value.off + value.len - 1] == '\t'))
		value.len--;
	scan->headers[scan->n_headers].value = value;
	return km_next(scan, KM_VALUE_LF);
}

static u32 km_value_lf(struct km_scan *scan, const u8 *text)
{
	if (text[scan->pos] != '\n' || !km_take_line(scan, text, &scan->headers[scan->n_headers]))
		return KM_HEAD_BAD;
	scan->n_headers++;
	return km_next(scan, KM_LINE);
}

static u32 km_end(struct km_scan *scan, u8 c)
{
	const struct km_authority nobody = {};

	/* A body that ends with the connection cannot be a request's, RFC 9112 section 6.3. */
	if (c != '\n' || scan->coding == KM_CODING_OTHER)
		return KM_HEAD_BAD;
	scan->head_len = scan->pos + 1;
	/* RFC 9112 section 3.2: Host has to be there even beside a target with an authority, which then counts. */
	if (scan->minor > 0 && !scan->has_host)
		scan->authority = nobody;
	else if (scan->authority.text.len == 0)
		scan->authority = scan->host;
	return KM_HEAD_COMPLETE;
}

static u32 km_step(struct km_scan *scan, const u8 *text, u32 len)
{
	const u8 c = text[scan->pos];

	switch (scan->state) {
	case KM_START:
		return km_start(scan, c);
	case KM_START_LF:
		return km_expect_lf(scan, c, KM_START, KM_HEAD_NOT_HTTP);
	case KM_TLS:
		return km_tls(scan, c);
	case KM_PREFACE:
		return km_http2(scan, c);
	case KM_METHOD:
		return km_method(scan, text, len);
	case KM_TARGET:
		return km_target(scan, text, len);
	case KM_VERSION:
		return km_version_line(scan, text);
	case KM_LINE:
		return km_line(scan, c);
	case KM_NAME:
		return km_name(scan, text, len);
	case KM_VALUE_START:
		return km_value_start(scan, c);
	case KM_VALUE:
		return km_value(scan, text, len);
	case KM_VALUE_LF:
		return km_value_lf(scan, text);
	default:
		return km_end(scan, c);
	}
}

u32 km_scan_feed(struct km_scan *scan, const u8 *text, u32 len)
{
	while (!scan->verdict && scan->pos < len)
		scan->verdict = km_step(scan, text, len);
	return scan->verdict;
}
