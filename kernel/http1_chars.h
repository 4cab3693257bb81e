/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which bytes may stand where in the head of an HTTP/1 request. */
#ifndef KMESH_HTTP1_CHARS_H
#define KMESH_HTTP1_CHARS_H

#include "text.h"

enum km_char {
	KM_CHAR_TOKEN = 1,      /* tchar, RFC 9110 section 5.6.2: methods and header names */
	KM_CHAR_VISIBLE = 2,    /* VCHAR, RFC 5234: targets */
	KM_CHAR_VALUE = 4,      /* field-vchar, SP and HTAB, RFC 9110 section 5.5 */
	KM_CHAR_HOST = 8,       /* reg-name, RFC 3986 section 3.2.2 */
	KM_CHAR_HOST_COLON = 16, /* the same and ":": user information, addresses in brackets */
	KM_CHAR_SCHEME = 32,    /* RFC 3986 section 3.1 */
	KM_CHAR_DIGIT = 64,
};

/* A sum of enum km_char for every byte. */
extern const u8 km_chars[256];

static inline bool km_char_is(u8 c, enum km_char kind)
{
	return km_chars[c] & kind;
}

/* Are all bytes of that kind? Also true of no bytes. */
static inline bool km_all(const u8 *text, u32 len, enum km_char kind)
{
	u32 i;

	for (i = 0; i < len; i++)
		if (!km_char_is(text[i], kind))
			return false;
	return true;
}

#endif /* KMESH_HTTP1_CHARS_H */
