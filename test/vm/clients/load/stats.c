// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

#define MAX_ANSWERS 256

uint64_t requests, failures, connections;

static uint64_t *latencies;
static size_t n_latencies, room;
static struct {
	char body[128];
	uint64_t count;
} answers[MAX_ANSWERS];

void count_answer(const char *body, uint64_t ns)
{
	int i = 0;

	if (n_latencies == room) {
		room = room ? 2 * room : 4096;
		latencies = realloc(latencies, room * sizeof(*latencies));
		if (!latencies)
			die("realloc");
	}
	latencies[n_latencies++] = ns;
	requests++;
	while (i < MAX_ANSWERS - 1 && answers[i].count && strcmp(answers[i].body, body))
		i++;
	snprintf(answers[i].body, sizeof(answers[i].body), "%s", body);
	answers[i].count++;
}

void count_failure(const struct target *target, const char *state, const char *where, const char *what, uint64_t ns)
{
	requests++;
	failures++;
	printf("{\"failed\":\"%s: %s\",\"state\":\"%s\",\"to\":\"%s:%d\",\"host\":\"%s\",\"path\":\"%s\",\"after_ms\":%llu}\n",
	       where, what, state, target->address, target->port, target->host, target->path,
	       (unsigned long long)(ns / 1000000));
	fflush(stdout);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double quantile_us(double q)
{
	return n_latencies ? latencies[(size_t)(q * (n_latencies - 1))] / 1000.0 : 0;
}

void print_summary(uint64_t ns)
{
	double sum = 0;
	size_t i;

	qsort(latencies, n_latencies, sizeof(*latencies), by_size);
	for (i = 0; i < n_latencies; i++)
		sum += latencies[i] / 1000.0;
	printf("{\"requests\":%llu,\"failures\":%llu,\"connections\":%llu,\"seconds\":%.3f,", (unsigned long long)requests,
	       (unsigned long long)failures, (unsigned long long)connections, ns / 1e9);
	printf("\"mean_us\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"answers\":{", n_latencies ? sum / n_latencies : 0,
	       quantile_us(0.5), quantile_us(0.99));
	for (i = 0; i < MAX_ANSWERS && answers[i].count; i++)
		printf("%s\"%s\":%llu", i ? "," : "", answers[i].body, (unsigned long long)answers[i].count);
	puts("}}");
}
