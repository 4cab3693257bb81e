/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Operations of struct proto on a socket that is armed, see takeover.c. */
#ifndef KMESH_DEFER_H
#define KMESH_DEFER_H

#include "compat/socket.h"

int km_pre_connect(struct sock *sk, km_sockaddr *address, int address_len);
int km_connect(struct sock *sk, km_sockaddr *address, int address_len);
int km_listen(struct sock *sk);

#endif /* KMESH_DEFER_H */
