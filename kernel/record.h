/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_RECORD_H
#define KMESH_RECORD_H

#include "collect.h"

/*
 * The record to be published, and the count of its verdict. An error instead of a verdict, or no memory, makes one
 * that says "too large".
 */
const struct km_request *km_request_make(const struct km_collect *collect, int verdict);
void km_request_free(const struct km_request *request);

#endif /* KMESH_RECORD_H */
