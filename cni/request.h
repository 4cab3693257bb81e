/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_CNI_REQUEST_H
#define KMESH_CNI_REQUEST_H

#include "invocation.h"
#include "line.h"

/* A network namespace; all 0: nothing is known of it. */
struct netns {
	unsigned long long device;
	unsigned long long inode;
	/* 0: not known, as before Linux 5.14. */
	unsigned long long cookie;
	/* /proc/PID/fd/N of this process, which names the namespace while the plugin waits for its answer. */
	char handle[48];
};

/* What the daemon says of a request. */
enum consent {
	DAEMON_OK,
	DAEMON_REFUSES,
	/* No answer, or none that can be understood. */
	DAEMON_AWAY,
};

struct verdict {
	enum consent consent;
	/* Printable ASCII; of DAEMON_OK empty. */
	char reason[256];
};

/* Writes the request of protocol.h, '\n' included. False: it does not fit, and there is none. */
bool request_write(struct line *line, const struct invocation *call, const struct netns *netns);

/* Reads the answer of protocol.h, without its '\n'. */
void answer_read(struct verdict *verdict, struct slice text);

/* The daemon is away, for this reason. */
void verdict_away(struct verdict *verdict, const char *what, const char *why);

#endif
