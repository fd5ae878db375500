/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/outlet.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* libc's functions are given nothing of ours. Set once, before threads start. */
static const struct outlet *outlet;

void outlet_set(const struct outlet *new)
{
	outlet = new;
}

ssize_t outlet_writev(int fd, const struct iovec *iov, int count)
{
	return syscall(SYS_writev, fd, iov, count);
}

ssize_t outlet_splice(int pipe_fd, int fd, size_t bytes, unsigned flags)
{
	return syscall(SYS_splice, pipe_fd, NULL, fd, NULL, bytes, flags);
}

/* Instead of libc's. */
__attribute__((visibility("default")))
ssize_t writev(int fd, const struct iovec *iov, int count)
{
	if (outlet && fd == outlet->device_fd)
		return outlet->send(fd, iov, count);
	return outlet_writev(fd, iov, count);
}

__attribute__((visibility("default")))
ssize_t splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t bytes,
	       unsigned flags)
{
	if (outlet && to == outlet->device_fd)
		return outlet->send_spliced(from, to, bytes, flags);
	return syscall(SYS_splice, from, from_at, to, to_at, bytes, flags);
}
