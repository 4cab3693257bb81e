// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "exchange.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "protocol.h"

long long clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Lets the next call on the socket wait for what is left. False, with ETIMEDOUT: nothing is. */
static bool wait_until(int sock, int option, long long deadline)
{
	const long long left = deadline - clock_ms();
	const struct timeval limit = { .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 };

	if (left <= 0) {
		errno = ETIMEDOUT;
		return false;
	}
	return !setsockopt(sock, SOL_SOCKET, option, &limit, sizeof(limit));
}

/* connect(2) waits for room in the queue of a listener as long as SO_SNDTIMEO says (net/unix/af_unix.c). */
static bool connect_to(int sock, long long deadline)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = KM_CNI_SOCKET };

	return wait_until(sock, SO_SNDTIMEO, deadline) && !connect(sock, (struct sockaddr *)&address, sizeof(address));
}

static bool send_all(int sock, struct slice text, long long deadline)
{
	while (text.len) {
		ssize_t sent;

		if (!wait_until(sock, SO_SNDTIMEO, deadline))
			return false;
		sent = send(sock, text.at, text.len, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return false;
		text.at += sent;
		text.len -= sent;
	}
	return true;
}

/* Reads up to the end of a line. False: there is none in `size` bytes, or in time. */
static bool receive_line(int sock, char *to, size_t size, size_t *len, long long deadline)
{
	for (*len = 0; *len < size;) {
		char *end;
		ssize_t got;

		if (!wait_until(sock, SO_RCVTIMEO, deadline))
			return false;
		got = recv(sock, to + *len, size - *len, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			errno = got < 0 ? errno : ECONNRESET;
			return false;
		}
		end = memchr(to + *len, '\n', got);
		*len = end ? (size_t)(end - to) : *len + got;
		if (end)
			return true;
	}
	errno = EMSGSIZE;
	return false;
}

void exchange(struct verdict *verdict, struct slice request, long long deadline)
{
	static char answer[KM_CNI_ANSWER_MAX];
	const int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t len;

	if (sock >= 0 && connect_to(sock, deadline) && send_all(sock, request, deadline) && receive_line(sock, answer, sizeof(answer), &len, deadline))
		answer_read(verdict, (struct slice){ answer, len });
	else
		/* A call that waited too long fails with EAGAIN (socket(7)). */
		verdict_away(verdict, KM_CNI_SOCKET, errno == EAGAIN || errno == ETIMEDOUT ? "no answer within a second" : strerror(errno));
	if (sock >= 0)
		close(sock);
}
