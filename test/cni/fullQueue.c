/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Listens on a Unix socket, accepts nothing, and fills its queue itself; says so, and ends with its standard input. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	char byte;
	int i;

	if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path))
		return 2;
	strcpy(address.sun_path, argv[1]);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 0))
		return 1;
	for (i = 0; i < 10; i++) {
		const int client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

		if (connect(client, (struct sockaddr *)&address, sizeof(address)) && errno == EAGAIN)
			break;
	}
	puts("full");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return i == 10;
}
