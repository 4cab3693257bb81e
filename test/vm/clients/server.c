// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * server PORT
 *
 * A fast HTTP/1 server for load and benchmarks: answers each request without
 * a body with the address that the connection came to, which names the
 * endpoint. Keeps connections open until the client closes or asks for it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX 65536

struct connection {
	int fd;
	size_t length;
	int answer_length;
	char answer[160];
	char head[HEAD_MAX];
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int listen_on(int port)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 4096))
		die("listen");
	return fd;
}

static void prepare_answer(struct connection *c)
{
	char text[INET6_ADDRSTRLEN];
	struct sockaddr_in6 local;
	socklen_t length = sizeof(local);

	if (getsockname(c->fd, (struct sockaddr *)&local, &length))
		die("getsockname");
	if (IN6_IS_ADDR_V4MAPPED(&local.sin6_addr))
		inet_ntop(AF_INET, &local.sin6_addr.s6_addr[12], text, sizeof(text));
	else
		inet_ntop(AF_INET6, &local.sin6_addr, text, sizeof(text));
	c->answer_length = snprintf(c->answer, sizeof(c->answer),
				    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
				    strlen(text), text);
}

static void accept_all(int poll, int listener)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct connection *c;
	int fd, yes = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		c = malloc(sizeof(*c));
		if (!c)
			die("malloc");
		c->fd = fd;
		c->length = 0;
		prepare_answer(c);
		event.data.ptr = c;
		if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event))
			die("epoll_ctl");
	}
}

/* Answers every whole head that is there. Returns 0 when the connection has to be closed. */
static int answer_heads(struct connection *c)
{
	char *end;

	while ((end = memmem(c->head, c->length, "\r\n\r\n", 4))) {
		size_t size = end + 4 - c->head;
		int close_after;

		end[3] = 0;
		close_after = !!strcasestr(c->head, "\r\nconnection: close\r");
		/* A few dozen bytes always fit: each client has one request under way. */
		if (send(c->fd, c->answer, c->answer_length, MSG_NOSIGNAL) != c->answer_length || close_after)
			return 0;
		memmove(c->head, c->head + size, c->length - size);
		c->length -= size;
	}
	return c->length < HEAD_MAX;
}

static void serve(struct connection *c)
{
	ssize_t n = recv(c->fd, c->head + c->length, HEAD_MAX - c->length, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0) {
		c->length += n;
		if (answer_heads(c))
			return;
	}
	close(c->fd);
	free(c);
}

int main(int argc, char **argv)
{
	struct epoll_event events[64], on_listener = { .events = EPOLLIN };
	int listener, poll, n, i;

	if (argc != 2)
		return 2;
	listener = listen_on(atoi(argv[1]));
	poll = epoll_create1(EPOLL_CLOEXEC);
	if (poll < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, listener, &on_listener))
		die("epoll");
	puts("listening");
	fflush(stdout);
	for (;;) {
		n = epoll_wait(poll, events, 64, -1);
		for (i = 0; i < n; i++) {
			if (events[i].data.ptr)
				serve(events[i].data.ptr);
			else
				accept_all(poll, listener);
		}
	}
}
