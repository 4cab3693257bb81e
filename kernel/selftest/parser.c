// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../http1_head.h"
#include "../request_build.h"
#include "selftest.h"

struct km_head_case {
	const char *text;
	u32 verdict;
};

static const struct km_head_case km_heads[] __initconst = {
	{ "GET /a HTTP/1.1\r\nHost: b\r\n\r\n", KM_HEAD_COMPLETE },
	{ "GET /a HTTP/1.1\r\nHost: b\r\n", 0 },
	{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", KM_HEAD_HTTP2 },
	{ "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", KM_HEAD_TLS },
	{ "\x01\x02\x03\x04", KM_HEAD_NOT_HTTP },
	{ "GET /a HTTP/1.1\r\nHost b\r\n\r\n", KM_HEAD_BAD },
};

/* TLS records have zeros in them. */
static u32 __init km_head_len(const struct km_head_case *head)
{
	return head->verdict == KM_HEAD_TLS ? 11 : strlen(head->text);
}

/* Byte by byte, as the worst client sends it. */
static u32 __init km_head_scan(struct km_scan *scan, const struct km_head_case *head)
{
	u32 verdict = 0;
	u32 len;

	memset(scan, 0, sizeof(*scan));
	for (len = 1; len <= km_head_len(head) && !verdict; len++)
		verdict = km_scan_feed(scan, head->text, len);
	return verdict;
}

static bool __init km_head_built(const struct km_scan *scan, const char *text)
{
	size_t room = km_request_room(scan);
	struct km_request *request = kmalloc(sizeof(*request) + room, GFP_KERNEL);
	bool right;

	if (!request)
		return false;
	km_request_build(request, request + 1, text, scan);
	right = request->host_len == 1 && request->host[0] == 'b' && request->n_headers == 1 &&
		request->field[KM_FIELD_PATH].len == 2;
	kfree(request);
	return right;
}

bool __init km_selftest_parser(void)
{
	struct km_scan *scan = kmalloc(sizeof(*scan), GFP_KERNEL);
	bool right = scan;
	size_t i;

	for (i = 0; right && i < ARRAY_SIZE(km_heads); i++) {
		right = km_head_scan(scan, &km_heads[i]) == km_heads[i].verdict;
		if (right && km_heads[i].verdict == KM_HEAD_COMPLETE)
			right = km_head_built(scan, km_heads[i].text);
	}
	kfree(scan);
	return right;
}
