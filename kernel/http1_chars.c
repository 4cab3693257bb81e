// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "http1_chars.h"

/* Constant expressions: the compiler makes the table. */
#define ALPHA(c) (((c) >= 'a' && (c) <= 'z') || ((c) >= 'A' && (c) <= 'Z'))
#define DIGIT(c) ((c) >= '0' && (c) <= '9')
#define VISIBLE(c) ((c) >= 0x21 && (c) <= 0x7e)

#define TOKEN_SIGN(c) ((c) == '!' || (c) == '#' || (c) == '$' || (c) == '%' || (c) == '&' || (c) == '\'' || \
		       (c) == '*' || (c) == '+' || (c) == '-' || (c) == '.' || (c) == '^' || (c) == '_' || \
		       (c) == '`' || (c) == '|' || (c) == '~')
#define TOKEN(c) (ALPHA(c) || DIGIT(c) || TOKEN_SIGN(c))

/* obs-text is every byte with its highest bit set. */
#define VALUE(c) (VISIBLE(c) || (c) == ' ' || (c) == '\t' || (c) >= 0x80)

#define UNRESERVED(c) (ALPHA(c) || DIGIT(c) || (c) == '-' || (c) == '.' || (c) == '_' || (c) == '~')
#define SUB_DELIM(c) ((c) == '!' || (c) == '$' || (c) == '&' || (c) == '\'' || (c) == '(' || (c) == ')' || \
		      (c) == '*' || (c) == '+' || (c) == ',' || (c) == ';' || (c) == '=')
#define HOST(c) (UNRESERVED(c) || SUB_DELIM(c) || (c) == '%')

#define SCHEME(c) (ALPHA(c) || DIGIT(c) || (c) == '+' || (c) == '-' || (c) == '.')

#define KINDS(c) ((TOKEN(c) ? KM_CHAR_TOKEN : 0) | (VISIBLE(c) ? KM_CHAR_VISIBLE : 0) | (VALUE(c) ? KM_CHAR_VALUE : 0) | \
		  (HOST(c) ? KM_CHAR_HOST : 0) | (HOST(c) || (c) == ':' ? KM_CHAR_HOST_COLON : 0) | \
		  (SCHEME(c) ? KM_CHAR_SCHEME : 0) | (DIGIT(c) ? KM_CHAR_DIGIT : 0))

#define FOUR(c) KINDS(c), KINDS((c) + 1), KINDS((c) + 2), KINDS((c) + 3)
#define SIXTEEN(c) FOUR(c), FOUR((c) + 4), FOUR((c) + 8), FOUR((c) + 12)
#define SIXTY_FOUR(c) SIXTEEN(c), SIXTEEN((c) + 16), SIXTEEN((c) + 32), SIXTEEN((c) + 48)

const u8 km_chars[256] = { SIXTY_FOUR(0), SIXTY_FOUR(64), SIXTY_FOUR(128), SIXTY_FOUR(192) };
