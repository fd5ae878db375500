/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/copy_data.h - one file's data into another, holes kept
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Asked between chunks; true abandons with -EINTR. ask NULL: never. */
struct copy_cancel {
	bool (*ask)(void *arg);
	void *arg;
};

/**
 * copy_data() - make @to_fd hold what @from_fd holds
 * @from_fd:	open for reading; its offset is moved
 * @to_fd:	empty or holes only, open for writing; its offset is moved
 * @size_bytes:	of the source
 *
 * A reflink where the filesystem has them, else copy_file_range(2), else read and
 * write. The caller removes what is half done.
 *
 * Return: 0; -EINTR if cancelled; -EIO if the source ends before @size_bytes;
 * -ENOSPC and the like.
 */
int copy_data(int from_fd, int to_fd, uint64_t size_bytes,
	      const struct copy_cancel *cancel);

/** copy_clone() - let a file share all blocks of another; 0 or -errno */
int copy_clone(int from_fd, int to_fd);

#define COPY_SMALL_BYTES 65536

/** copy_small() - copy_data() of at most COPY_SMALL_BYTES that are not sparse: two
 *	calls are quicker than finding holes, and no quicker way is tried */
int copy_small(int from_fd, int to_fd, size_t size_bytes,
	       const struct copy_cancel *cancel);
