// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "line.h"

#include <stdio.h>
#include <string.h>

void line_bytes(struct line *line, const char *from, size_t len)
{
	if (line->overflow || len > line->size - line->len) {
		line->overflow = true;
		return;
	}
	memcpy(line->text + line->len, from, len);
	line->len += len;
}

void line_add(struct line *line, const char *text)
{
	line_bytes(line, text, strlen(text));
}

void line_number(struct line *line, unsigned long long number)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", number);
	line_add(line, text);
}

void line_string(struct line *line, const char *text)
{
	line_add(line, "\"");
	for (; *text; text++) {
		const unsigned char byte = *text;
		char escaped[8];

		if (byte == '"' || byte == '\\')
			line_add(line, "\\");
		if (byte >= ' ' && byte <= '~') {
			line_bytes(line, text, 1);
		} else {
			snprintf(escaped, sizeof(escaped), "\\u%04x", byte);
			line_add(line, escaped);
		}
	}
	line_add(line, "\"");
}
