/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * judgeHeads < TEXTS > OPINIONS
 *
 * Each text comes as its length, 4 bytes in the machine's order, and its bytes. For
 * each there is a line of JSON with all that the scanner and the record say; bytes
 * as the code points of the same number.
 */
#include <stdio.h>
#include <stdlib.h>

#include "headCheck.h"

/* Every byte of an ordinary head. Longer ones grow by more at a time: copying them each time has to end. */
#define PIECES 4096

static void print_bytes(const u8 *text, u32 len)
{
	u32 i;

	putchar('"');
	for (i = 0; i < len; i++)
		if (text[i] >= 0x20 && text[i] < 0x7f && text[i] != '"' && text[i] != '\\')
			putchar(text[i]);
		else
			printf("\\u%04x", text[i]);
	putchar('"');
}

static void print_part(const u8 *text, struct km_text part)
{
	print_bytes(text + part.off, part.len);
}

static void print_lines(const struct km_scan *scan, const u8 *text)
{
	u32 i;

	printf(",\"lines\":[");
	for (i = 0; i < scan->n_headers; i++) {
		printf("%s[", i ? "," : "");
		print_part(text, scan->headers[i].name);
		putchar(',');
		print_part(text, scan->headers[i].value);
		putchar(']');
	}
	putchar(']');
}

static void print_pairs(const char *name, const u8 *text, u64 at, u32 n)
{
	const struct km_pair *pairs = (const struct km_pair *)at;
	u32 i;

	printf(",\"%s\":[", name);
	for (i = 0; i < n; i++) {
		printf("%s[\"%016llx\",", i ? "," : "", (unsigned long long)pairs[i].hash);
		print_part(text, pairs[i].name);
		putchar(',');
		print_part(text, pairs[i].value);
		putchar(']');
	}
	putchar(']');
}

static void print_host(const char *name, const char *host, const char *reversed, u32 len)
{
	printf(",\"%s\":[", name);
	print_bytes((const u8 *)host, len);
	putchar(',');
	print_bytes((const u8 *)reversed, len);
	putchar(']');
}

static void print_request(const struct km_request *request)
{
	static const char *const names[KM_FIELDS] = { "method", "path", "fullPath", "authority", "scheme" };
	const u8 *text = (const u8 *)request->text;
	u32 i;

	printf(",\"request\":{\"fields\":{");
	for (i = 0; i < KM_FIELDS; i++) {
		printf("%s\"%s\":", i ? "," : "", names[i]);
		print_part(text, request->field[i]);
	}
	putchar('}');
	print_pairs("headers", text, request->headers, request->n_headers);
	print_pairs("params", text, request->params, request->n_params);
	print_host("host", request->host, request->host_reversed, request->host_len);
	print_host("bare", request->bare, request->bare_reversed, request->bare_len);
	putchar('}');
}

static void print_opinion(const struct head_opinion *opinion, const u8 *text)
{
	const struct km_scan *scan = &opinion->scan;

	printf("{\"verdict\":%u,\"decidedAt\":%u", scan->verdict, opinion->decided_at);
	if (scan->verdict == KM_HEAD_COMPLETE) {
		printf(",\"headLen\":%u,\"minor\":%u,\"method\":", scan->head_len, scan->minor);
		print_part(text, scan->method);
		printf(",\"target\":");
		print_part(text, scan->target);
		printf(",\"host\":");
		if (scan->has_host)
			print_part(text, scan->host.text);
		else
			printf("null");
		print_lines(scan, text);
		print_request(&opinion->request);
	}
	printf("}\n");
}

int main(void)
{
	u32 len;

	while (fread(&len, sizeof(len), 1, stdin) == 1) {
		struct head_opinion opinion;
		u8 *text = malloc(len ? len : 1);

		if (!text || fread(text, 1, len, stdin) != len) {
			fprintf(stderr, "judgeHeads: a text of %u bytes does not come\n", len);
			return 2;
		}
		head_check(&opinion, text, len, PIECES);
		print_opinion(&opinion, text);
		head_forget(&opinion);
		free(text);
	}
	return 0;
}
