/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_CONNECTING_H
#define KMESH_CONNECTING_H

#include "held.h"

/*
 * After km_decide(): queues the first bytes of the collected text. The socket is watched (KM_CONNECTING) when there
 * are such bytes or watch says so, else let go. Returns whether it is watched now, or a negative error when it has failed.
 */
int km_proceed(struct km_held *held, u32 bytes, bool watch);

/* A watched connection stands, has failed, or is due. Returns what is to be done without the lock. */
enum km_settled {
	KM_SETTLED_NOTHING,
	KM_SETTLED_KICK,
	KM_SETTLED_CLOSE,
};

enum km_settled km_settle(struct km_held *held);

#endif /* KMESH_CONNECTING_H */
