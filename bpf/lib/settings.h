/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_LIB_SETTINGS_H
#define KMESH_LIB_SETTINGS_H

#include "kmesh/layout.h"

/*
 * The verifier knows the numbers in .rodata and does not look at what they make
 * unreachable (5.5, kernel commit a23740ec43ba): helpers that a kernel refuses
 * are no trouble behind a setting that is 0.
 */
const volatile struct km_settings km_settings = {};

#endif /* KMESH_LIB_SETTINGS_H */
