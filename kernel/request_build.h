/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Turns a scanned head into the record that eBPF programs read (kmesh/request.h). */
#ifndef KMESH_REQUEST_BUILD_H
#define KMESH_REQUEST_BUILD_H

#include "http1_head.h"

/* A request of which nothing but the verdict is known. */
void km_request_init(struct km_request *request, u32 verdict);

/* Bytes that km_request_build needs besides the record, after KM_HEAD_COMPLETE. */
size_t km_request_room(const struct km_scan *scan);

/*
 * Fills the record. All that it points to lies in the room, which is aligned as
 * a u64 and has km_request_room() bytes; the text is not needed afterwards. Does
 * not allocate and does not sleep.
 */
void km_request_build(struct km_request *request, void *room, const u8 *text, const struct km_scan *scan);

#endif /* KMESH_REQUEST_BUILD_H */
