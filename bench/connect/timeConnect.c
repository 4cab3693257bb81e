// SPDX-License-Identifier: Apache-2.0
// timeConnect serve PORT
//   accepts on all addresses, sends one byte to each connection and leaves it
// timeConnect COUNT PORT < ADDRESSES
//   makes COUNT connections one after the other, to the addresses (one a line) in turn, and prints as JSON the
//   nanoseconds of connect() and of connect() until the first byte came, and how many failed
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_ADDRESSES 65536
#define MOST_CONNECTIONS 1000000

static struct in_addr addresses[MOST_ADDRESSES];
static long long connected[MOST_CONNECTIONS], answered[MOST_CONNECTIONS];

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	long long difference = *(const long long *)a - *(const long long *)b;

	return (difference > 0) - (difference < 0);
}

/* A reset leaves no socket in TIME_WAIT, which would use up the ports. */
static void leave(int fd)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

static int serve(int port)
{
	struct sockaddr_in all = { .sin_family = AF_INET, .sin_port = htons(port) };
	int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&all, sizeof(all)) || listen(fd, 4096)) {
		perror("listen");
		return 1;
	}
	puts("listens");
	fflush(stdout);
	for (;;) {
		int client = accept(fd, NULL, NULL);

		if (client < 0)
			continue;
		if (send(client, "x", 1, MSG_NOSIGNAL) == 1)
			recv(client, &on, sizeof(on), 0);
		close(client);
	}
}

static int measure(const struct in_addr *address, int port, long long *connect_ns, long long *answer_ns)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = *address };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	long long began = now();
	char byte;

	if (connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		close(fd);
		return -1;
	}
	*connect_ns = now() - began;
	if (recv(fd, &byte, 1, 0) != 1) {
		close(fd);
		return -1;
	}
	*answer_ns = now() - began;
	leave(fd);
	return 0;
}

int main(int argc, char **argv)
{
	int count, n = 0, done = 0, failed = 0;
	long long began;
	char line[64];

	if (argc != 3)
		return 2;
	if (!strcmp(argv[1], "serve"))
		return serve(atoi(argv[2]));
	count = atoi(argv[1]);
	if (count < 1 || count > MOST_CONNECTIONS)
		return 2;
	while (n < MOST_ADDRESSES && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (inet_pton(AF_INET, line, &addresses[n]) != 1)
			return 2;
		n++;
	}
	if (n == 0)
		return 2;
	began = now();
	for (int i = 0; i < count; i++) {
		if (measure(&addresses[i % n], atoi(argv[2]), &connected[done], &answered[done]))
			failed++;
		else
			done++;
	}
	began = now() - began;
	qsort(connected, done, sizeof(*connected), by_size);
	qsort(answered, done, sizeof(*answered), by_size);
	printf("{\"done\":%d,\"failed\":%d,\"seconds\":%.6f,\"connect\":{\"p50\":%lld,\"p99\":%lld},\"answer\":{\"p50\":%lld,\"p99\":%lld}}\n", done, failed,
	       began / 1e9, connected[done / 2], connected[done * 99LL / 100], answered[done / 2], answered[done * 99LL / 100]);
	return 0;
}
