/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where kernels differ in sockets. KM_HAVE_*: Kbuild, from the headers. */
#ifndef KMESH_COMPAT_SOCKET_H
#define KMESH_COMPAT_SOCKET_H

#include <net/inet_sock.h>

#ifdef KM_HAVE_SOCKADDR_UNSIZED
typedef struct sockaddr_unsized km_sockaddr;
#else
typedef struct sockaddr km_sockaddr;
#endif

/* With TCP_SYN_SENT: connect() has succeeded and the SYN goes out with the first send. Made for TCP_FASTOPEN_CONNECT. */
static inline void km_set_defer_connect(struct sock *sk, bool on)
{
#ifdef KM_HAVE_INET_FLAGS
	inet_assign_bit(DEFER_CONNECT, sk, on);
#else
	inet_sk(sk)->defer_connect = on;
#endif
}

#endif /* KMESH_COMPAT_SOCKET_H */
