// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How a connect hook hands a socket over. It sets KM_TAKEOVER_NAME as the socket's congestion control,
 * which ends in
 *
 *   int tcp_set_congestion_control(struct sock *sk, const char *name, bool load, bool cap_net_admin)
 *
 * with the socket locked. A kprobe on its entry takes the socket over and sets icsk_ca_dst_locked, and the
 * function returns -EPERM at its first check (net/ipv4/tcp_cong.c). Nothing of that name is ever registered,
 * so in all other cases the hook gets -ENOENT, and steers the connection without its request.
 *
 * load is false for eBPF programs, and true for setsockopt() (bpf_setsockopt of net/core/filter.c,
 * has_current_bpf_ctx() in net/ipv4/tcp.c): a process cannot come here.
 */
#include <kmesh/request.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <net/tcp.h>

#include "counters.h"
#include "drain.h"
#include "family.h"
#include "held.h"
#include "takeover.h"

static bool km_is_free(struct sock *sk)
{
	return sk->sk_protocol == IPPROTO_TCP && sk->sk_state == TCP_CLOSE && sk->sk_socket &&
	       sk->sk_socket->state == SS_UNCONNECTED && sock_owned_by_user_nocheck(sk) &&
	       /* Sockets of the kernel itself do not speak HTTP, and some of them watch their callbacks. */
	       !sk->sk_kern_sock &&
	       /* A socket that CRIU repairs is connected without a packet. */
	       !tcp_sk(sk)->repair && !inet_csk(sk)->icsk_ulp_ops;
}

static void km_arm(struct sock *sk, const struct km_family *family)
{
	inet_csk(sk)->icsk_ulp_ops = &km_ulp_ops;
	WRITE_ONCE(sk->sk_prot, (struct proto *)&family->own_tcp);
	km_gauge_add(KM_GAUGE_ARMED, 1);
}

/*
 * Atomic, in a program's run: nothing here sleeps, allocates or takes a lock. From connect() the
 * protocol's connect follows, which is ours now (defer.c).
 */
static bool km_take_over(struct sock *sk)
{
	const struct km_family *family;

	if (!km_accepting() || !km_is_free(sk))
		return false;
	family = km_family_of(sk);
	if (!family || !try_module_get(THIS_MODULE))
		return false;
	km_arm(sk, family);
	return true;
}

static int km_probe(struct kprobe *probe, struct pt_regs *regs)
{
	struct sock *sk = (struct sock *)regs_get_kernel_argument(regs, 0);
	const char *name = (const char *)regs_get_kernel_argument(regs, 1);
	bool load = (u8)regs_get_kernel_argument(regs, 2);
	bool taken;

	if (load || strncmp(name, KM_TAKEOVER_NAME, TCP_CA_NAME_MAX))
		return 0;
	taken = km_take_over(sk);
	if (!taken)
		km_count(KM_COUNT_REFUSED_TAKEOVERS);
	/*
	 * Also when it is not: a lock that a route of an earlier connection left would read as "taken". The
	 * next connection sets it anew from its own route (tcp_ca_dst_init).
	 */
	if (sk->sk_state == TCP_CLOSE)
		inet_csk(sk)->icsk_ca_dst_locked = taken;
	return 0;
}
NOKPROBE_SYMBOL(km_probe);

static struct kprobe km_kprobe = {
	.symbol_name = "tcp_set_congestion_control",
	.pre_handler = km_probe,
};

int km_takeover_init(void)
{
	int err;

	BUILD_BUG_ON(sizeof(KM_TAKEOVER_NAME) > TCP_CA_NAME_MAX);
	err = register_kprobe(&km_kprobe);
	if (err)
		pr_err("kmesh: no kprobe on tcp_set_congestion_control (error %d): does the kernel have CONFIG_KPROBES?\n", -err);
	return err;
}

/* Waits until nobody is in the handler. */
void km_takeover_exit(void)
{
	unregister_kprobe(&km_kprobe);
}
