// SPDX-License-Identifier: Apache-2.0
// in-cgroup FOLDER COMMAND [ARGUMENT...]: enters a cgroup and becomes COMMAND.
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char procs[4096];
	int fd;

	if (argc < 3 || (size_t)snprintf(procs, sizeof(procs), "%s/cgroup.procs", argv[1]) >= sizeof(procs))
		return 125;
	fd = open(procs, O_WRONLY);
	/* 0 stands for the writer itself. */
	if (fd < 0 || write(fd, "0", 1) != 1) {
		perror(procs);
		return 125;
	}
	close(fd);
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
