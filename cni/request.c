// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "request.h"

#include <stdio.h>
#include <string.h>

#include "protocol.h"

static void member(struct line *line, const char *name, const char *value)
{
	line_add(line, name);
	line_string(line, value);
}

static void write_pod(struct line *line, const struct pod *pod)
{
	member(line, ",\"pod\":{\"namespace\":", pod->namespace);
	member(line, ",\"name\":", pod->name);
	if (*pod->uid)
		member(line, ",\"uid\":", pod->uid);
	line_add(line, "}");
}

/* The cookie has 64 bits, more than a number of JSON keeps everywhere. */
static void write_netns(struct line *line, const char *path, const struct netns *netns)
{
	member(line, ",\"netns\":{\"path\":", path);
	if (netns->inode) {
		line_add(line, ",\"device\":");
		line_number(line, netns->device);
		line_add(line, ",\"inode\":");
		line_number(line, netns->inode);
	}
	if (netns->cookie) {
		line_add(line, ",\"cookie\":\"");
		line_number(line, netns->cookie);
		line_add(line, "\"");
	}
	if (*netns->handle)
		member(line, ",\"handle\":", netns->handle);
	line_add(line, "}");
}

bool request_write(struct line *line, const struct invocation *call, const struct netns *netns)
{
	line_add(line, "{\"version\":");
	line_number(line, KM_CNI_VERSION);
	member(line, ",\"command\":", command_names[call->command]);
	if (*call->container) {
		member(line, ",\"containerId\":", call->container);
		member(line, ",\"ifname\":", call->ifname);
	}
	if (*call->pod.name)
		write_pod(line, &call->pod);
	if (*call->netns)
		write_netns(line, call->netns, netns);
	line_add(line, "}\n");
	return !line->overflow;
}

/* The log and the runtime show it: one line of plain characters. */
static void make_plain(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

void verdict_away(struct verdict *verdict, const char *what, const char *why)
{
	verdict->consent = DAEMON_AWAY;
	snprintf(verdict->reason, sizeof(verdict->reason), "%s: %s", what, why);
}

void answer_read(struct verdict *verdict, struct slice text)
{
	struct slice version, result, reason;
	char word[16];

	if (!json_valid(&text) || json_member(text, "version", &version) != JSON_FOUND || !json_is_number(version, KM_CNI_VERSION) ||
	    json_member(text, "result", &result) != JSON_FOUND || !json_string(result, word, sizeof(word)) ||
	    (strcmp(word, "ok") && strcmp(word, "refused"))) {
		verdict_away(verdict, KM_CNI_SOCKET, "the answer cannot be understood");
		return;
	}
	*verdict = (struct verdict){ .consent = strcmp(word, "ok") ? DAEMON_REFUSES : DAEMON_OK };
	if (verdict->consent == DAEMON_OK)
		return;
	if (json_member(text, "reason", &reason) != JSON_FOUND || !json_string(reason, verdict->reason, sizeof(verdict->reason)))
		strcpy(verdict->reason, "no reason is given");
	make_plain(verdict->reason);
}
