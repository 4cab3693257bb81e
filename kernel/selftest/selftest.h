/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What must hold on this kernel, with this compiler; else the module refuses to be loaded. */
#ifndef KMESH_SELFTEST_H
#define KMESH_SELFTEST_H

#include <linux/types.h>

bool km_selftest_parser(void);
bool km_selftest_tail(void);

#endif /* KMESH_SELFTEST_H */
