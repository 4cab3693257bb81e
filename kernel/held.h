/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A socket that this module holds. Reached from the socket by icsk_ulp_data, with icsk_ulp_ops
 * as the mark: with it set, setsockopt(TCP_ULP) says EEXIST before kTLS would copy our
 * operations for other sockets (net/tls: tls_build_proto), and sockmap says EINVAL
 * (net/core/skmsg.c: sk_psock_init).
 *
 * All fields but refs and work belong to who has the socket's lock.
 */
#ifndef KMESH_HELD_H
#define KMESH_HELD_H

#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/workqueue.h>
#include <net/inet_connection_sock.h>

#include "collect.h"
#include "family.h"

enum km_phase {
	KM_DEFERRED,   /* connect() has returned, and nothing has been sent */
	KM_DECIDING,   /* it is really connected, under one lock: what comes to our operations is meant for TCP */
	KM_CONNECTING, /* the SYN is out, and there is still something to do for the client */
	KM_RELEASED,   /* the socket is TCP's again */
};

struct km_held {
	refcount_t refs; /* one of the socket until it is released, one of the work that is queued */
	enum km_phase phase;
	struct sock *sk; /* with a reference of its own */
	const struct km_family *family;
	struct list_head entry;
	struct delayed_work work; /* at the deadline, and when the connection stands or has failed */
	unsigned long deadline; /* of the phase */
	unsigned long soonest;  /* the same while the module is drained */

	bool kick;       /* KM_CONNECTING: bytes are queued behind the SYN */
	bool fin_owed;   /* KM_CONNECTING: the client has ended its side */
	bool abandoned;  /* KM_CONNECTING: the client has closed; the socket is ours alone */
	void (*state_change)(struct sock *sk); /* KM_CONNECTING: the socket's own */

	struct km_collect collect;

	int address_len;
	struct sockaddr_storage address; /* as given to connect() */
};

extern const struct tcp_ulp_ops km_ulp_ops;

int km_held_init(void);
void km_held_exit(void);

/* All with the socket locked. */

/* Is the socket ours? It may be armed only, with km_held_of() NULL. */
static inline bool km_is_own(const struct sock *sk)
{
	return inet_csk(sk)->icsk_ulp_ops == &km_ulp_ops;
}

static inline struct km_held *km_held_of(const struct sock *sk)
{
	if (!km_is_own(sk))
		return NULL;
	return rcu_dereference_protected(inet_csk(sk)->icsk_ulp_data, lockdep_sock_is_held(sk));
}

/* An armed socket becomes a held one. NULL: no memory. */
struct km_held *km_hold(struct sock *sk, const struct km_family *family, const void *address, int address_len);

/* Is this call one that the real connect() makes? */
static inline bool km_is_deciding(const struct sock *sk)
{
	const struct km_held *held = km_held_of(sk);

	return held && held->phase == KM_DECIDING;
}

/* Gives the socket's operations back to TCP; the mark stays. */
void km_step_aside(struct sock *sk, const struct km_family *family);

/* The socket is TCP's again, in the state that it has now. May free it all: held is not to be touched any more. */
void km_let_go(struct km_held *held);

/* The same for a socket that is armed only. */
void km_disarm(struct sock *sk, const struct km_family *family);

/* The work runs after this time at the latest; if it waits already, at that time instead. */
void km_work_in(struct km_held *held, unsigned long delay);

/* Everyone who is held: the work runs after this time. Any context that may sleep. */
void km_work_all_in(unsigned long delay);

#endif /* KMESH_HELD_H */
