/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Text that is put together in a buffer of a known size; what does not fit is not there, and is told at the end. */
#ifndef KMESH_CNI_LINE_H
#define KMESH_CNI_LINE_H

#include <stdbool.h>
#include <stddef.h>

struct line {
	char *text;
	size_t size;
	size_t len;
	bool overflow;
};

void line_add(struct line *line, const char *text);
void line_bytes(struct line *line, const char *from, size_t len);
void line_number(struct line *line, unsigned long long number);

/* A string of JSON with its quotes; bytes outside of printable ASCII become \u00XX. */
void line_string(struct line *line, const char *text);

#endif
