/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads texts, each with its length as four bytes (little endian) before it, and writes for each, with a NUL behind it: `no`, or `yes` and the length of
 * the member "k" as it stands there, or `yes twice`; behind a tab what it is decoded, where it is a string that can be.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "json.h"

static void tell(struct slice text)
{
	struct slice value = {};
	char decoded[256];

	if (!json_valid(&text)) {
		fputs("no", stdout);
		return;
	}
	switch (json_member(text, "k", &value)) {
	case JSON_TWICE:
		fputs("yes twice", stdout);
		return;
	case JSON_ABSENT:
		fputs("yes", stdout);
		return;
	default:
		printf("yes %zu", value.len);
		if (json_string(value, decoded, sizeof(decoded)))
			printf("\t%s", decoded);
	}
}

int main(void)
{
	uint32_t len;

	while (fread(&len, sizeof(len), 1, stdin) == 1) {
		char *text = malloc(len ? len : 1);

		if (!text || (len && fread(text, len, 1, stdin) != 1))
			return EXIT_FAILURE;
		tell((struct slice){ text, len });
		putchar('\0');
		free(text);
	}
	return EXIT_SUCCESS;
}
