/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads JSON (RFC 8259) where it lies: values are slices of the text, nothing is copied but strings that are asked for, and nothing is
 * allocated. Bytes from 0x80 on are taken in strings as they are.
 */
#ifndef KMESH_CNI_JSON_H
#define KMESH_CNI_JSON_H

#include <stdbool.h>
#include <stddef.h>

/* Values in values; what container runtimes write has five. */
#define KM_JSON_DEPTH 64

struct slice {
	const char *at;
	size_t len;
};

enum json_found {
	JSON_ABSENT,
	JSON_FOUND,
	/* Readers do not agree on which of two members of one name counts: none does here. */
	JSON_TWICE,
};

/* Whether the text is one JSON value with nothing but blanks around it, which are taken off then. */
bool json_valid(struct slice *text);

/* First byte of a value that json_valid() has seen: '{', '[', '"', 't', 'f', 'n', '-' or a digit. */
char json_kind(struct slice value);

/* A member of an object; both are part of a text that json_valid() has seen. JSON_ABSENT for what is no object. */
enum json_found json_member(struct slice object, const char *name, struct slice *value);

/*
 * A string, decoded and with a NUL behind it. False, with nothing of use in `to`: the value is no string, or has a NUL in it, or is
 * too long, or an escape that stands for no character.
 */
bool json_string(struct slice value, char *to, size_t size);

/* Whether the value is a number that is written as this one. */
bool json_is_number(struct slice value, unsigned int number);

#endif
