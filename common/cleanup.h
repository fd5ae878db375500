/* SPDX-License-Identifier: Apache-2.0 */
/* common/cleanup.h - what the scope releases when it ends */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_fd_(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_free_(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_dir_(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static inline void cleanup_file_(FILE **file)
{
	if (*file)
		fclose(*file);
}

#define cleanup_fd   __attribute__((cleanup(cleanup_fd_)))
#define cleanup_free __attribute__((cleanup(cleanup_free_)))
#define cleanup_dir  __attribute__((cleanup(cleanup_dir_)))
#define cleanup_file __attribute__((cleanup(cleanup_file_)))

/** take_fd() - hand a descriptor on: the scope no longer closes it */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/** take_ptr() - hand a pointer on: the scope no longer frees it */
#define take_ptr(p)                                                            \
	({                                                                     \
		__auto_type taken_ = (p);                                      \
		(p) = NULL;                                                    \
		taken_;                                                        \
	})
