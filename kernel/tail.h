/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Operations that end in one of TCP's that may wait as long as the peer likes: a send, or a close() with SO_LINGER.
 * They jump there, so that no return address into this module is left on a stack: else a slow peer would keep it from being
 * removed. selftest/tail.c proves that they do.
 */
#ifndef KMESH_TAIL_H
#define KMESH_TAIL_H

#include <net/sock.h>

int km_sendmsg(struct sock *sk, struct msghdr *msg, size_t size);
void km_close(struct sock *sk, long timeout);

/* Goes on in the given function, by a jump like the others. */
unsigned long km_tail(unsigned long (*function)(void));

#endif /* KMESH_TAIL_H */
