// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <net/tcp.h>

#include "counters.h"
#include "held.h"
#include "work.h"

/* Never registered: a mark, and what getsockopt(TCP_ULP) and ss show. The owner is for tcp_cleanup_ulp(). */
const struct tcp_ulp_ops km_ulp_ops = { .name = "kmesh", .owner = THIS_MODULE };

static struct workqueue_struct *km_queue;
static LIST_HEAD(km_list);
static DEFINE_SPINLOCK(km_list_lock);

static void km_held_put(struct km_held *held)
{
	if (!refcount_dec_and_test(&held->refs))
		return;
	sock_put(held->sk);
	kfree(held);
}

static void km_held_work(struct work_struct *work)
{
	struct km_held *held = container_of(to_delayed_work(work), struct km_held, work);

	km_work(held);
	km_held_put(held);
}

void km_work_in(struct km_held *held, unsigned long delay)
{
	refcount_inc(&held->refs);
	if (mod_delayed_work(km_queue, &held->work, delay))
		refcount_dec(&held->refs); /* it was queued already, with a reference of its own */
}

void km_work_all_in(unsigned long delay)
{
	struct km_held *held;

	spin_lock(&km_list_lock);
	list_for_each_entry(held, &km_list, entry)
		km_work_in(held, delay);
	spin_unlock(&km_list_lock);
}

struct km_held *km_hold(struct sock *sk, const struct km_family *family, const void *address, int address_len)
{
	struct km_held *held = kzalloc(sizeof(*held), GFP_KERNEL_ACCOUNT);

	if (!held)
		return NULL;
	refcount_set(&held->refs, 1);
	INIT_DELAYED_WORK(&held->work, km_held_work);
	sock_hold(sk);
	held->sk = sk;
	held->family = family;
	held->phase = KM_DEFERRED;
	held->address_len = address_len;
	memcpy(&held->address, address, address_len);
	rcu_assign_pointer(inet_csk(sk)->icsk_ulp_data, held);
	km_gauge_add(KM_GAUGE_DEFERRED, 1);
	km_gauge_add(KM_GAUGE_ARMED, -1);
	spin_lock(&km_list_lock);
	list_add(&held->entry, &km_list);
	spin_unlock(&km_list_lock);
	return held;
}

void km_step_aside(struct sock *sk, const struct km_family *family)
{
	WRITE_ONCE(sk->sk_prot, family->tcp);
	if (sk->sk_socket)
		WRITE_ONCE(sk->sk_socket->ops, family->ops);
}

static void km_unmark(struct sock *sk, enum km_gauge gauge)
{
	RCU_INIT_POINTER(inet_csk(sk)->icsk_ulp_data, NULL);
	inet_csk(sk)->icsk_ulp_ops = NULL;
	km_gauge_add(gauge, -1);
	/* From here on the module may be asked to go: km_inflight_drain() and destroy_workqueue() wait for us. */
	module_put(THIS_MODULE);
}

void km_let_go(struct km_held *held)
{
	struct sock *sk = held->sk;

	km_step_aside(sk, held->family);
	if (held->state_change)
		sk->sk_state_change = held->state_change;
	held->phase = KM_RELEASED;
	km_collect_free(&held->collect);
	spin_lock(&km_list_lock);
	list_del(&held->entry);
	spin_unlock(&km_list_lock);
	if (cancel_delayed_work(&held->work))
		refcount_dec(&held->refs);
	km_unmark(sk, KM_GAUGE_DEFERRED);
	km_held_put(held);
}

void km_disarm(struct sock *sk, const struct km_family *family)
{
	km_step_aside(sk, family);
	/* Ours, from km_probe(); that of a connection comes from its route. */
	if (sk->sk_state == TCP_CLOSE)
		inet_csk(sk)->icsk_ca_dst_locked = 0;
	km_unmark(sk, KM_GAUGE_ARMED);
}

int km_held_init(void)
{
	km_queue = alloc_workqueue("kmesh", WQ_UNBOUND, 0);
	return km_queue ? 0 : -ENOMEM;
}

void km_held_exit(void)
{
	destroy_workqueue(km_queue);
}
