// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "json.h"

#include <stdio.h>
#include <string.h>

struct cursor {
	const char *at;
	const char *end;
};

static bool skip_value(struct cursor *c, unsigned int depth);

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static void skip_blanks(struct cursor *c)
{
	while (c->at < c->end && is_blank(*c->at))
		c->at++;
}

static bool take(struct cursor *c, char wanted)
{
	if (c->at == c->end || *c->at != wanted)
		return false;
	c->at++;
	return true;
}

static bool take_word(struct cursor *c, const char *word)
{
	const size_t len = strlen(word);

	if ((size_t)(c->end - c->at) < len || memcmp(c->at, word, len))
		return false;
	c->at += len;
	return true;
}

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

static int hex_digit(char byte)
{
	if (is_digit(byte))
		return byte - '0';
	if (byte >= 'a' && byte <= 'f')
		return byte - 'a' + 10;
	return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

static bool skip_digits(struct cursor *c)
{
	const char *from = c->at;

	while (c->at < c->end && is_digit(*c->at))
		c->at++;
	return c->at > from;
}

static bool skip_number(struct cursor *c)
{
	take(c, '-');
	if (!take(c, '0') && !skip_digits(c))
		return false;
	if (take(c, '.') && !skip_digits(c))
		return false;
	if (take(c, 'e') || take(c, 'E')) {
		if (!take(c, '+'))
			take(c, '-');
		return skip_digits(c);
	}
	return true;
}

/* Four hexadecimal digits; -1: they are not. */
static long take_hex(struct cursor *c)
{
	long value = 0;
	int i;

	for (i = 0; i < 4; i++) {
		const int digit = c->at < c->end ? hex_digit(*c->at) : -1;

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
		c->at++;
	}
	return value;
}

static const char escapes[] = "\"\\/bfnrt";

static bool skip_escape(struct cursor *c)
{
	if (take(c, 'u'))
		return take_hex(c) >= 0;
	return c->at < c->end && *c->at && strchr(escapes, *c->at++);
}

static bool skip_string(struct cursor *c)
{
	if (!take(c, '"'))
		return false;
	while (c->at < c->end) {
		const unsigned char byte = *c->at++;

		if (byte == '"')
			return true;
		if (byte < 0x20)
			return false;
		if (byte == '\\' && !skip_escape(c))
			return false;
	}
	return false;
}

static bool skip_array(struct cursor *c, unsigned int depth)
{
	take(c, '[');
	skip_blanks(c);
	if (take(c, ']'))
		return true;
	do {
		if (!skip_value(c, depth))
			return false;
	} while (take(c, ','));
	return take(c, ']');
}

/* Steps over a name and its colon. */
static bool skip_name(struct cursor *c, struct slice *name)
{
	skip_blanks(c);
	name->at = c->at;
	if (!skip_string(c))
		return false;
	name->len = c->at - name->at;
	skip_blanks(c);
	return take(c, ':');
}

static bool skip_object(struct cursor *c, unsigned int depth)
{
	struct slice name;

	take(c, '{');
	skip_blanks(c);
	if (take(c, '}'))
		return true;
	do {
		if (!skip_name(c, &name) || !skip_value(c, depth))
			return false;
	} while (take(c, ','));
	return take(c, '}');
}

/* Steps over a value and the blanks around it. */
static bool skip_value(struct cursor *c, unsigned int depth)
{
	bool good;

	skip_blanks(c);
	if (c->at == c->end || depth == 0)
		return false;
	switch (*c->at) {
	case '{':
		good = skip_object(c, depth - 1);
		break;
	case '[':
		good = skip_array(c, depth - 1);
		break;
	case '"':
		good = skip_string(c);
		break;
	case 't':
		good = take_word(c, "true");
		break;
	case 'f':
		good = take_word(c, "false");
		break;
	case 'n':
		good = take_word(c, "null");
		break;
	default:
		good = skip_number(c);
	}
	skip_blanks(c);
	return good;
}

static struct slice without_blanks(const char *from, const char *to)
{
	struct cursor c = { from, to };

	skip_blanks(&c);
	while (to > c.at && is_blank(to[-1]))
		to--;
	return (struct slice){ c.at, to - c.at };
}

bool json_valid(struct slice *text)
{
	struct cursor c = { text->at, text->at + text->len };

	if (!skip_value(&c, KM_JSON_DEPTH) || c.at != c.end)
		return false;
	*text = without_blanks(text->at, c.end);
	return true;
}

char json_kind(struct slice value)
{
	return value.len ? *value.at : '\0';
}

/* Longer than any name that is looked for. */
#define NAME_MAX_BYTES 64

enum json_found json_member(struct slice object, const char *name, struct slice *value)
{
	struct cursor c = { object.at, object.at + object.len };
	enum json_found found = JSON_ABSENT;
	char decoded[NAME_MAX_BYTES];
	struct slice key;

	if (!take(&c, '{'))
		return JSON_ABSENT;
	do {
		const char *from;

		if (!skip_name(&c, &key))
			break;
		from = c.at;
		if (!skip_value(&c, KM_JSON_DEPTH))
			break;
		if (!json_string(key, decoded, sizeof(decoded)) || strcmp(decoded, name))
			continue;
		if (found != JSON_ABSENT)
			return JSON_TWICE;
		found = JSON_FOUND;
		*value = without_blanks(from, c.at);
	} while (take(&c, ','));
	return found;
}

/* UTF-8 of a code point that is no surrogate and not 0. */
static size_t encode(unsigned long point, char *to)
{
	if (point < 0x80) {
		to[0] = point;
		return 1;
	}
	if (point < 0x800) {
		to[0] = 0xc0 | point >> 6;
		to[1] = 0x80 | (point & 0x3f);
		return 2;
	}
	if (point < 0x10000) {
		to[0] = 0xe0 | point >> 12;
		to[1] = 0x80 | (point >> 6 & 0x3f);
		to[2] = 0x80 | (point & 0x3f);
		return 3;
	}
	to[0] = 0xf0 | point >> 18;
	to[1] = 0x80 | (point >> 12 & 0x3f);
	to[2] = 0x80 | (point >> 6 & 0x3f);
	to[3] = 0x80 | (point & 0x3f);
	return 4;
}

/* The character of the escape behind a backslash; 0: it stands for none that a string may hold. */
static unsigned long take_escape(struct cursor *c)
{
	static const char meant[] = "\"\\/\b\f\n\r\t";
	long high, low;

	if (!take(c, 'u'))
		return c->at < c->end && *c->at ? meant[strchr(escapes, *c->at++) - escapes] : 0;
	high = take_hex(c);
	if (high < 0xd800 || high > 0xdfff)
		return high > 0 ? high : 0;
	if (high > 0xdbff || !take(c, '\\') || !take(c, 'u'))
		return 0;
	low = take_hex(c);
	return low >= 0xdc00 && low <= 0xdfff ? 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00) : 0;
}

bool json_string(struct slice value, char *to, size_t size)
{
	struct cursor c = { value.at, value.at + value.len };
	size_t len = 0;

	if (!take(&c, '"'))
		return false;
	while (c.at < c.end && *c.at != '"') {
		char bytes[4] = { *c.at++ };
		size_t count = 1;

		if (bytes[0] == '\\') {
			const unsigned long point = take_escape(&c);

			if (!point)
				return false;
			count = encode(point, bytes);
		}
		if (len + count >= size)
			return false;
		memcpy(to + len, bytes, count);
		len += count;
	}
	to[len] = '\0';
	return true;
}

bool json_is_number(struct slice value, unsigned int number)
{
	char text[16];
	const int len = snprintf(text, sizeof(text), "%u", number);

	return value.len == (size_t)len && !memcmp(value.at, text, len);
}
