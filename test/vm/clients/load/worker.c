// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

/* A request that takes longer has failed. Long, since guests run under software emulation. */
#define LIMIT_NS (60 * 1000000000ULL)
/* Between the two pieces of a head. */
#define PIECES_NS 2000000ULL

enum state { RESTING, HOLDING, SENDING, READING };

static const char *const state_names[] = { "resting", "holding", "sending", "reading" };

struct worker {
	int fd, per_connection, left;
	enum state state;
	const struct target *target;
	uint64_t began, wake;
	char request[1024], answer[4096];
	size_t length, sent, piece_end, received;
};

static int poll_fd;

static void rest(struct worker *w, int keep)
{
	if (!keep && w->fd >= 0) {
		close(w->fd);
		w->fd = -1;
	}
	w->state = RESTING;
	w->wake = w->began + options.interval_ns;
}

static void fail(struct worker *w, const char *where, const char *what)
{
	count_failure(w->target, state_names[w->state], where, what, now_ns() - w->began);
	rest(w, 0);
}

/* Returns whether a whole answer is there. */
static int judge(struct worker *w)
{
	char *end, *length;

	w->answer[w->received] = 0;
	end = strstr(w->answer, "\r\n\r\n");
	if (!end)
		return 0;
	end[2] = 0;
	length = strcasestr(w->answer, "\r\ncontent-length:");
	if (strncmp(w->answer, "HTTP/1.1 200 ", 13) || !length) {
		w->answer[strcspn(w->answer, "\r")] = 0;
		fail(w, "answer", w->answer);
		return 1;
	}
	if (w->answer + w->received < end + 4 + atoi(length + 17)) {
		end[2] = '\r';
		return 0;
	}
	if (!is_allowed(w->target, end + 4)) {
		fail(w, "answered by", end + 4);
		return 1;
	}
	count_answer(end + 4, now_ns() - w->began);
	rest(w, --w->left > 0 && !strcasestr(w->answer, "\r\nconnection: close"));
	return 1;
}

static void receive(struct worker *w)
{
	ssize_t n;

	while ((n = recv(w->fd, w->answer + w->received, sizeof(w->answer) - 1 - w->received, 0)) > 0) {
		w->received += n;
		if (judge(w))
			return;
	}
	if (n < 0 && errno == EAGAIN)
		return;
	fail(w, "recv", n ? strerror(errno) : "end of connection");
}

static void transmit(struct worker *w)
{
	ssize_t n;

	w->state = SENDING;
	w->wake = 0;
	while (w->sent < w->piece_end) {
		n = send(w->fd, w->request + w->sent, w->piece_end - w->sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			fail(w, "send", strerror(errno));
			return;
		}
		w->sent += n;
	}
	if (w->piece_end < w->length) {
		w->piece_end = w->length;
		w->wake = now_ns() + PIECES_NS;
		return;
	}
	w->state = READING;
	receive(w);
}

static int open_connection(struct worker *w)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = w };
	int yes = 1;

	w->target = next_target();
	w->left = w->per_connection;
	connections++;
	w->fd = socket(w->target->to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->fd < 0 || setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)))
		die("socket");
	if (connect(w->fd, &w->target->to.any, w->target->to_length) && errno != EINPROGRESS) {
		fail(w, "connect", strerror(errno));
		return 0;
	}
	if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, w->fd, &event))
		die("epoll_ctl");
	return 1;
}

static void begin(struct worker *w, uint64_t t)
{
	int fresh = w->fd < 0;

	w->began = t;
	w->wake = 0;
	w->state = SENDING;
	w->sent = w->received = 0;
	if (fresh && !open_connection(w))
		return;
	w->length = snprintf(w->request, sizeof(w->request), "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: load\r\n%s\r\n", w->target->path,
			     w->target->host, w->left == 1 ? "Connection: close\r\n" : "");
	w->piece_end = options.split && random() % 4 == 0 ? 1 + random() % (w->length - 1) : w->length;
	if (!fresh) {
		transmit(w);
	} else if (options.hold_ns) {
		w->state = HOLDING;
		w->wake = t + random() % options.hold_ns;
	}
}

void worker_event(struct worker *w, uint32_t events)
{
	/* A worker that waits for its time has nothing to do with events. */
	if (w->state == SENDING && !w->wake)
		transmit(w);
	else if (w->state == READING)
		receive(w);
	else if (w->state == RESTING && w->fd >= 0 && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
		rest(w, 0);
}

uint64_t worker_tick(struct worker *w, uint64_t t, int stopping)
{
	if (w->state == RESTING && stopping) {
		rest(w, 0);
		return 0;
	}
	if (w->state != RESTING && t > w->began + LIMIT_NS)
		fail(w, "no answer", "too late");
	else if (w->wake && w->wake <= t && w->state == RESTING)
		begin(w, t);
	else if (w->wake && w->wake <= t)
		transmit(w);
	return w->wake ? w->wake : w->began + LIMIT_NS;
}

int worker_is_busy(const struct worker *w)
{
	return w->state != RESTING;
}

struct worker *new_workers(int poll)
{
	struct worker *workers = calloc(options.connections, sizeof(*workers));
	int i;

	if (!workers)
		die("calloc");
	poll_fd = poll;
	for (i = 0; i < options.connections; i++) {
		workers[i].fd = -1;
		workers[i].per_connection = options.counts[i % options.n_counts];
		/* Spread over the first interval. */
		workers[i].wake = now_ns() + options.interval_ns * i / options.connections;
	}
	return workers;
}

struct worker *worker_at(struct worker *workers, int i)
{
	return &workers[i];
}
