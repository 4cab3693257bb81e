/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef LOAD_H
#define LOAD_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

/* A line of the file of targets. */
struct target {
	char address[64], host[256], path[512];
	/* Bodies that are a right answer, with commas between. */
	char allowed[1024];
	int port;
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} to;
	socklen_t to_length;
};

struct options {
	int connections;
	uint64_t least;
	/* Requests on each connection: connection i takes the one at place i % n_counts. */
	int counts[16], n_counts;
	/* Between the beginnings of two requests of one connection. */
	uint64_t interval_ns;
	uint64_t hold_ns;
	int split;
};

extern struct options options;

/* targets.c */
void read_targets(const char *file);
const struct target *next_target(void);
int is_allowed(const struct target *target, const char *body);

/* stats.c: what came of the requests. */
extern uint64_t requests, failures, connections;
void count_answer(const char *body, uint64_t ns);
void count_failure(const struct target *target, const char *state, const char *where, const char *what, uint64_t ns);
void print_summary(uint64_t ns);

/* worker.c: one connection after the other. */
struct worker;
struct worker *new_workers(int poll);
struct worker *worker_at(struct worker *workers, int i);
/* Something happened on the worker's socket, or its time has come. */
void worker_event(struct worker *w, uint32_t events);
/* Does what is due. Returns when the worker has to be called again, 0: not before an event. */
uint64_t worker_tick(struct worker *w, uint64_t t, int stopping);
int worker_is_busy(const struct worker *w);

uint64_t now_ns(void);
void die(const char *what);

#endif
