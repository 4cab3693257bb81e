// SPDX-License-Identifier: Apache-2.0
/*
 * PID 1 of a guest, in its initramfs: loads the drivers that lie there, puts the root together from read-only disks
 * under a tmpfs, runs one program, and switches the machine off when it ends.
 *
 * Disks: vda root, vdb inputs (at /kmesh), vdc the kernel's modules and headers (optional).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void stop(void)
{
	sync();
	/* QEMU runs with -no-reboot: this ends it, with or without ACPI. */
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

static void fail(const char *what)
{
	printf("init: %s: %s\n", what, strerror(errno));
	stop();
}

static void make_mount(const char *device, const char *place, const char *type, unsigned long flags, const char *options)
{
	mkdir(place, 0755);
	if (mount(device, place, type, flags, options))
		fail(place);
}

/* For file systems that not every kernel has. */
static void try_mount(const char *place, const char *type)
{
	mkdir(place, 0755);
	mount(type, place, type, 0, NULL);
}

static void load_drivers(void)
{
	char name[256];
	FILE *list = fopen("/drivers/order", "r");

	while (list && fscanf(list, "%255s", name) == 1) {
		int fd = open(name, O_RDONLY | O_CLOEXEC);

		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
			fail(name);
		close(fd);
	}
	if (list)
		fclose(list);
}

static void wait_for(const char *device)
{
	for (int i = 0; access(device, F_OK); i++) {
		if (i == 3000)
			fail(device);
		usleep(10000);
	}
}

static void assemble_root(void)
{
	const char *lower = "lowerdir=/disk/root,upperdir=/memory/upper,workdir=/memory/work";

	wait_for("/dev/vda");
	wait_for("/dev/vdb");
	mkdir("/disk", 0755);
	make_mount("/dev/vda", "/disk/root", "ext4", MS_RDONLY, NULL);
	/* The kernel names disks in the order in which it finds them; without the third one there is no third name. */
	if (access("/kernel-disk", F_OK) == 0) {
		wait_for("/dev/vdc");
		make_mount("/dev/vdc", "/disk/kernel", "ext4", MS_RDONLY, NULL);
		lower = "lowerdir=/disk/kernel:/disk/root,upperdir=/memory/upper,workdir=/memory/work";
	}
	make_mount("memory", "/memory", "tmpfs", 0, "size=75%");
	mkdir("/memory/upper", 0755);
	mkdir("/memory/work", 0755);
	make_mount("root", "/new", "overlay", 0, lower);
	make_mount("/dev/vdb", "/new/kmesh", "ext4", MS_RDONLY, NULL);
}

static void enter_root(void)
{
	static const char *const moved[] = { "/dev", "/proc", "/sys" };
	char place[32];

	for (size_t i = 0; i < sizeof(moved) / sizeof(*moved); i++) {
		snprintf(place, sizeof(place), "/new%s", moved[i]);
		if (mount(moved[i], place, NULL, MS_MOVE, NULL))
			fail(place);
	}
	if (chdir("/new") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		fail("new root");
	make_mount("tmpfs", "/run", "tmpfs", 0, NULL);
	make_mount("tmpfs", "/tmp", "tmpfs", 0, NULL);
	try_mount("/dev/pts", "devpts");
	try_mount("/dev/shm", "tmpfs");
	try_mount("/sys/fs/cgroup", "cgroup2");
	try_mount("/sys/kernel/debug", "debugfs");
	try_mount("/sys/kernel/tracing", "tracefs");
	symlink("/proc/self/fd", "/dev/fd");
	sethostname("guest", 5);
}

static void run(char *const argv[])
{
	static char *const environment[] = { "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C", NULL };
	pid_t child = fork();

	if (child == 0) {
		setsid();
		execve(argv[0], argv, environment);
		printf("init: %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	for (;;) {
		int status;
		pid_t ended = wait(&status);

		if (ended != child)
			continue;
		printf("init: %s ended, status %#x\n", argv[0], status);
		return;
	}
}

int main(void)
{
	static char *const runner[] = { "/usr/local/bin/node", "/kmesh/guest/runner.mjs", NULL };

	setvbuf(stdout, NULL, _IONBF, 0);
	make_mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	/* The kernel could not open a console for us when the initramfs had no /dev/console. */
	int console = open("/dev/console", O_RDWR);

	for (int fd = 0; console >= 0 && fd < 3; fd++)
		dup2(console, fd);
	make_mount("proc", "/proc", "proc", 0, NULL);
	make_mount("sysfs", "/sys", "sysfs", 0, NULL);
	load_drivers();
	assemble_root();
	enter_root();
	run(runner);
	stop();
}
