/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/copy_data.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"

/* Small enough that a kill is answered soon, large enough to cost nothing. */
#define RANGE_BYTES  (8 << 20)
#define BUFFER_BYTES (256 << 10)

struct copy {
	int from_fd;
	int to_fd;
	const struct copy_cancel *cancel;
	char *buffer;		/* owned; NULL until copy_file_range(2) failed */
};

static bool is_cancelled(const struct copy *c)
{
	return c->cancel && c->cancel->ask && c->cancel->ask(c->cancel->arg);
}

static int write_all(int fd, const char *data, size_t length, off_t offset)
{
	while (length > 0) {
		ssize_t n = pwrite(fd, data, length, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		length -= n;
		offset += n;
	}
	return 0;
}

/* One bufferful. Return: bytes copied, 0 at the end of the source; -errno. */
static ssize_t copy_buffered(struct copy *c, off_t offset, size_t length)
{
	ssize_t n;
	int r;

	if (!c->buffer)
		c->buffer = malloc(BUFFER_BYTES);
	if (!c->buffer)
		return -ENOMEM;

	if (length > BUFFER_BYTES)
		length = BUFFER_BYTES;
	do {
		n = pread(c->from_fd, c->buffer, length, offset);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : 0;

	r = write_all(c->to_fd, c->buffer, n, offset);
	return r < 0 ? r : n;
}

/*
 * copy_file_range(2) cannot do every pair of filesystems, says so in several
 * ways, and copies nothing from some that do not know their size.
 */
static bool is_refusal(ssize_t n)
{
	return n == 0 || n == -EXDEV || n == -EINVAL || n == -ENOSYS ||
	       n == -EOPNOTSUPP || n == -EPERM || n == -EBADF;
}

static ssize_t copy_some(struct copy *c, off_t offset, size_t length)
{
	off_t from = offset;
	off_t to = offset;
	ssize_t n;

	if (length > RANGE_BYTES)
		length = RANGE_BYTES;
	if (!c->buffer) {
		n = neg_errno64(copy_file_range(c->from_fd, &from, c->to_fd, &to,
						length, 0));
		if (n == -EINTR)
			return copy_buffered(c, offset, length);
		if (!is_refusal(n))
			return n;
	}
	return copy_buffered(c, offset, length);
}

static int copy_extent(struct copy *c, off_t offset, off_t end)
{
	while (offset < end) {
		ssize_t n;

		if (is_cancelled(c))
			return -EINTR;
		n = copy_some(c, offset, end - offset);
		if (n < 0)
			return n;
		if (n == 0)
			return -EIO;	/* shorter than it was */
		offset += n;
	}
	return 0;
}

/* Where data begins at or after @offset; @end if there is none. */
static off_t next_data(int fd, off_t offset, off_t end)
{
	off_t data = lseek(fd, offset, SEEK_DATA);

	if (data < 0)
		return errno == ENXIO ? end : offset;
	return data < end ? data : end;
}

static off_t next_hole(int fd, off_t offset, off_t end)
{
	off_t hole = lseek(fd, offset, SEEK_HOLE);

	return hole > offset && hole < end ? hole : end;
}

static int copy_extents(struct copy *c, off_t end)
{
	off_t offset = next_data(c->from_fd, 0, end);

	while (offset < end) {
		off_t hole = next_hole(c->from_fd, offset, end);
		int r = copy_extent(c, offset, hole);

		if (r < 0)
			return r;
		offset = next_data(c->from_fd, hole, end);
	}
	return 0;
}

int copy_clone(int from_fd, int to_fd)
{
	return neg_errno(ioctl(to_fd, FICLONE, from_fd));
}

int copy_small(int from_fd, int to_fd, size_t size_bytes,
	       const struct copy_cancel *cancel)
{
	cleanup_free char *buffer = malloc(size_bytes);
	struct copy c = { .cancel = cancel };
	size_t done = 0;

	if (!buffer)
		return -ENOMEM;
	if (is_cancelled(&c))
		return -EINTR;
	while (done < size_bytes) {
		ssize_t n = pread(from_fd, buffer + done, size_bytes - done, done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;	/* shorter than it was */
		done += n;
	}
	return write_all(to_fd, buffer, size_bytes, 0);
}

int copy_data(int from_fd, int to_fd, uint64_t size_bytes,
	      const struct copy_cancel *cancel)
{
	struct copy c = { .from_fd = from_fd, .to_fd = to_fd, .cancel = cancel };
	int r;

	if (is_cancelled(&c))
		return -EINTR;
	if (size_bytes == 0)
		return 0;
	if (copy_clone(from_fd, to_fd) == 0)
		return 0;

	/* The size first: what is not written after this is a hole. */
	r = neg_errno(ftruncate(to_fd, size_bytes));
	if (r == 0)
		r = copy_extents(&c, size_bytes);
	free(c.buffer);
	return r;
}
