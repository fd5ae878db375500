/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/guard.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/log.h"

#ifndef SYS_close_range
#define SYS_close_range 436	/* Linux 5.9 */
#endif

enum { END_MS = 2000 };

static void close_from(unsigned first, unsigned last)
{
	long limit = sysconf(_SC_OPEN_MAX);

	if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
		return;
	for (unsigned fd = first; fd <= last && (long)fd < limit; fd++)
		close((int)fd);
}

/* The device would keep the connection, a layer's descriptor its lock. */
static void keep_only(int a, int b)
{
	unsigned low = (unsigned)(a < b ? a : b), high = (unsigned)(a < b ? b : a);

	close_from(STDERR_FILENO + 1, low - 1);
	if (low < high)
		close_from(low + 1, high - 1);
	close_from(high + 1, ~0u);
}

static _Noreturn void guard(const struct mountpoint *m, int wait_fd)
{
	char byte;

	log_detach();
	while (read(wait_fd, &byte, 1) < 0 && errno == EINTR)
		;
	if (mount_is_there(m)) {
		log_error("who kept '%s' was killed; it is unmounted", m->path);
		if (mount_detach(m) < 0)
			log_error("cannot unmount '%s'\nUnmount it by hand: umount -l '%s'",
				  m->path, m->path);
	}
	_exit(0);
}

static void drop_stdio(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = STDIN_FILENO; fd >= 0 && i <= STDERR_FILENO; i++)
		(void)dup2(fd, i);
}

/* Not under our command line: who looks for the daemon does not mean the guard. */
static void take_name(const char *name)
{
	cleanup_fd int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	char bytes[512];
	size_t length = 0;
	ssize_t n;

	(void)prctl(PR_SET_NAME, name);
	while (fd >= 0 && (n = read(fd, bytes, sizeof(bytes))) > 0)
		length += (size_t)n;
	if (length <= strlen(name) + 1)
		return;
	memset(program_invocation_name, 0, length);
	memcpy(program_invocation_name, name, strlen(name) + 1);
}

void guard_become(const char *name, int fd_a, int fd_b)
{
	(void)chdir("/");
	take_name(name);
	drop_stdio();
	keep_only(fd_a, fd_b);
}

static int start(const struct mountpoint *m, int wait_fd, int ended_fd)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		pid = fork();
		if (pid != 0)
			_exit(pid < 0);
		guard_become("nacre-guard", wait_fd, ended_fd);
		guard(m, wait_fd);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status ? -EAGAIN : 0;
}

int guard_start(const struct mountpoint *m, struct guard *ret_guard)
{
	cleanup_fd int wait_fd = -1, told_fd = -1;
	cleanup_fd int end_fd = -1, ended_fd = -1;
	int fds[2];
	int r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	wait_fd = fds[0];
	told_fd = fds[1];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	end_fd = fds[0];
	ended_fd = fds[1];

	r = start(m, wait_fd, ended_fd);
	if (r == 0)
		*ret_guard = (struct guard){ take_fd(&told_fd), take_fd(&end_fd) };
	return r;
}

void guard_end(struct guard *guard)
{
	struct pollfd p = { .fd = guard->end_fd, .events = POLLIN };

	if (guard->tell_fd < 0)
		return;
	close(guard->tell_fd);
	(void)poll(&p, 1, END_MS);	/* it has little to do */
	close(guard->end_fd);
	*guard = (struct guard)GUARD_INIT;
}
