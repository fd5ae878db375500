/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/remove_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"

#define DEPTH_MAX 16

struct removal {
	int top_fd;		/* where directories go that lie too deep; lent */
	unsigned moved;		/* how many went there: their names' suffix */
};

/* Opened for reading even if its mode forbids that to its owner. */
static int open_dir(int dir_fd, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = neg_errno(openat(dir_fd, name, flags));

	if (fd != -EACCES)
		return fd;
	if (fchmodat(dir_fd, name, 0700, AT_SYMLINK_NOFOLLOW) < 0)
		return -EACCES;
	return neg_errno(openat(dir_fd, name, flags));
}

/* Without a right to search or write, nothing in a directory can be removed. */
static void open_up(int fd)
{
	if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		(void)fchmod(fd, 0700);
}

static int move_to_top(struct removal *rm, int dir_fd, const char *name)
{
	char moved[32];
	int r;

	do {
		snprintf(moved, sizeof(moved), "#deep.%x", rm->moved++);
		r = neg_errno(renameat2(dir_fd, name, rm->top_fd, moved,
					RENAME_NOREPLACE));
	} while (r == -EEXIST);
	return r;
}

static int empty_dir(struct removal *rm, int dir_fd, unsigned depth);

static int remove_dir(struct removal *rm, int dir_fd, const char *name,
		      unsigned depth)
{
	cleanup_fd int fd = -1;
	int r;

	if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST && errno != EACCES)
		return -errno;
	if (depth == DEPTH_MAX)
		return move_to_top(rm, dir_fd, name);

	fd = open_dir(dir_fd, name);
	if (fd < 0)
		return fd;
	r = empty_dir(rm, fd, depth + 1);
	if (r < 0)
		return r;
	return neg_errno(unlinkat(dir_fd, name, AT_REMOVEDIR));
}

static int remove_entry(struct removal *rm, int dir_fd, const char *name,
			unsigned depth)
{
	if (unlinkat(dir_fd, name, 0) == 0)
		return 0;
	/* POSIX has EPERM where Linux says EISDIR; some filesystems do too. */
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	return remove_dir(rm, dir_fd, name, depth);
}

static int empty_dir(struct removal *rm, int dir_fd, unsigned depth)
{
	cleanup_fd int fd = neg_errno(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY |
							  O_CLOEXEC));
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;
	int first_error = 0;
	int r;

	if (fd < 0)
		return fd;
	open_up(fd);
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	(void)take_fd(&fd);

	while ((errno = 0, entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = remove_entry(rm, dir_fd, entry->d_name, depth);
		if (r < 0 && r != -ENOENT && !first_error)
			first_error = r;
	}
	return first_error ? first_error : -errno;
}

int remove_contents(int dir_fd)
{
	struct removal rm = { .top_fd = dir_fd };
	unsigned moved;
	int r;

	/* Again while something was moved up from the deep. */
	do {
		moved = rm.moved;
		r = empty_dir(&rm, dir_fd, 0);
	} while (r == 0 && rm.moved != moved);
	return r;
}

int remove_tree(int dir_fd, const char *name)
{
	cleanup_fd int fd = -1;
	int r;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return -errno;

	fd = open_dir(dir_fd, name);
	if (fd < 0)
		return fd;
	r = remove_contents(fd);
	if (r < 0)
		return r;
	return neg_errno(unlinkat(dir_fd, name, AT_REMOVEDIR));
}
