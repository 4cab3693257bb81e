// SPDX-License-Identifier: Apache-2.0
// client [-n COUNT] [-g REAL_GID] [-6] [-u] [-k] ADDRESS PORT [THEN_ADDRESS THEN_PORT]
//
// Makes COUNT connections one after the other and prints a line for each:
//   ERRNO PEER_ADDRESS PEER_PORT WHAT_THE_SERVER_SENT
// with errno by name (OK for 0) and "-" for what there is not.
//   -6  an IPv6 socket also for an IPv4 address, which is then asked for in v4-mapped form
//   -u  a connected UDP socket; nothing is sent
//   -k  keeps the connections; for each line on standard input prints their peers again, ends when standard input does
// With a second address each socket is dissolved (connect to AF_UNSPEC) and connected again; the line is
// that of the second connection.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int v6_socket, udp, keep;
static int kept[65536], n_kept;

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t parse(union address *to, const char *text, const char *port)
{
	char mapped[64];

	memset(to, 0, sizeof(*to));
	if (!v6_socket && !strchr(text, ':')) {
		to->v4.sin_family = AF_INET;
		to->v4.sin_port = htons(atoi(port));
		if (inet_pton(AF_INET, text, &to->v4.sin_addr) != 1)
			exit(125);
		return sizeof(to->v4);
	}
	snprintf(mapped, sizeof(mapped), strchr(text, ':') ? "%s" : "::ffff:%s", text);
	to->v6.sin6_family = AF_INET6;
	to->v6.sin6_port = htons(atoi(port));
	if (inet_pton(AF_INET6, mapped, &to->v6.sin6_addr) != 1)
		exit(125);
	return sizeof(to->v6);
}

static void print_peer(int fd)
{
	union address peer;
	socklen_t length = sizeof(peer);
	char text[INET6_ADDRSTRLEN] = "-";
	int port = 0;

	if (!getpeername(fd, &peer.any, &length)) {
		if (peer.any.sa_family == AF_INET) {
			inet_ntop(AF_INET, &peer.v4.sin_addr, text, sizeof(text));
			port = ntohs(peer.v4.sin_port);
		} else {
			inet_ntop(AF_INET6, &peer.v6.sin6_addr, text, sizeof(text));
			port = ntohs(peer.v6.sin6_port);
		}
	}
	printf(" %s %d", text, port);
}

static void print_said(int fd)
{
	char said[64];
	ssize_t n = udp ? 0 : read(fd, said, sizeof(said) - 1);

	said[n > 0 ? n : 0] = 0;
	said[strcspn(said, "\n")] = 0;
	printf(" %s\n", *said ? said : "-");
}

static int connect_to(int fd, const char *text, const char *port)
{
	union address to;
	socklen_t length = parse(&to, text, port);

	return connect(fd, &to.any, length);
}

static void one(char **where, int count)
{
	int family = v6_socket || strchr(where[0], ':') ? AF_INET6 : AF_INET;
	struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
	int fd = socket(family, udp ? SOCK_DGRAM : SOCK_STREAM, 0);
	int failed = connect_to(fd, where[0], where[1]);

	if (count == 4) {
		connect(fd, &nowhere, sizeof(nowhere));
		failed = connect_to(fd, where[2], where[3]);
	}
	printf("%s", failed ? strerrorname_np(errno) : "OK");
	if (failed) {
		printf(" - 0 -\n");
	} else {
		print_peer(fd);
		print_said(fd);
	}
	if (keep && n_kept < (int)(sizeof(kept) / sizeof(*kept)))
		kept[n_kept++] = fd;
	else
		close(fd);
}

static void say_again(void)
{
	for (int i = 0; i < n_kept; i++) {
		printf("AGAIN");
		print_peer(kept[i]);
		printf(" -\n");
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int option, count = 1;
	struct rlimit files;

	while ((option = getopt(argc, argv, "n:g:6uk")) != -1) {
		if (option == 'n')
			count = atoi(optarg);
		else if (option == 'g' && setresgid(atoi(optarg), -1, -1))
			return 125;
		else if (option == '6')
			v6_socket = 1;
		else if (option == 'u')
			udp = 1;
		else if (option == 'k')
			keep = 1;
		else if (option == '?')
			return 125;
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	for (int i = 0; i < count; i++)
		one(argv + optind, argc - optind);
	fflush(stdout);
	if (keep)
		for (int c = getchar(); c != EOF; c = getchar())
			if (c == '\n')
				say_again();
	return 0;
}
