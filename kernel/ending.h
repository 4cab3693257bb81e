/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* close(), shutdown() and connect(AF_UNSPEC) of a socket that is held. */
#ifndef KMESH_ENDING_H
#define KMESH_ENDING_H

#include <linux/net.h>
#include <net/sock.h>

/* Returns whether tcp_close() is to follow; else it will be done when what the client has sent is on its way. */
bool km_end(struct sock *sk);

/* It has been done. */
void km_abandoned_done(void);

int km_disconnect(struct sock *sk, int flags);
int km_shutdown(struct socket *sock, int how);

#endif /* KMESH_ENDING_H */
