/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/start_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"

#define SOCKET_NAME "start.sock"

static struct sockaddr_un address_in(int dir_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" SOCKET_NAME,
		 dir_fd);
	return address;
}

int start_socket_listen(int dir_fd)
{
	cleanup_fd int fd = neg_errno(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	struct sockaddr_un address = address_in(dir_fd);

	if (fd < 0)
		return fd;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
		return -errno;
	return take_fd(&fd);
}

int start_socket_connect(int dir_fd)
{
	cleanup_fd int fd = neg_errno(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	struct sockaddr_un address = address_in(dir_fd);

	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return take_fd(&fd);
}

void start_socket_remove(int dir_fd)
{
	(void)unlinkat(dir_fd, SOCKET_NAME, 0);
}
