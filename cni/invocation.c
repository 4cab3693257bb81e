// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "invocation.h"

#include <string.h>

const char *const command_names[CNI_COMMANDS] = {
	[CNI_ADD] = "ADD",
	[CNI_DEL] = "DEL",
	[CNI_CHECK] = "CHECK",
	[CNI_STATUS] = "STATUS",
	[CNI_GC] = "GC",
	[CNI_VERSION] = "VERSION",
};

static bool complain(struct complaint *why, const char *details)
{
	*why = (struct complaint){ CNI_ENVIRONMENT, "the environment cannot be used", details };
	return false;
}

static bool is_letter_or_digit(char byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

/* Copies a word of letters, digits and bytes of `more`, which begins with a letter or digit. */
static bool take_word(char *to, size_t size, const char *from, size_t len, const char *more)
{
	size_t i;

	to[0] = '\0';
	if (len == 0 || len >= size || !is_letter_or_digit(from[0]))
		return false;
	for (i = 1; i < len; i++)
		if (!is_letter_or_digit(from[i]) && !strchr(more, from[i]))
			return false;
	memcpy(to, from, len);
	to[len] = '\0';
	return true;
}

/* Specification, section 2: at most 15 bytes, neither "." nor "..", and without '/', ':' and blanks. */
static bool take_ifname(char *to, size_t size, const char *from)
{
	const size_t len = strlen(from);
	size_t i;

	if (len == 0 || len >= size || !strcmp(from, ".") || !strcmp(from, ".."))
		return false;
	for (i = 0; i < len; i++)
		if (from[i] <= ' ' || from[i] > '~' || strchr("/:\"\\", from[i]))
			return false;
	memcpy(to, from, len + 1);
	return true;
}

/* The value of a key in "KEY=VALUE;KEY=VALUE"; len 0: it has none. */
static struct slice argument(const char *args, const char *key)
{
	const size_t key_len = strlen(key);

	while (args && *args) {
		const size_t len = strcspn(args, ";");

		if (len > key_len && !strncmp(args, key, key_len) && args[key_len] == '=')
			return (struct slice){ args + key_len + 1, len - key_len - 1 };
		args += len + (args[len] == ';');
	}
	return (struct slice){};
}

static bool take_argument(char *to, size_t size, const char *args, const char *key, const char *more)
{
	const struct slice value = argument(args, key);

	return take_word(to, size, value.at, value.len, more);
}

/* A name alone says nothing, nor does a namespace. */
static void read_pod(struct pod *pod, const char *args)
{
	if (!take_argument(pod->namespace, sizeof(pod->namespace), args, "K8S_POD_NAMESPACE", "-") ||
	    !take_argument(pod->name, sizeof(pod->name), args, "K8S_POD_NAME", "-.")) {
		*pod = (struct pod){};
		return;
	}
	take_argument(pod->uid, sizeof(pod->uid), args, "K8S_POD_UID", "-");
}

static bool read_command(enum cni_command *command, const char *name)
{
	for (*command = 0; *command < CNI_COMMANDS; ++*command)
		if (name && !strcmp(command_names[*command], name))
			return true;
	return false;
}

static bool read_attachment(struct invocation *call, const char *(*get)(const char *name), struct complaint *why)
{
	const char *container = get("CNI_CONTAINERID"), *ifname = get("CNI_IFNAME"), *netns = get("CNI_NETNS");

	if (!container || !take_word(call->container, sizeof(call->container), container, strlen(container), "_.-"))
		return complain(why, "CNI_CONTAINERID is no id of a container");
	if (!ifname || !take_ifname(call->ifname, sizeof(call->ifname), ifname))
		return complain(why, "CNI_IFNAME is no name of a network device");
	if ((!netns || !*netns) && call->command != CNI_DEL)
		return complain(why, "CNI_NETNS is not set");
	if (netns && strlen(netns) >= sizeof(call->netns))
		return complain(why, "CNI_NETNS is too long");
	strcpy(call->netns, netns ? netns : "");
	read_pod(&call->pod, get("CNI_ARGS"));
	return true;
}

bool invocation_read(struct invocation *call, const char *(*get)(const char *name), struct complaint *why)
{
	*call = (struct invocation){};
	if (!read_command(&call->command, get("CNI_COMMAND")))
		return complain(why, "CNI_COMMAND is none of ADD, DEL, CHECK, STATUS, GC, VERSION");
	if (call->command > CNI_CHECK)
		return true;
	return read_attachment(call, get, why);
}
