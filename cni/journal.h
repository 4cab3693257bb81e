/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_CNI_JOURNAL_H
#define KMESH_CNI_JOURNAL_H

#include "request.h"

/* Bytes of the log before it is renamed to KM_CNI_LOG ".1", in place of the one before: two of them are there at most. */
#define JOURNAL_MAX (1 << 20)

/* Adds a line to KM_CNI_LOG. No disk and no folder is no reason for a pod not to start: trouble is kept silent. */
void journal_write(const struct invocation *call, const char *level, const char *what, const char *why, long long ms);

#endif
