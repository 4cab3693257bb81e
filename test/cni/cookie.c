/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Prints the cookie of the network namespace it runs in, by a socket of another family than the plugin's; 0: the kernel does not tell. */
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

int main(void)
{
	const int sock = socket(AF_INET, SOCK_DGRAM, 0);
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	if (sock < 0)
		return 1;
	if (getsockopt(sock, SOL_SOCKET, 71, &cookie, &len))
		cookie = 0;
	printf("%llu\n", (unsigned long long)cookie);
	return 0;
}
