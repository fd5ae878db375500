/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/lib/idmapped - show a mounted tree once more, with its ids shifted
 *
 *	idmapped SOURCE TARGET FIRST SHOWN COUNT
 *
 * What belongs to id FIRST and up on SOURCE belongs to SHOWN and up on TARGET. Exit
 * status 77 if the kernel or the file system cannot do that.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"

static int fail(const char *what)
{
	fprintf(stderr, "idmapped: %s: %m\n", what);
	return EXIT_FAILURE;
}

static int write_map(pid_t pid, const char *which, char *const *ids)
{
	char path[64], text[128];
	cleanup_fd int fd = -1;
	int n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, which);
	n = snprintf(text, sizeof(text), "%s %s %s\n", ids[0], ids[1], ids[2]);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, text, (size_t)n) == n ? 0 : -1;
}

/* A user namespace is needed to say a mapping; its process only waits to be looked at. */
static int open_namespace(char *const *ids)
{
	int ready[2], fd = -1;
	char path[64], byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWUSER) < 0 || write(ready[1], "", 1) != 1)
			_exit(EXIT_FAILURE);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (pid > 0 && read(ready[0], &byte, 1) == 1 && write_map(pid, "uid_map", ids) == 0 &&
	    write_map(pid, "gid_map", ids) == 0) {
		snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	close(ready[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return fd;
}

int main(int argc, char *argv[])
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	cleanup_fd int tree = -1, ns = -1;

	if (argc != 6) {
		fprintf(stderr, "usage: idmapped SOURCE TARGET FIRST SHOWN COUNT\n");
		return 2;
	}
	ns = open_namespace(argv + 3);
	if (ns < 0)
		return fail("user namespace");
	tree = open_tree(AT_FDCWD, argv[1], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return fail(argv[1]);
	attr.userns_fd = (unsigned)ns;
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return errno == EINVAL || errno == EPERM ? 77 : fail("mount_setattr");
	if (move_mount(tree, "", AT_FDCWD, argv[2], MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail(argv[2]);
	return EXIT_SUCCESS;
}
