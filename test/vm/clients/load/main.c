// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * load [-c CONNECTIONS] [-n REQUESTS] [-k COUNTS] [-r RATE] [-w MS] [-s] TARGETS
 *
 * Sends HTTP/1 requests on parallel connections, without blocking, as event
 * loops do, and judges every answer. TARGETS is a file of lines
 *	ADDRESS PORT HOST PATH ALLOWED
 * where ALLOWED are the bodies that are a right answer, with commas between.
 * Each new connection takes the next line.
 *   -n  at least so many requests; it goes on until standard input ends, too
 *   -k  requests on each connection; several numbers with commas are dealt
 *       out to the connections
 *   -r  requests a second, all connections together; else as fast as it goes
 *   -w  waits up to so long between connect() and the first byte
 *   -s  sends each fourth head in two pieces
 * Prints a line {"failed": ...} for each request that went wrong, and at the
 * end a line {"requests": ..., "failures": ..., ...}.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

struct options options = { .connections = 1, .least = 1, .counts = { 1 }, .n_counts = 1 };

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

void die(const char *what)
{
	perror(what);
	exit(1);
}

static void read_counts(char *list)
{
	char *word;

	options.n_counts = 0;
	for (word = strtok(list, ","); word && options.n_counts < 16; word = strtok(NULL, ","))
		options.counts[options.n_counts++] = atoi(word);
	if (!options.n_counts)
		exit(2);
}

static const char *read_options(int argc, char **argv)
{
	double rate = 0;
	int option;

	while ((option = getopt(argc, argv, "c:n:k:r:w:s")) != -1) {
		switch (option) {
		case 'c': options.connections = atoi(optarg); break;
		case 'n': options.least = strtoull(optarg, NULL, 10); break;
		case 'k': read_counts(optarg); break;
		case 'r': rate = atof(optarg); break;
		case 'w': options.hold_ns = strtoull(optarg, NULL, 10) * 1000000; break;
		case 's': options.split = 1; break;
		default: exit(2);
		}
	}
	if (optind != argc - 1 || options.connections < 1)
		exit(2);
	if (rate > 0)
		options.interval_ns = options.connections * 1e9 / rate;
	return argv[optind];
}

/* Whether standard input has ended. What cannot be waited for has. */
static int watch_input(int poll)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(poll, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0;
}

static int input_ended(int poll)
{
	char bytes[64];

	if (read(STDIN_FILENO, bytes, sizeof(bytes)) > 0)
		return 0;
	epoll_ctl(poll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
	return 1;
}

/* Milliseconds until the earliest time; what is due within the millisecond is not slept for. */
static int timeout_until(uint64_t wake)
{
	uint64_t t = now_ns();

	return wake <= t ? 0 : (wake - t) / 1000000;
}

static void run(int poll, struct worker *workers)
{
	struct epoll_event events[64];
	int ended = watch_input(poll), busy = 1, n, i;

	while (busy) {
		int stopping = ended && requests >= options.least;
		uint64_t t = now_ns(), first = t + 1000000000ULL;

		busy = 0;
		for (i = 0; i < options.connections; i++) {
			struct worker *w = worker_at(workers, i);
			uint64_t wake = worker_tick(w, t, stopping);

			if (wake && wake < first)
				first = wake;
			busy |= !stopping || worker_is_busy(w);
		}
		n = busy ? epoll_wait(poll, events, 64, timeout_until(first)) : 0;
		for (i = 0; i < n; i++) {
			if (events[i].data.ptr)
				worker_event(events[i].data.ptr, events[i].events);
			else
				ended = input_ended(poll);
		}
	}
}

int main(int argc, char **argv)
{
	uint64_t began;
	int poll;

	read_targets(read_options(argc, argv));
	poll = epoll_create1(EPOLL_CLOEXEC);
	if (poll < 0)
		die("epoll_create1");
	began = now_ns();
	run(poll, new_workers(poll));
	print_summary(now_ns() - began);
	return 0;
}
