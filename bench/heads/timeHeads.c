/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * timeHeads < HEAD
 *
 * Nanoseconds of processor time, the best of some rounds, as JSON: to scan the head in one piece and byte by byte,
 * to build its record, and, to compare with, to make a TCP connection over loopback and end it.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http1_head.h"
#include "request_build.h"

#define ROUNDS 9

struct bench {
	u8 head[65536];
	u32 len;
	struct km_scan scan;
	struct km_request request;
	void *room;
	int listener;
	struct sockaddr_in address;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void scan_once(struct bench *bench)
{
	memset(&bench->scan, 0, sizeof(bench->scan));
	if (km_scan_feed(&bench->scan, bench->head, bench->len) != KM_HEAD_COMPLETE) {
		fprintf(stderr, "timeHeads: this is no complete head\n");
		exit(2);
	}
}

static void scan_bytes(struct bench *bench)
{
	u32 len;

	memset(&bench->scan, 0, sizeof(bench->scan));
	for (len = 1; len <= bench->len; len++)
		km_scan_feed(&bench->scan, bench->head, len);
}

static void build(struct bench *bench)
{
	km_request_build(&bench->request, bench->room, bench->head, &bench->scan);
}

static void connect_once(struct bench *bench)
{
	const struct linger at_once = { .l_onoff = 1 };
	int client = socket(AF_INET, SOCK_STREAM, 0), server;

	if (client < 0 || connect(client, (struct sockaddr *)&bench->address, sizeof(bench->address)))
		die("connect");
	server = accept(bench->listener, NULL, NULL);
	/* With a reset: thousands of ports in TIME_WAIT would slow down the next connections. */
	if (server < 0 || setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)))
		die("accept");
	close(client);
	close(server);
}

static void listen_on_loopback(struct bench *bench)
{
	socklen_t len = sizeof(bench->address);

	bench->address.sin_family = AF_INET;
	bench->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bench->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bench->listener < 0 || bind(bench->listener, (struct sockaddr *)&bench->address, len) ||
	    listen(bench->listener, 1) || getsockname(bench->listener, (struct sockaddr *)&bench->address, &len))
		die("listen");
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static double measure(struct bench *bench, void (*run)(struct bench *), int times)
{
	double best = 0;
	int round, i;

	for (round = 0; round < ROUNDS; round++) {
		double begin = now(), took;

		for (i = 0; i < times; i++)
			run(bench);
		took = (now() - begin) / times;
		if (round == 0 || took < best)
			best = took;
	}
	return best;
}

int main(void)
{
	static struct bench bench;
	double scan;

	bench.len = fread(bench.head, 1, sizeof(bench.head), stdin);
	scan = measure(&bench, scan_once, 50000);
	bench.room = malloc(km_request_room(&bench.scan));
	if (!bench.room)
		die("malloc");
	listen_on_loopback(&bench);
	printf("{\"bytes\":%u,\"headers\":%u,\"scan\":%.1f,\"build\":%.1f", bench.len, bench.scan.n_headers, scan,
	       measure(&bench, build, 50000));
	printf(",\"byteByByte\":%.1f,\"connect\":%.1f}\n", measure(&bench, scan_bytes, 5000), measure(&bench, connect_once, 1000));
	return 0;
}
