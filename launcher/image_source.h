/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/image_source.h - the files that an image is brought in
 *
 * A directory, or a tar archive (compressed or not) with the same files in it.
 * Nothing is unpacked: an archive is read again up to the file that is wanted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "launcher/fault.h"

struct image_source;
struct image_stream;

/**
 * image_source_open() - find out what is there
 * @path:	a directory, an archive, or "-" for an archive on stdin
 * @spool_fd:	directory for a copy of what cannot be read twice
 *
 * Return: 0; negative errno with @fault.
 */
int image_source_open(const char *path, int spool_fd, struct image_source **ret_source,
		      struct fault *fault);

/** image_source_free() - accepts NULL, returns NULL */
struct image_source *image_source_free(struct image_source *source);

/** image_source_has() - whether there is a file of this name */
bool image_source_has(struct image_source *source, const char *name);

/** image_source_read() - append a small file's bytes; -ENOENT, -EFBIG, ... with @fault */
int image_source_read(struct image_source *source, const char *name, struct buf *text,
		      struct fault *fault);

/** image_source_stream() - read a large file from its beginning; -ENOENT with @fault */
int image_source_stream(struct image_source *source, const char *name,
			struct image_stream **ret_stream, struct fault *fault);

/** image_stream_from_fd() - the bytes of a file, from its beginning; @fd is lent */
int image_stream_from_fd(int fd, struct image_stream **ret_stream);

/** image_stream_read() - the next bytes: their number, 0 at the end, negative errno */
int64_t image_stream_read(struct image_stream *stream, void *data, size_t size);

/** image_stream_size() - bytes in all */
int64_t image_stream_size(const struct image_stream *stream);

/** image_stream_free() - accepts NULL, returns NULL */
struct image_stream *image_stream_free(struct image_stream *stream);
