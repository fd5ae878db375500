/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/init.h"
#include "launcher/self.h"

#define READY_TIMEOUT_MS 30000
#define STOP_TIMEOUT_MS	 10000

static char *try_dir(const char *dir, int length, const char *name)
{
	char *path;

	if (!length || asprintf(&path, "%.*s/%s", length, dir, name) < 0)
		return NULL;
	if (access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}

char *daemon_find(const char *name)
{
	cleanup_free char *self = self_directory();
	const char *dir = getenv("NACRE_BINDIR");
	char *path = NULL;

	if (self)
		path = try_dir(self, (int)strlen(self), name);
	if (!path && dir)
		path = try_dir(dir, (int)strlen(dir), name);
	if (!path)
		path = try_dir(NACRE_BINDIR, (int)strlen(NACRE_BINDIR), name);
	for (dir = getenv("PATH"); !path && dir; dir = strchr(dir, ':')) {
		dir += *dir == ':';
		path = try_dir(dir, (int)strcspn(dir, ":"), name);
	}
	return path;
}

/* An abstract socket with a name the kernel chose: no file to clean up. */
static int open_notify(char *ret_name, size_t size)
{
	cleanup_fd int fd = neg_errno(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t length = sizeof(address);

	if (fd < 0)
		return fd;
	if (bind(fd, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		return -errno;
	snprintf(ret_name, size, "@%.*s",
		 (int)(length - offsetof(struct sockaddr_un, sun_path) - 1),
		 address.sun_path + 1);
	return take_fd(&fd);
}

static void __attribute__((noreturn)) execute(const char *path, char *const argv[],
					      const char *notify, pid_t parent)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* A session of its own: Ctrl-C is for the command, not for its root. */
	setsid();
	if (notify) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(STATUS_FAILED);
		setenv("NOTIFY_SOCKET", notify, 1);
	} else {
		unsetenv("NOTIFY_SOCKET");
	}
	/* The command's output is not the place for a daemon's messages. */
	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(STDERR_FILENO, 1) < 0)
		_exit(STATUS_FAILED);
	init_reset_signals();
	execv(path, argv);
	_exit(STATUS_NOT_FOUND);
}

static bool says_ready(int fd)
{
	char text[256];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (n <= 0)
		return false;
	text[n] = '\0';
	return strstr(text, "READY=1") != NULL;
}

/* 1 when ready, 0 when it ended, -EINTR, -ETIMEDOUT. */
static int wait_ready(int notify_fd, int pidfd, struct signals *s)
{
	struct pollfd p[3] = {
		{ .fd = notify_fd, .events = POLLIN },
		{ .fd = pidfd, .events = POLLIN },
		{ .fd = s->fd, .events = POLLIN },
	};

	for (;;) {
		int r = poll(p, 3, READY_TIMEOUT_MS);

		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == 0)
			return -ETIMEDOUT;
		if (p[0].revents && says_ready(notify_fd))
			return 1;
		if (p[1].revents)
			return 0;
		if (p[2].revents && signals_check(s) < 0)
			return -EINTR;
	}
}

int daemon_begin(const char *path, char *const argv[], struct daemon_start *ret_start,
		 struct fault *f)
{
	char name[128];
	cleanup_fd int notify_fd = open_notify(name, sizeof(name));
	pid_t parent = getpid();
	pid_t pid;

	if (notify_fd < 0)
		return fault_set(f, notify_fd, "cannot make a socket to hear from '%s'", path);
	pid = fork();
	if (pid < 0)
		return fault_set(f, -errno, "cannot start '%s'", path);
	if (pid == 0)
		execute(path, argv, name, parent);
	*ret_start = (struct daemon_start){ pid, take_fd(&notify_fd) };
	return 0;
}

void daemon_abandon(struct daemon_start *start)
{
	if (start->pid <= 0)
		return;
	kill(start->pid, SIGKILL);
	waitpid(start->pid, NULL, 0);
	close(start->notify_fd);
	*start = (struct daemon_start){ 0 };
}

int daemon_await(struct daemon_start *start, const char *path, struct signals *s,
		 struct fault *f)
{
	cleanup_fd int pidfd = neg_errno((int)syscall(SYS_pidfd_open, start->pid, 0));
	pid_t pid = start->pid;
	int r = pidfd < 0 ? pidfd : wait_ready(start->notify_fd, pidfd, s);

	if (r == 1) {
		close(start->notify_fd);
		*start = (struct daemon_start){ 0 };
		return pid;
	}
	daemon_abandon(start);
	if (r == 0)
		return fault_set(f, 0, "'%s' could not start: its own message is above", path),
		       -ECHILD;
	return fault_set(f, r, "'%s' did not get ready", path);
}

int daemon_run(const char *path, char *const argv[], struct fault *f)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return fault_set(f, -errno, "cannot start '%s'", path);
	if (pid == 0)
		execute(path, argv, NULL, 0);
	if (waitpid(pid, &status, 0) < 0)
		return fault_set(f, -errno, "cannot wait for '%s'", path);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	fault_set(f, 0, "'%s' could not start: its own message is above", path);
	return -ECHILD;
}

static bool ends_within(pid_t pid, int pidfd, int timeout_ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int r;

	do {
		r = poll(&p, 1, timeout_ms);
	} while (r < 0 && errno == EINTR);
	return r > 0 && waitpid(pid, NULL, 0) == pid;
}

void daemon_stop(pid_t pid)
{
	static const int ways[] = { 0, SIGTERM, SIGKILL };
	cleanup_fd int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	for (size_t i = 0; pidfd >= 0 && i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (ways[i])
			kill(pid, ways[i]);
		if (ends_within(pid, pidfd, STOP_TIMEOUT_MS))
			return;
	}
}
