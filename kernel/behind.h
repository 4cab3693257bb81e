/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_BEHIND_H
#define KMESH_BEHIND_H

#include <net/sock.h>

/*
 * Queues bytes on a socket whose SYN has just gone out; TCP sends them when the SYN-ACK comes. All of them, or an
 * error. Does not wait.
 */
int km_queue_behind(struct sock *sk, u8 *text, u32 len);

#endif /* KMESH_BEHIND_H */
