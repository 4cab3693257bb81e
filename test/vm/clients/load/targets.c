// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "load.h"

#define MAX_TARGETS 256

static struct target targets[MAX_TARGETS];
static unsigned int n_targets, next;

static void resolve(struct target *t)
{
	if (inet_pton(AF_INET6, t->address, &t->to.v6.sin6_addr) == 1) {
		t->to.v6.sin6_family = AF_INET6;
		t->to.v6.sin6_port = htons(t->port);
		t->to_length = sizeof(t->to.v6);
		return;
	}
	if (inet_pton(AF_INET, t->address, &t->to.v4.sin_addr) != 1)
		die(t->address);
	t->to.v4.sin_family = AF_INET;
	t->to.v4.sin_port = htons(t->port);
	t->to_length = sizeof(t->to.v4);
}

void read_targets(const char *file)
{
	FILE *in = fopen(file, "r");
	struct target *t = targets;

	if (!in)
		die(file);
	while (n_targets < MAX_TARGETS &&
	       fscanf(in, "%63s %d %255s %511s %1023s", t->address, &t->port, t->host, t->path, t->allowed) == 5) {
		resolve(t++);
		n_targets++;
	}
	fclose(in);
	if (!n_targets)
		die(file);
}

const struct target *next_target(void)
{
	return &targets[next++ % n_targets];
}

int is_allowed(const struct target *target, const char *body)
{
	size_t length = strlen(body);
	const char *at = target->allowed;

	while (length && (at = strstr(at, body))) {
		if ((at == target->allowed || at[-1] == ',') && (at[length] == ',' || !at[length]))
			return 1;
		at++;
	}
	return 0;
}
