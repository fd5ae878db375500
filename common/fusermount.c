/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/fusermount.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"

#define HELPER "fusermount3"

enum { EXIT_NOT_FOUND = 127 };

/* The helper gets an ordinary environment: no signal blocked by us. */
static _Noreturn void exec_helper(char *const argv[])
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(HELPER, argv);
	_exit(EXIT_NOT_FOUND);
}

static int wait_exit_status(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int receive_fd(int socket_fd)
{
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;
	ssize_t n;
	int fd;

	do
		n = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;

	c = n ? CMSG_FIRSTHDR(&message) : NULL;
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return -EPERM;	/* it ended without giving one */
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static _Noreturn void run_mount(const char *path, const char *options,
				int socket_fd)
{
	char *argv[] = { (char *)HELPER, (char *)"-o", (char *)options,
			 (char *)"--", (char *)path, NULL };
	char number[16];

	snprintf(number, sizeof(number), "%d", socket_fd);
	if (setenv("_FUSE_COMMFD", number, 1) < 0 ||
	    fcntl(socket_fd, F_SETFD, 0) < 0)
		_exit(1);
	exec_helper(argv);
}

int fusermount_mount(const char *path, const char *options, int *ret_device_fd)
{
	cleanup_fd int ours = -1;
	int pair[2], device_fd, status;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];

	pid = fork();
	if (pid == 0)
		run_mount(path, options, pair[1]);
	close(pair[1]);
	if (pid < 0)
		return -errno;

	device_fd = receive_fd(ours);
	status = wait_exit_status(pid);
	if (device_fd < 0)
		return status == EXIT_NOT_FOUND ? -ENOENT : -EPERM;
	*ret_device_fd = device_fd;
	return 0;
}

int fusermount_unmount(const char *path, bool lazy)
{
	char *argv[] = { (char *)HELPER, (char *)"-u", (char *)"-q",
			 (char *)(lazy ? "-z" : "-q"), (char *)"--",
			 (char *)path, NULL };
	pid_t pid;

	pid = fork();
	if (pid == 0)
		exec_helper(argv);
	if (pid < 0)
		return -errno;
	return wait_exit_status(pid) == 0 ? 0 : -EBUSY;
}
