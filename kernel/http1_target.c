// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Request targets, RFC 9112 section 3.2, and authorities. */
#include "http1_chars.h"
#include "http1_parts.h"

#define KM_PORT_MAX 65535

static struct km_text km_from(struct km_text part, u32 at)
{
	part.off += at;
	part.len -= at;
	return part;
}

static bool km_is(const u8 *text, struct km_text part, const char *word)
{
	return part.len == strlen(word) && !memcmp(text + part.off, word, part.len);
}

/* Bytes before the first of the two signs, or all. */
static u32 km_before(const u8 *text, struct km_text part, u8 one, u8 other)
{
	u32 i;

	for (i = 0; i < part.len; i++)
		if (text[part.off + i] == one || text[part.off + i] == other)
			break;
	return i;
}

/* Nothing, or ":" *DIGIT with a port number that exists. */
static bool km_is_port(const u8 *text, struct km_text part)
{
	u32 port = 0, i;

	if (part.len && text[part.off] != ':')
		return false;
	for (i = 1; i < part.len; i++) {
		if (!km_char_is(text[part.off + i], KM_CHAR_DIGIT))
			return false;
		port = port * 10 + (text[part.off + i] - '0');
		if (port > KM_PORT_MAX)
			return false;
	}
	return true;
}

bool km_take_authority(struct km_authority *authority, const u8 *text, struct km_text part)
{
	const u8 *host = text + part.off;
	u32 bare_len;

	if (part.len && host[0] == '[') {
		bare_len = km_before(text, part, ']', ']') + 1;
		/* Which addresses there are is not looked into: "[" 1*( unreserved / sub-delims / ":" ) "]" holds them all. */
		if (bare_len > part.len || bare_len < 3 || !km_all(host + 1, bare_len - 2, KM_CHAR_HOST_COLON))
			return false;
	} else {
		bare_len = km_before(text, part, ':', ':');
		if ((part.len && !bare_len) || !km_all(host, bare_len, KM_CHAR_HOST))
			return false;
	}
	authority->text = part;
	authority->bare_len = bare_len;
	return km_is_port(text, km_from(part, bare_len));
}

/* scheme "://" [ userinfo "@" ] host [ ":" port ] path; the user information is dropped, RFC 9110 section 4.2.4. */
static bool km_take_absolute(struct km_scan *scan, const u8 *text)
{
	struct km_text rest = scan->target, authority;
	u32 len = km_before(text, rest, ':', ':');
	const u8 first = km_lower(text[rest.off]);

	if (first < 'a' || first > 'z' || !km_all(text + rest.off, len, KM_CHAR_SCHEME))
		return false;
	scan->scheme.off = rest.off;
	scan->scheme.len = len;
	rest = km_from(rest, len);
	if (rest.len < 3 || memcmp(text + rest.off, "://", 3))
		return false;
	rest = km_from(rest, 3);

	authority = rest;
	authority.len = km_before(text, rest, '/', '?');
	authority.len = km_before(text, authority, '#', '#');
	scan->path = km_from(rest, authority.len);
	len = km_before(text, authority, '@', '@');
	if (len < authority.len) {
		if (!km_all(text + authority.off, len, KM_CHAR_HOST_COLON))
			return false;
		authority = km_from(authority, len + 1);
	}
	return authority.len && km_take_authority(&scan->authority, text, authority);
}

bool km_take_target(struct km_scan *scan, const u8 *text)
{
	const struct km_text target = scan->target;

	/* authority-form with a port, RFC 9110 section 9.3.6 */
	if (km_is(text, scan->method, "CONNECT"))
		return km_take_authority(&scan->authority, text, target) && target.len > scan->authority.bare_len + 1;
	if (text[target.off] == '/' || km_is(text, target, "*")) {
		scan->path = target;
		return text[target.off] == '/' || km_is(text, scan->method, "OPTIONS");
	}
	return km_take_absolute(scan, text);
}
