/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/force.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/errors.h"

/* fchmodat2(2), Linux 6.6; the same number on every architecture. */
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

int chmod_at(int dir_fd, const char *name, mode_t mode)
{
	char path[32];

	if (syscall(SYS_fchmodat2, dir_fd, name, mode,
		    AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH)) == 0)
		return 0;
	/* A filter may answer EPERM for what it does not know, as well as ENOSYS. */
	if (errno != ENOSYS && errno != EPERM)
		return -errno;
	/* The C library needs four calls to be sure that it follows no link. */
	if (*name)
		return neg_errno(fchmodat(dir_fd, name, mode, AT_SYMLINK_NOFOLLOW));
	/* Also for O_PATH descriptors, which fchmod(2) refuses. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir_fd);
	return neg_errno(chmod(path, mode));
}

int force_begin(int dir_fd, const char *name, mode_t *ret_mode)
{
	struct statx stx;
	mode_t wanted;

	if (statx(dir_fd, name, AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH),
		  STATX_TYPE | STATX_MODE, &stx) < 0)
		return -errno;
	if (S_ISLNK(stx.stx_mode))
		return -EACCES;
	wanted = S_ISDIR(stx.stx_mode) ? 0700 : 0600;
	if ((stx.stx_mode & wanted) == wanted)
		return -EACCES;

	*ret_mode = stx.stx_mode & 07777;
	return chmod_at(dir_fd, name, *ret_mode | wanted);
}

void force_end(int dir_fd, const char *name, mode_t mode)
{
	/* It could be changed a moment ago, and nobody else may have changed it. */
	(void)chmod_at(dir_fd, name, mode);
}

static int open_once(int dir_fd, const char *name, int flags)
{
	char path[32];

	if (*name)
		return neg_errno(openat(dir_fd, name, flags | O_NOFOLLOW | O_CLOEXEC));

	/* @dir_fd may be O_PATH: open it anew. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir_fd);
	return neg_errno(open(path, flags | O_CLOEXEC));
}

int force_open(int dir_fd, const char *name, int flags)
{
	int fd = open_once(dir_fd, name, flags);
	mode_t mode;

	if (fd != -EACCES || force_begin(dir_fd, name, &mode) < 0)
		return fd;
	fd = open_once(dir_fd, name, flags);
	force_end(dir_fd, name, mode);
	return fd;
}
