// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The tracepoint kmesh_request(cookie, request) that km_request_publish of bpf/
 * is attached to. It is written out here, without the TRACE_INCLUDE machinery: that
 * gives one raw name on all kernels, and the parameters are this contract's.
 */
#include <linux/sock_diag.h>
#include <linux/trace_events.h>

#include "compat/tracepoint.h"
#include "publish.h"
#include "request_build.h"

KM_DECLARE_TRACE(kmesh_request, TP_PROTO(u64 cookie, const struct km_request *request), TP_ARGS(cookie, request));
DEFINE_TRACE(kmesh_request, TP_PROTO(u64 cookie, const struct km_request *request), TP_ARGS(cookie, request));

static struct km_request km_unread[KM_HEAD_DRAINED + 1];

/* The name is what <trace/bpf_probe.h> would give it. */
static notrace void __bpf_trace_kmesh_request(void *data, u64 cookie, const struct km_request *request)
{
	bpf_trace_run2(data, cookie, (unsigned long)request);
}

static struct bpf_raw_event_map km_raw_event __used __section("__bpf_raw_tp_map") = {
	.tp = &__tracepoint_kmesh_request,
	.bpf_func = __bpf_trace_kmesh_request,
	.num_args = 2,
};

/*
 * A program that is preempted while it runs makes the kernel skip its next run on
 * that CPU, for another socket (kernel/bpf: prog->active). Tracepoints left preemption
 * enabled since 7.0.
 */
static void km_fire(struct sock *sk, const struct km_request *request)
{
	u32 cookie[2];

	sock_diag_save_cookie(sk, cookie);
	preempt_disable();
	trace_kmesh_request((u64)cookie[1] << 32 | cookie[0], request);
	preempt_enable();
}

void km_publish(struct sock *sk, const struct km_request *request)
{
	km_fire(sk, request);
}

void km_withdraw(struct sock *sk)
{
	km_fire(sk, NULL);
}

const struct km_request *km_request_unread(u32 verdict)
{
	return &km_unread[verdict];
}

void km_publish_init(void)
{
	u32 verdict;

	for (verdict = 0; verdict < ARRAY_SIZE(km_unread); verdict++)
		km_request_init(&km_unread[verdict], verdict);
}

void km_publish_exit(void)
{
	tracepoint_synchronize_unregister();
}
