/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the scanner has judged part by part. All return false for what RFC 9112 calls invalid. */
#ifndef KMESH_HTTP1_PARTS_H
#define KMESH_HTTP1_PARTS_H

#include "http1_head.h"

/* The request line is read: takes the target apart. */
bool km_take_target(struct km_scan *scan, const u8 *text);

/* The part of the text as uri-host [ ":" port ]; empty is valid. */
bool km_take_authority(struct km_authority *authority, const u8 *text, struct km_text part);

/* A header line is read: notes what says whom the request is for and where its body ends. */
bool km_take_line(struct km_scan *scan, const u8 *text, const struct km_head_line *line);

#endif /* KMESH_HTTP1_PARTS_H */
