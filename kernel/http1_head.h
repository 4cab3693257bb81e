/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Scanner for the head of an HTTP/1 request (RFC 9112). Strict, bounded, without
 * allocation. It keeps offsets only, so the text may move between two calls. What
 * it takes and what it refuses where the RFC leaves a choice: docs/http1.md.
 */
#ifndef KMESH_HTTP1_HEAD_H
#define KMESH_HTTP1_HEAD_H

#include <kmesh/request.h>

#include "text.h"

struct km_head_line {
	struct km_text name;
	struct km_text value; /* without the whitespace around it */
};

/* uri-host [ ":" port ], as in Host. */
struct km_authority {
	struct km_text text;
	u32 bare_len; /* without ":PORT"; brackets of an IPv6 address stay */
};

/* What the Transfer-Encoding lines so far end with. */
enum km_coding {
	KM_CODING_NONE = 0,
	KM_CODING_OTHER,
	KM_CODING_CHUNKED,
};

/* All zero: nothing read yet. About 2 kB; what a caller reads is valid after KM_HEAD_COMPLETE. */
struct km_scan {
	u32 pos;  /* bytes that are read */
	u32 mark; /* where the part begins that is being read */
	u8 state;
	u8 verdict; /* enum km_head_verdict; 0: more is needed */
	u8 minor;   /* of HTTP/1.minor */
	u8 coding;  /* enum km_coding */
	bool has_host;
	u32 head_len; /* with empty lines before it and the one that ends it */
	u32 n_headers;
	struct km_text method;
	struct km_text target;
	struct km_text scheme;         /* of an absolute-form target, else empty */
	struct km_text path;           /* part of the target, with query and fragment; may be empty */
	struct km_authority authority; /* whom the request is for; empty when it names nobody that counts */
	struct km_authority host;      /* as the Host line says */
	struct km_text content_length;
	struct km_head_line headers[KM_MAX_HEADERS];
};

/*
 * To be called with all the text collected so far: the same bytes as before and
 * more. Goes on where it stopped, so that a head costs the same in one piece and
 * byte by byte. Returns 0 while more is needed, else a verdict, and the same one
 * from then on:
 *   KM_HEAD_COMPLETE, KM_HEAD_TLS, KM_HEAD_HTTP2;
 *   KM_HEAD_NOT_HTTP: wrong before the request line said "HTTP/1.";
 *   KM_HEAD_BAD: wrong after that;
 *   KM_HEAD_TOO_LARGE: more than KM_MAX_HEADERS headers.
 * Each as soon as the bytes tell. The limit on bytes is the caller's.
 */
u32 km_scan_feed(struct km_scan *scan, const u8 *text, u32 len);

#endif /* KMESH_HTTP1_HEAD_H */
