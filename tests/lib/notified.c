/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/lib/notified - be a service manager's socket
 *
 *	notified NAME COMMAND...
 *
 * Binds NAME (@NAME: an abstract one), runs COMMAND with NOTIFY_SOCKET set, and
 * when it ended prints what it had received by then. Exit status: COMMAND's.
 */
#include "config.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int bind_name(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || length >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path, name, length);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	if (bind(fd, (struct sockaddr *)&address,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
		return -1;
	return fd;
}

int main(int argc, char **argv)
{
	char text[4096];
	int fd, status;
	ssize_t n;
	pid_t pid;

	fd = argc > 2 ? bind_name(argv[1]) : -1;
	if (fd < 0 || setenv("NOTIFY_SOCKET", argv[1], 1) < 0) {
		perror("notified");
		return 2;
	}
	pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		perror("notified");
		return 2;
	}
	while ((n = recv(fd, text, sizeof(text) - 1, 0)) > 0) {
		text[n] = '\0';
		printf("%s\n", text);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
