/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/ready.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/log.h"

static int wait_for_word(int fd)
{
	char byte;
	ssize_t n;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 ? 1 : -ECHILD;
}

int ready_detach(int *ret_tell_fd)
{
	cleanup_fd int wait_fd = -1;
	cleanup_fd int tell_fd = -1;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	wait_fd = fds[0];
	tell_fd = fds[1];

	fflush(NULL);		/* else the daemon would write it again */
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		close(take_fd(&tell_fd));
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return wait_for_word(wait_fd);
	}

	/* Twice, so that no later open(2) of a terminal makes it ours. */
	if (setsid() < 0 || (pid = fork()) < 0) {
		log_error("cannot go into the background: %s\nTry again, or stay in the foreground (-f).",
			  strerror(errno));
		_exit(1);
	}
	if (pid > 0)
		_exit(0);
	*ret_tell_fd = take_fd(&tell_fd);
	return 0;
}

int ready_tell(int tell_fd)
{
	ssize_t n;

	do
		n = write(tell_fd, "", 1);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

void ready_drop_stdio(int null_fd)
{
	log_detach();
	if (null_fd < 0)
		return;		/* better a terminal kept than none at all */
	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
		(void)dup2(null_fd, i);
}

int ready_notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_fd int fd = -1;
	size_t length;
	ssize_t n;

	if (!path || !*path)
		return 0;
	length = strlen(path);
	if (length >= sizeof(address.sun_path))
		return -ENAMETOOLONG;

	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = '\0';	/* an abstract name */

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	n = sendto(fd, text, strlen(text), MSG_NOSIGNAL,
		   (struct sockaddr *)&address,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
	return n < 0 ? -errno : 0;
}
