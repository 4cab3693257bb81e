// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * steer OBJECT CGROUP: attaches steer.bpf.c. Reads commands from standard input, answers each with a line:
 *   off    gives up the tracepoint, which holds the module
 *   on     attaches it again
 *   seen   connections by verdict, and entries left in the map of requests
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct bpf_object *object;
static struct bpf_link *tracepoint;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static struct bpf_program *program(const char *name)
{
	return bpf_object__find_program_by_name(object, name);
}

static void attach(const char *name, int cgroup)
{
	if (!bpf_program__attach_cgroup(program(name), cgroup))
		fail(name);
}

static void on(void)
{
	tracepoint = bpf_program__attach_raw_tracepoint(program("publish"), "kmesh_request");
	puts(tracepoint ? "on" : "no tracepoint");
}

static void off(void)
{
	bpf_link__destroy(tracepoint);
	tracepoint = NULL;
	puts("off");
}

static void seen(void)
{
	int counters = bpf_object__find_map_fd_by_name(object, "seen");
	int requests = bpf_object__find_map_fd_by_name(object, "requests");
	unsigned long long key = 0, next, left = 0;
	unsigned int verdict;

	for (verdict = 0; verdict < 16; verdict++) {
		unsigned long long count;

		bpf_map_lookup_elem(counters, &verdict, &count);
		printf("%llu ", count);
	}
	while (!bpf_map_get_next_key(requests, left ? &key : NULL, &next)) {
		key = next;
		left++;
	}
	printf("left %llu\n", left);
}

int main(int argc, char **argv)
{
	char command[16];
	int cgroup;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 3)
		return 2;
	object = bpf_object__open_file(argv[1], NULL);
	cgroup = open(argv[2], O_RDONLY);
	if (!object || cgroup < 0 || bpf_object__load(object))
		fail(argv[1]);
	attach("steer4", cgroup);
	attach("steer6", cgroup);
	on();
	while (scanf("%15s", command) == 1) {
		if (!strcmp(command, "on"))
			on();
		else if (!strcmp(command, "off"))
			off();
		else if (!strcmp(command, "seen"))
			seen();
	}
	return 0;
}
