/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_CNI_EXCHANGE_H
#define KMESH_CNI_EXCHANGE_H

#include "request.h"

/* Milliseconds of a clock that is never set. */
long long clock_ms(void);

/* Sends a request to kmesh-daemon and reads its answer, all of it before `deadline`, a time of clock_ms(). Never fails otherwise than by its verdict. */
void exchange(struct verdict *verdict, struct slice request, long long deadline);

#endif
