// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "protocol.h"

static int open_log(void)
{
	return open(KM_CNI_LOG, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
}

/*
 * Plugins of several pods run at once: only the one that holds the lock renames, and only what it has opened. Whoever opened it before
 * writes its line to the renamed one.
 */
static int rotate(int log, const struct stat *opened)
{
	struct stat there;

	if (!flock(log, LOCK_EX | LOCK_NB) && !stat(KM_CNI_LOG, &there) && there.st_ino == opened->st_ino && there.st_dev == opened->st_dev)
		rename(KM_CNI_LOG, KM_CNI_LOG ".1");
	close(log);
	return open_log();
}

static void add_time(struct line *line)
{
	struct timespec now;
	struct tm utc;
	char text[40];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
	line_add(line, text);
	snprintf(text, sizeof(text), ".%03ldZ", now.tv_nsec / 1000000);
	line_add(line, text);
}

static void add_word(struct line *line, const char *name, const char *value)
{
	if (!*value)
		return;
	line_add(line, name);
	line_add(line, value);
}

void journal_write(const struct invocation *call, const char *level, const char *what, const char *why, long long ms)
{
	char text[2048];
	/* Room for the end of a line that did not fit. */
	struct line line = { .text = text, .size = sizeof(text) - 1 };
	int log = open_log();
	struct stat opened;
	ssize_t written;

	if (log >= 0 && !fstat(log, &opened) && opened.st_size >= JOURNAL_MAX)
		log = rotate(log, &opened);
	if (log < 0)
		return;
	line_add(&line, "time=");
	add_time(&line);
	add_word(&line, " level=", level);
	add_word(&line, " command=", call->command < CNI_COMMANDS ? command_names[call->command] : "");
	add_word(&line, " pod=", call->pod.namespace);
	add_word(&line, "/", call->pod.name);
	add_word(&line, " container=", call->container);
	line_add(&line, " ms=");
	line_number(&line, ms);
	line_add(&line, " msg=");
	line_string(&line, what);
	if (*why) {
		line_add(&line, " reason=");
		line_string(&line, why);
	}
	text[line.len++] = '\n';
	/* One call: lines of plugins that run at once do not mix (O_APPEND). */
	written = write(log, text, line.len);
	(void)written;
	close(log);
}
