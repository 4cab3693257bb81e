/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_CNI_NETNS_H
#define KMESH_CNI_NETNS_H

#include "request.h"

/*
 * Learns what can be known of the namespace at `path`: its identity, and from Linux 5.14 on its cookie, for which this process enters it and
 * comes back. What cannot be learnt stays 0. The namespace stays open, for `handle`, until the process ends.
 *
 * Returns what was in the way, NULL if nothing; an old kernel is nothing.
 */
const char *netns_learn(struct netns *netns, const char *path);

#endif
