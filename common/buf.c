/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/buf.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"

void buf_done(struct buf *b)
{
	free(b->data);
	*b = (struct buf)BUF_INIT;
}

void buf_reset(struct buf *b)
{
	b->length = 0;
	b->error = 0;
	if (b->data)
		b->data[0] = '\0';
}

/* Room for @more bytes and the NUL. */
static int buf_grow(struct buf *b, size_t more)
{
	size_t need, size;
	char *data;

	if (b->error)
		return b->error;
	if (__builtin_add_overflow(b->length, more + 1, &need))
		return b->error = -ENOMEM;
	if (need <= b->size)
		return 0;

	size = b->size ? b->size * 2 : 256;
	if (size < need)
		size = need;

	data = realloc(b->data, size);
	if (!data)
		return b->error = -ENOMEM;

	b->data = data;
	b->size = size;
	return 0;
}

void buf_add(struct buf *b, const void *data, size_t length)
{
	if (buf_grow(b, length) < 0)
		return;

	if (length)
		memcpy(b->data + b->length, data, length);
	b->length += length;
	b->data[b->length] = '\0';
}

void buf_adds(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

void buf_addv(struct buf *b, const char *format, va_list args)
{
	va_list again;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);

	if (n < 0 || buf_grow(b, n) < 0)
		return;

	vsnprintf(b->data + b->length, n + 1, format, args);
	b->length += n;
}

void buf_addf(struct buf *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	buf_addv(b, format, args);
	va_end(args);
}

int buf_read_fd(struct buf *b, int fd)
{
	for (;;) {
		ssize_t n;

		if (buf_grow(b, 4095) < 0)
			return b->error;

		n = read(fd, b->data + b->length, b->size - b->length - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;

		b->length += n;
		b->data[b->length] = '\0';
		if (n == 0)
			return 0;
	}
}

int buf_read_file(struct buf *b, int dir_fd, const char *name)
{
	cleanup_fd int fd = neg_errno(openat(dir_fd, name, O_RDONLY | O_CLOEXEC));

	if (fd < 0)
		return fd;

	return buf_read_fd(b, fd);
}

int buf_error(const struct buf *b)
{
	return b->error;
}

const char *buf_text(const struct buf *b)
{
	return b->data ? b->data : "";
}
