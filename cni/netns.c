// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
/* include/uapi/asm-generic/socket.h of Linux 5.14; x86_64 and aarch64 use that file. */
#define SO_NETNS_COOKIE 71
#endif

/* Of the namespace that this process is in; 0: the kernel does not tell. */
static uint64_t own_cookie(void)
{
	const int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	if (sock < 0)
		return 0;
	if (getsockopt(sock, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len))
		cookie = 0;
	close(sock);
	return cookie;
}

const char *netns_learn(struct netns *netns, const char *path)
{
	/* O_NONBLOCK: whatever is at the path, it is not waited for. */
	const int there = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	const char *trouble = NULL;
	struct stat found;

	*netns = (struct netns){};
	if (there < 0 || here < 0 || fstat(there, &found)) {
		trouble = strerror(errno);
	} else if (setns(there, CLONE_NEWNET)) {
		/* EINVAL: it is no network namespace, and its numbers mean nothing. */
		trouble = strerror(errno);
	} else {
		netns->cookie = own_cookie();
		netns->device = found.st_dev;
		netns->inode = found.st_ino;
		snprintf(netns->handle, sizeof(netns->handle), "/proc/%d/fd/%d", getpid(), there);
		if (setns(here, CLONE_NEWNET))
			trouble = "there is no way back to the host's network namespace";
	}
	if (here >= 0)
		close(here);
	return trouble;
}
