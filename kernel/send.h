/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_SEND_H
#define KMESH_SEND_H

#include <net/sock.h>

/* No errno and no count of bytes: tcp_sendmsg() is to do the rest. */
#define KM_GO_ON INT_MIN

/* What there is to do before a send. Returns KM_GO_ON, or the result of the whole send. */
int km_send(struct sock *sk, struct msghdr *msg, size_t size);

#ifdef KM_HAVE_SENDPAGE
int km_sendpage(struct sock *sk, struct page *page, int offset, size_t size, int flags);
#endif

#endif /* KMESH_SEND_H */
