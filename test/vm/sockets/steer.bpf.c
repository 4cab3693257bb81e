// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The least that makes kmesh.ko work, to test it without the daemon: connections to port 80 are held back, and go on
 * by the first letter of the request's path: a and b to ports 8001 and 8002 of the same address, r to one where nobody
 * listens, d to an IPv4 address that does not answer, all else to port 8000. Port 81 asks for a takeover and then denies.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "kmesh/request.h"

#define IPPROTO_TCP 6
#define TCP_CONGESTION 13
#define EPERM 1
#define AF_INET 2
#define AF_INET6 10
#define SILENT_ADDRESS 0xc0000201 /* 192.0.2.1, RFC 5737 */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct km_request);
} requests SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct km_request);
} scratch SEC(".maps");

/* By verdict; 0: connections that were not held back. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

SEC("raw_tp/kmesh_request")
int publish(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 cookie = ctx->args[0];
	__u32 zero = 0;
	struct km_request *copy = bpf_map_lookup_elem(&scratch, &zero);

	if (!ctx->args[1] || !copy) {
		bpf_map_delete_elem(&requests, &cookie);
		return 0;
	}
	bpf_probe_read_kernel(copy, sizeof(*copy), (const void *)ctx->args[1]);
	bpf_map_update_elem(&requests, &cookie, copy, BPF_ANY);
	return 0;
}

static __always_inline void count(__u32 verdict)
{
	__u64 *counter = bpf_map_lookup_elem(&seen, &verdict);

	if (counter)
		__sync_fetch_and_add(counter, 1);
}

static __always_inline char letter_of(const struct km_request *request)
{
	char path[2] = { 0, 0 };

	if (request->verdict == KM_HEAD_COMPLETE && request->field[KM_FIELD_PATH].len >= sizeof(path))
		bpf_probe_read_kernel(path, sizeof(path), (const void *)(request->text + request->field[KM_FIELD_PATH].off));
	return path[1];
}

/* user_ip4 may stand in a program of connect4 only. */
static __always_inline void route(struct bpf_sock_addr *ctx, char letter, int family)
{
	__u16 port = letter == 'a' ? 8001 : letter == 'b' ? 8002 : letter == 'r' ? 8009 : 8000;

	if (family == AF_INET && letter == 'd')
		ctx->user_ip4 = bpf_htonl(SILENT_ADDRESS);
	ctx->user_port = bpf_htons(port);
}

static __always_inline int take(struct bpf_sock_addr *ctx)
{
	char name[16] = KM_TAKEOVER_NAME;

	return bpf_setsockopt(ctx, IPPROTO_TCP, TCP_CONGESTION, name, sizeof(KM_TAKEOVER_NAME)) == -EPERM;
}

static __always_inline int steer(struct bpf_sock_addr *ctx, int family)
{
	struct km_request *request;
	__u64 cookie;

	if (ctx->user_port == bpf_htons(81)) {
		take(ctx);
		return 0;
	}
	if (ctx->user_port != bpf_htons(80) || ctx->protocol != IPPROTO_TCP)
		return 1;
	cookie = bpf_get_socket_cookie(ctx);
	request = bpf_map_lookup_elem(&requests, &cookie);
	if (request) {
		count(request->verdict);
		route(ctx, letter_of(request), family);
	} else if (!take(ctx)) {
		count(0);
		ctx->user_port = bpf_htons(8000);
	}
	return 1;
}

SEC("cgroup/connect4")
int steer4(struct bpf_sock_addr *ctx)
{
	return steer(ctx, AF_INET);
}

SEC("cgroup/connect6")
int steer6(struct bpf_sock_addr *ctx)
{
	return steer(ctx, AF_INET6);
}

char _license[] SEC("license") = "Dual BSD/GPL";
