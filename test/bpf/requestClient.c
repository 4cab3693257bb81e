/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * requestClient KM_REQUEST
 *
 * Connects as a socket whose request kmesh.ko shows to eBPF at this moment: the
 * record that the module would publish is put into the pinned map under the
 * socket's cookie, and all that it points to into memory of the kernel.
 *
 * Takes orders from its input, "ADDRESS PORT COUNT LENGTH\n" with LENGTH bytes of
 * a request head behind, and answers each of the COUNT connections with a line:
 *   ERRNO PEER_ADDRESS PEER_PORT WHAT_THE_SERVER_SENT
 * with errno by name (OK for 0) and "-" for what there is not. After the last
 * line of an order comes an empty one. Without a head (LENGTH 0) nothing is shown.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "http1_head.h"
#include "kmesh/layout.h"
#include "request_build.h"

/* The most that the module takes, head_max, and room for the record of such a head. */
#define HEAD_MAX 65536
#define ROOM_MAX (4 * HEAD_MAX)

static int requests;
static int room_map;
static u64 room_at;

static void must(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(125);
}

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int make_array(u32 value_size)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = value_size, .max_entries = 1 };

	return bpf(BPF_MAP_CREATE, &attr);
}

static int update(int map, const void *key, const void *value)
{
	union bpf_attr attr = { .map_fd = map, .key = (unsigned long)key, .value = (unsigned long)value };

	return bpf(BPF_MAP_UPDATE_ELEM, &attr);
}

static void forget(int map, const void *key)
{
	union bpf_attr attr = { .map_fd = map, .key = (unsigned long)key };

	bpf(BPF_MAP_DELETE_ELEM, &attr);
}

/* Where the kernel has the value of an array: a program with the right to tell pointers stores it in another one. */
static u64 address_of(int map)
{
	int told = make_array(sizeof(u64));
	struct bpf_insn program[] = {
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_VALUE, .imm = map }, {},
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 2, .src_reg = BPF_PSEUDO_MAP_VALUE, .imm = told }, {},
		{ .code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = 2, .src_reg = 1 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (unsigned long)program,
		.insn_cnt = sizeof(program) / sizeof(*program),
		.license = (unsigned long)"Dual BSD/GPL",
	};
	char packet[64] = "";
	union bpf_attr run = { .test = { .data_in = (unsigned long)packet, .data_size_in = sizeof(packet) } };
	u64 address = 0;
	u32 zero = 0;
	union bpf_attr lookup = { .map_fd = told, .key = (unsigned long)&zero, .value = (unsigned long)&address };

	run.test.prog_fd = bpf(BPF_PROG_LOAD, &load);
	must((int)run.test.prog_fd >= 0, "load");
	must(!bpf(BPF_PROG_TEST_RUN, &run), "run");
	must(!bpf(BPF_MAP_LOOKUP_ELEM, &lookup), "lookup");
	close(run.test.prog_fd);
	close(told);
	return address;
}

/* What is shown of a head; its parts lie in the kernel then. */
static void build(struct km_request *request, const u8 *head, size_t length)
{
	static u8 room[ROOM_MAX] __attribute__((aligned(8)));
	static struct km_scan scan;
	u64 moved = room_at - (unsigned long)room;
	u32 zero = 0;
	u32 verdict;

	memset(&scan, 0, sizeof(scan));
	verdict = km_scan_feed(&scan, head, length);
	if (verdict != KM_HEAD_COMPLETE) {
		km_request_init(request, verdict ? verdict : KM_HEAD_CUT);
		return;
	}
	must(km_request_room(&scan) <= sizeof(room), "room");
	km_request_build(request, room, head, &scan);
	request->text += moved;
	request->headers += moved;
	request->params += moved;
	must(!update(room_map, &zero, room), "text");
}

static void print_peer(int fd)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);
	char text[INET6_ADDRSTRLEN] = "-";
	int port = 0;

	if (!getpeername(fd, (struct sockaddr *)&peer, &length)) {
		const struct sockaddr_in *v4 = (const void *)&peer;
		const struct sockaddr_in6 *v6 = (const void *)&peer;
		int is4 = peer.ss_family == AF_INET;

		inet_ntop(peer.ss_family, is4 ? (const void *)&v4->sin_addr : (const void *)&v6->sin6_addr, text, sizeof(text));
		port = ntohs(is4 ? v4->sin_port : v6->sin6_port);
	}
	printf(" %s %d", text, port);
}

static void print_said(int fd)
{
	char said[256];
	ssize_t n = read(fd, said, sizeof(said) - 1);

	said[n > 0 ? n : 0] = 0;
	said[strcspn(said, "\n")] = 0;
	printf(" %s\n", *said ? said : "-");
}

static int connect_to(int fd, int family, const char *address, int port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	inet_pton(family, address, family == AF_INET ? (void *)&v4.sin_addr : (void *)&v6.sin6_addr);
	return family == AF_INET ? connect(fd, (void *)&v4, sizeof(v4)) : connect(fd, (void *)&v6, sizeof(v6));
}

static void one(const char *address, int port, const struct km_published *published)
{
	int family = strchr(address, ':') ? AF_INET6 : AF_INET;
	int fd = socket(family, SOCK_STREAM, 0);
	u64 cookie = 0;
	socklen_t length = sizeof(cookie);
	int failed;

	must(!getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length), "cookie");
	if (published)
		must(!update(requests, &cookie, published), "request");
	failed = connect_to(fd, family, address, port);
	if (published)
		forget(requests, &cookie);
	printf("%s", failed ? strerrorname_np(errno) : "OK");
	if (failed) {
		printf(" - 0 -\n");
	} else {
		print_peer(fd);
		print_said(fd);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	static struct km_published published;
	static u8 head[HEAD_MAX];
	union bpf_attr get = { .pathname = (unsigned long)argv[1] };
	char address[64];
	size_t length;
	int port, count, i;

	if (argc != 2)
		return 125;
	requests = bpf(BPF_OBJ_GET, &get);
	must(requests >= 0, argv[1]);
	room_map = make_array(ROOM_MAX);
	must(room_map >= 0, "room");
	room_at = address_of(room_map);
	while (scanf("%63s %d %d %zu", address, &port, &count, &length) == 4 && getchar() == '\n') {
		must(length <= sizeof(head) && fread(head, 1, length, stdin) == length, "head");
		if (length)
			build(&published.request, head, length);
		for (i = 0; i < count; i++)
			one(address, port, length ? &published : NULL);
		printf("\n");
		fflush(stdout);
	}
	return 0;
}
