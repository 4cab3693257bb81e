// SPDX-License-Identifier: Apache-2.0
// To be preloaded: with STOP_BEFORE=N in the environment the process is killed instead of making its N-th change to what is below
// /sys/fs/bpf, to what is attached, or to what is in a map. Of changes of one kind in a row (entries of maps, pins, pins that are
// removed) the first counts, unless STOP_EACH is set; each switch of a program and each new name counts.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum kind { NOTHING, ENTRY, PIN, ATTACH, FOLDER, NAME, UNPIN };

static void before(enum kind kind)
{
	static enum kind last;
	static int changes;
	const char *stop = getenv("STOP_BEFORE");

	if (kind == last && (kind == ENTRY || kind == PIN || kind == UNPIN) && !getenv("STOP_EACH"))
		return;
	last = kind;
	if (++changes == (stop ? atoi(stop) : 0))
		for (;;)
			kill(getpid(), SIGKILL);
}

static enum kind kind_of(long command)
{
	switch (command) {
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_UPDATE_BATCH:
	case BPF_MAP_DELETE_ELEM:
		return ENTRY;
	case BPF_OBJ_PIN:
		return PIN;
	case BPF_LINK_CREATE:
	case BPF_LINK_UPDATE:
	case BPF_RAW_TRACEPOINT_OPEN:
		return ATTACH;
	}
	return NOTHING;
}

long syscall(long number, ...)
{
	static long (*real)(long, ...);
	long a[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	if (!real)
		real = dlsym(RTLD_NEXT, "syscall");
	if (number == SYS_bpf && kind_of(a[0]) != NOTHING)
		before(kind_of(a[0]));
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

#define PATH_CALL(kind, name, path, params, args)				\
	int name params								\
	{									\
		static int (*real) params;					\
										\
		if (!real)							\
			real = dlsym(RTLD_NEXT, #name);				\
		if (!strncmp(path, "/sys/fs/bpf/", 12))				\
			before(kind);						\
		return real args;						\
	}

PATH_CALL(FOLDER, mkdir, path, (const char *path, mode_t mode), (path, mode))
PATH_CALL(FOLDER, rmdir, path, (const char *path), (path))
PATH_CALL(UNPIN, unlink, path, (const char *path), (path))
PATH_CALL(UNPIN, unlinkat, path, (int folder, const char *path, int flags), (folder, path, flags))
PATH_CALL(UNPIN, remove, path, (const char *path), (path))
PATH_CALL(NAME, rename, to, (const char *from, const char *to), (from, to))
