// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * kmesh-cni: tells kmesh-daemon which network namespaces belong to which pods, from their first moment on. Chained behind the node's own
 * plugins (CNI specification 0.3.1 to 1.1.0), it changes nothing: the result of the plugin before is handed on byte for byte.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exchange.h"
#include "journal.h"
#include "netns.h"
#include "protocol.h"

/* By this text the agent knows a file named kmesh-cni as its own (agent/cni/plugin.ts). */
__attribute__((used)) static const char mark[] = "kmesh-cni of the Kmesh node agent";

/* A configuration has a few kB; that of GC has a line for each container of the node. */
#define INPUT_MAX (1 << 20)

#define NEWEST "1.1.0"

static int write_all(struct slice text)
{
	while (text.len) {
		const ssize_t written = write(STDOUT_FILENO, text.at, text.len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return EXIT_FAILURE;
		text.at += written;
		text.len -= written;
	}
	return EXIT_SUCCESS;
}

static bool read_input(struct slice *text, struct complaint *why)
{
	/* One more: to see that there is too much. */
	static char input[INPUT_MAX + 1];
	size_t len = 0;

	while (len < sizeof(input)) {
		const ssize_t got = read(STDIN_FILENO, input + len, sizeof(input) - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			*why = (struct complaint){ CNI_IO, "standard input cannot be read", strerror(errno) };
			return false;
		}
		if (got == 0) {
			*text = (struct slice){ input, len };
			return true;
		}
		len += got;
	}
	*why = (struct complaint){ CNI_DECODE, "the network configuration is too long", "more than 1 MiB came on standard input" };
	return false;
}

/* The error object of the specification, section 2. */
static int fail(const struct complaint *why, const char *version)
{
	char text[1024];
	struct line line = { .text = text, .size = sizeof(text) };

	line_add(&line, "{\"cniVersion\":");
	line_string(&line, netconf_version_known(version) ? version : NEWEST);
	line_add(&line, ",\"code\":");
	line_number(&line, why->code);
	line_add(&line, ",\"msg\":");
	line_string(&line, why->msg);
	line_add(&line, ",\"details\":");
	line_string(&line, why->details);
	line_add(&line, "}\n");
	write_all((struct slice){ text, line.len });
	return EXIT_FAILURE;
}

static int tell_versions(const char *version)
{
	char text[256];
	struct line line = { .text = text, .size = sizeof(text) };
	int i;

	line_add(&line, "{\"cniVersion\":");
	line_string(&line, *version ? version : NEWEST);
	line_add(&line, ",\"supportedVersions\":[");
	for (i = 0; netconf_versions[i]; i++) {
		line_add(&line, i ? "," : "");
		line_string(&line, netconf_versions[i]);
	}
	line_add(&line, "]}\n");
	return write_all((struct slice){ text, line.len });
}

/* What the plugin before said, untouched; a chain that begins with this plugin has an empty result. */
static int hand_on(const struct netconf *conf)
{
	char text[64];
	struct line line = { .text = text, .size = sizeof(text) };

	if (conf->prev_result.len)
		return write_all(conf->prev_result);
	line_add(&line, "{\"cniVersion\":");
	line_string(&line, conf->version);
	line_add(&line, "}\n");
	return write_all((struct slice){ text, line.len });
}

/* The version that a command came with: CHECK in 0.4.0, STATUS and GC in 1.1.0. */
static const char *since(enum cni_command command)
{
	if (command == CNI_CHECK)
		return "0.4.0";
	return command == CNI_STATUS || command == CNI_GC ? "1.1.0" : netconf_versions[0];
}

static bool check_version(const struct netconf *conf, enum cni_command command, struct complaint *why)
{
	*why = (struct complaint){ CNI_VERSION_UNKNOWN, "the version of the network configuration does not fit", "supported are 0.3.1, 0.4.0, 1.0.0, 1.1.0" };
	if (!netconf_version_known(conf->version))
		return false;
	why->details = "it has no such command";
	return netconf_at_least(conf->version, since(command));
}

/* STATUS is only asked whether ADD would work, and so sends nothing that a daemon would act on. */
static void ask(struct verdict *verdict, const struct invocation *call, long long began)
{
	static char text[KM_CNI_REQUEST_MAX];
	struct line line = { .text = text, .size = sizeof(text) };
	struct netns netns = {};
	const char *trouble = *call->netns ? netns_learn(&netns, call->netns) : NULL;

	if (trouble && call->command != CNI_DEL)
		journal_write(call, "warning", "the network namespace cannot be entered", trouble, clock_ms() - began);
	if (request_write(&line, call, &netns))
		exchange(verdict, (struct slice){ text, line.len }, began + KM_CNI_DEADLINE_MS);
	else
		verdict_away(verdict, KM_CNI_SOCKET, "the request is too long");
}

static void note(const struct invocation *call, const struct verdict *verdict, bool denied, long long began)
{
	static const char *const told[] = { [DAEMON_OK] = "kmesh-daemon knows", [DAEMON_REFUSES] = "kmesh-daemon refuses", [DAEMON_AWAY] = "kmesh-daemon was not reached" };
	const char *level = denied ? "error" : verdict->consent == DAEMON_OK ? "info" : "warning";

	journal_write(call, level, told[verdict->consent], verdict->reason, clock_ms() - began);
}

/* Nothing that the daemon says, or fails to say, keeps a pod from starting, unless the operator chose that. */
static int run(const struct invocation *call, const struct netconf *conf, long long began)
{
	const bool may_deny = call->command != CNI_DEL && call->command != CNI_GC;
	struct complaint why = {};
	struct verdict verdict;
	bool deny = false;

	if (may_deny && !netconf_failure(conf, &deny, &why))
		return fail(&why, conf->version);
	ask(&verdict, call, began);
	deny = deny && verdict.consent != DAEMON_OK;
	if (call->command != CNI_STATUS || deny)
		note(call, &verdict, deny, began);
	if (!deny)
		return call->command == CNI_ADD ? hand_on(conf) : EXIT_SUCCESS;
	why = (struct complaint){ CNI_REFUSED, "kmesh-daemon refuses this pod (cniFailure is deny)", verdict.reason };
	if (verdict.consent == DAEMON_AWAY)
		why = (struct complaint){ CNI_TRY_AGAIN, "kmesh-daemon was not reached (cniFailure is deny)", verdict.reason };
	if (call->command == CNI_STATUS)
		why.code = CNI_NOT_AVAILABLE;
	return fail(&why, conf->version);
}

static const char *variable(const char *name)
{
	return getenv(name);
}

int main(void)
{
	const long long began = clock_ms();
	struct invocation call;
	struct complaint why;
	struct netconf conf = {};
	struct slice text;

	if (!invocation_read(&call, variable, &why))
		return fail(&why, "");
	if (!read_input(&text, &why))
		return fail(&why, "");
	/* Runtimes of old ask for versions without a word. */
	if (call.command == CNI_VERSION && text.len == 0)
		return tell_versions("");
	if (!netconf_read(&conf, text, &why))
		return fail(&why, conf.version);
	if (call.command == CNI_VERSION)
		return tell_versions(conf.version);
	if (!check_version(&conf, call.command, &why))
		return fail(&why, conf.version);
	return run(&call, &conf, began);
}
