/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The bytes in which the request's head is looked for: those that the client has handed over in earlier
 * sends ("held"), and behind them, for as long as one send is looked at, a copy of its bytes ("peeked").
 */
#ifndef KMESH_COLLECT_H
#define KMESH_COLLECT_H

#include <kmesh/request.h>
#include <linux/socket.h>

#include "http1_head.h"

struct km_collect {
	u8 *text;
	u32 capacity;
	u32 limit; /* head_max when the connection was taken over */
	u32 held;
	u32 peeked;
	struct km_scan *scan; /* NULL until the first byte */
};

/*
 * Copies as much of the message, which is not empty, as the scanner needs, and takes nothing of it. Returns a
 * verdict, 0 when all that can be read of it is peeked and more is needed, or an error: -EFAULT, -ENOMEM.
 */
int km_collect_peek(struct km_collect *collect, const struct msghdr *msg, size_t size);

/* The peeked bytes are held from now on. */
void km_collect_keep(struct km_collect *collect);

void km_collect_free(struct km_collect *collect);

#endif /* KMESH_COLLECT_H */
