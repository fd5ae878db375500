/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/buf.h - a byte buffer that grows
 *
 * Errors stick: after the first failed allocation every call does nothing and
 * buf_error() says -ENOMEM, so a caller that appends a hundred lines checks once.
 * The bytes are always followed by a NUL that is not counted.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *data;		/* owned; NULL while empty and never grown */
	size_t length;
	size_t size;
	int error;
};

#define BUF_INIT { 0 }

/** buf_done() - free the bytes; the buffer is empty and usable again */
void buf_done(struct buf *b);

/** buf_reset() - forget the bytes, keep the memory */
void buf_reset(struct buf *b);

/** buf_add() - append @length bytes */
void buf_add(struct buf *b, const void *data, size_t length);

/** buf_adds() - append a string */
void buf_adds(struct buf *b, const char *text);

/** buf_addf() - append as printf(3) does */
void buf_addf(struct buf *b, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** buf_addv() - buf_addf() for callers that are variadic themselves */
void buf_addv(struct buf *b, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

/**
 * buf_read_fd() - append all that can be read from @fd
 *
 * Return: 0; -ENOMEM; any read(2) error. What was read before is kept.
 */
int buf_read_fd(struct buf *b, int fd);

/**
 * buf_read_file() - append the contents of @name
 * @dir_fd:	directory that @name is relative to, or AT_FDCWD
 *
 * Return: 0; -ENOMEM; any openat(2) or read(2) error.
 */
int buf_read_file(struct buf *b, int dir_fd, const char *name);

/** buf_error() - 0, or the first error that an append met */
int buf_error(const struct buf *b);

/** buf_text() - the bytes as a string, "" while empty; valid until the next append */
const char *buf_text(const struct buf *b);

#define cleanup_buf __attribute__((cleanup(buf_done)))
