/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* libFuzzer's target: any text keeps the properties of headCheck.h. */
#include "headCheck.h"

/* A few for each of many texts, so that all places of a cut come up. */
#define PIECES 16

int LLVMFuzzerTestOneInput(const u8 *text, size_t len);

int LLVMFuzzerTestOneInput(const u8 *text, size_t len)
{
	struct head_opinion opinion;

	head_check(&opinion, text, len, PIECES);
	head_forget(&opinion);
	return 0;
}
