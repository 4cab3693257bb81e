/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_PUBLISH_H
#define KMESH_PUBLISH_H

#include <kmesh/request.h>
#include <net/sock.h>

void km_publish_init(void);
void km_publish_exit(void);

/* Shows the eBPF programs what is known of the request on this socket, until it is withdrawn. */
void km_publish(struct sock *sk, const struct km_request *request);
void km_withdraw(struct sock *sk);

/* The record of a request of which nothing but the verdict is known; lives as long as the module. */
const struct km_request *km_request_unread(u32 verdict);

#endif /* KMESH_PUBLISH_H */
