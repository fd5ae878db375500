/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/metacopy.h - files whose attributes are here and whose data is below
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unionfs/overlay_xattr.h"

struct metacopy {
	uint8_t digest_algorithm;	/* fs-verity's number; 0: no digest */
	uint8_t digest_length;		/* bytes */
	uint8_t digest[64];
};

/**
 * metacopy_read() - the mark stored at a regular file
 *
 * Return: 1 and *@ret if it is a metacopy; 0 if not; -EIO if the mark is
 * malformed; -errno.
 */
int metacopy_read(enum overlay_ns ns, int dir_fd, const char *name,
		  struct metacopy *ret);

/** metacopy_parse() - the mark's value, as metacopy_read() finds it; 1 or -EIO */
int metacopy_parse(const void *value, size_t length, struct metacopy *ret);

/** metacopy_write() - mark a file; @m NULL for a mark without digest */
int metacopy_write(enum overlay_ns ns, int dir_fd, const char *name,
		   const struct metacopy *m);

/**
 * metacopy_verify() - check a data file's fs-verity digest against the mark
 * @fd:		the data file
 * @required:	a mark without digest, or a file without verity, is an error too
 *
 * Return: 0; -EIO if it differs or is missing though @required; -errno.
 */
int metacopy_verify(const struct metacopy *m, int fd, bool required);
