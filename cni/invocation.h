/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_CNI_INVOCATION_H
#define KMESH_CNI_INVOCATION_H

#include "netconf.h"

enum cni_command {
	CNI_ADD,
	CNI_DEL,
	CNI_CHECK,
	CNI_STATUS,
	CNI_GC,
	CNI_VERSION,
	CNI_COMMANDS,
};

/* As CNI_COMMAND has them. */
extern const char *const command_names[CNI_COMMANDS];

/* A pod's name in Kubernetes and its namespace are DNS names (RFC 1123); its id is a UUID, or 32 digits of a static pod. */
struct pod {
	char namespace[64];
	char name[254];
	char uid[64];
};

/* What the runtime says by its environment. CNI_PATH is where other plugins are; this one calls none. */
struct invocation {
	enum cni_command command;
	/* Only letters, digits, '_', '.' and '-'. Empty where the command has none. */
	char container[256];
	/* A name of a network device, likewise. */
	char ifname[16];
	/* Path of the network namespace, as the host sees it. Empty for commands without one, and for DEL when it is gone. */
	char netns[1024];
	/* Empty: CNI_ARGS does not tell it, as outside of Kubernetes, or in a form that no pod's name has. */
	struct pod pod;
};

/* Reads variables by `get`, which is getenv(3) but in tests. Returns whether all that the command needs is there; else `why` says. */
bool invocation_read(struct invocation *call, const char *(*get)(const char *name), struct complaint *why);

#endif
