/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libFuzzer's target: three parts with a NUL between them, as kmesh-cni gets them from outside. Variables of the environment, one a line; the network
 * configuration; the daemon's answer. Each lies at the end of memory of its own, so that a read behind it is an error.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol.h"
#include "request.h"

#define CHECK(condition) check((condition), #condition, __LINE__)

static void check(bool holds, const char *what, int line)
{
	if (holds)
		return;
	fprintf(stderr, "fuzzPlugin.c:%d: does not hold: %s\n", line, what);
	abort();
}

static const char *const names[] = { "CNI_COMMAND", "CNI_CONTAINERID", "CNI_IFNAME", "CNI_NETNS", "CNI_ARGS" };
static char *values[5];

static const char *variable(const char *name)
{
	int i;

	for (i = 0; i < 5; i++)
		if (!strcmp(names[i], name))
			return values[i];
	CHECK(!"the plugin reads no other variable");
	return NULL;
}

static void set_variables(const char *text, size_t len)
{
	int i;

	for (i = 0; i < 5; i++) {
		const char *end = memchr(text, '\n', len);
		const size_t n = end ? (size_t)(end - text) : len;

		values[i] = strndup(text, n);
		CHECK(values[i]);
		text += n + (end ? 1 : 0);
		len -= n + (end ? 1 : 0);
	}
}

#define CHECK_FITS(text) CHECK(strnlen(text, sizeof(text)) < sizeof(text))

/* What is sent is one line that a reader of JSON takes, and says what was given. */
static void check_request(const struct invocation *call)
{
	const struct netns netns = { .device = 4, .inode = 4026532000, .cookie = UINT64_MAX, .handle = "/proc/1/fd/3" };
	char text[KM_CNI_REQUEST_MAX], decoded[sizeof(call->netns)];
	struct line line = { .text = text, .size = sizeof(text) };
	struct slice json, value;

	CHECK_FITS(call->container);
	CHECK_FITS(call->ifname);
	CHECK_FITS(call->netns);
	CHECK_FITS(call->pod.namespace);
	CHECK_FITS(call->pod.name);
	CHECK_FITS(call->pod.uid);
	CHECK(request_write(&line, call, &netns));
	CHECK(memchr(text, '\n', line.len) == text + line.len - 1);
	json = (struct slice){ text, line.len - 1 };
	CHECK(json_valid(&json) && json.len == line.len - 1);
	CHECK(json_member(json, "command", &value) == JSON_FOUND);
	CHECK(json_string(value, decoded, sizeof(decoded)) && !strcmp(decoded, command_names[call->command]));
	if (!*call->container)
		return;
	CHECK(json_member(json, "containerId", &value) == JSON_FOUND);
	CHECK(json_string(value, decoded, sizeof(decoded)) && !strcmp(decoded, call->container));
}

static void check_config(const char *text, size_t len)
{
	struct complaint why = {};
	struct netconf conf;
	struct slice again;
	bool deny;

	if (!netconf_read(&conf, (struct slice){ text, len }, &why)) {
		CHECK(why.code && why.msg && why.details);
		return;
	}
	CHECK(strlen(conf.version) < sizeof(conf.version));
	CHECK(netconf_failure(&conf, &deny, &why) || !deny);
	if (!conf.prev_result.len)
		return;
	again = conf.prev_result;
	CHECK(again.at > text && again.at + again.len < text + len);
	CHECK(json_valid(&again) && again.len == conf.prev_result.len && json_kind(again) == '{');
}

static void check_answer(const char *text, size_t len)
{
	struct verdict verdict;
	const char *at;

	answer_read(&verdict, (struct slice){ text, len });
	CHECK((verdict.consent == DAEMON_OK) == !*verdict.reason);
	for (at = verdict.reason; *at; at++)
		CHECK(*at >= ' ' && *at <= '~');
}

/* The text up to the next NUL in memory of its own. */
static char *take_part(const uint8_t **data, size_t *size, size_t *len)
{
	const uint8_t *end = *size ? memchr(*data, '\0', *size) : NULL;
	char *part;

	*len = end ? (size_t)(end - *data) : *size;
	part = malloc(*len ? *len : 1);
	CHECK(part);
	if (*len)
		memcpy(part, *data, *len);
	*data += *len + (end ? 1 : 0);
	*size -= *len + (end ? 1 : 0);
	return part;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct complaint why = {};
	struct invocation call;
	char *part;
	size_t len;
	int i;

	part = take_part(&data, &size, &len);
	set_variables(part, len);
	free(part);
	if (invocation_read(&call, variable, &why))
		check_request(&call);
	else
		CHECK(why.code == CNI_ENVIRONMENT && why.details);
	for (i = 0; i < 5; i++)
		free(values[i]);
	part = take_part(&data, &size, &len);
	check_config(part, len);
	free(part);
	part = take_part(&data, &size, &len);
	check_answer(part, len);
	free(part);
	return 0;
}
