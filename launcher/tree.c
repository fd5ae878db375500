/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"

#define DEPTH_MAX 64

struct removal {
	int top_fd;		/* where directories from too deep are moved to */
	uint64_t mount;		/* another one: stay out. Subvolumes of btrfs are the same */
	unsigned moved;
	int error;		/* the first one */
};

static void remove_in(struct removal *r, int dir_fd, const char *name, unsigned depth);

static void note_error(struct removal *r, int error)
{
	if (error < 0 && !r->error)
		r->error = error;
}

/*
 * Moves a directory to the top, where another pass finds it: the kernel's
 * limit on path lengths does not hold for a chain of mkdirat().
 */
static void move_up(struct removal *r, int dir_fd, const char *name)
{
	char at_top[32];
	int e;

	do {
		snprintf(at_top, sizeof(at_top), ".deep-%u", r->moved++);
		e = neg_errno(renameat2(dir_fd, name, r->top_fd, at_top, RENAME_NOREPLACE));
	} while (e == -EEXIST);
	note_error(r, e);
}

/* Kernels before 5.8 do not know which mount it is: then the device tells. */
static uint64_t mount_of(int fd)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0)
		return 0;
	return st.stx_mask & STATX_MNT_ID ? st.stx_mnt_id
					  : makedev(st.stx_dev_major, st.stx_dev_minor);
}

static DIR *open_to_list(int dir_fd, const char *name, uint64_t mount)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir;

	/* overlayfs leaves directories of mode 0 behind; root reads them anyway. */
	if (fd < 0 && errno == EACCES && fchmodat(dir_fd, name, 0700, 0) == 0)
		fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	if (mount && mount_of(fd) != mount) {
		close(fd);
		errno = EXDEV;
		return NULL;
	}
	dir = fdopendir(fd);
	if (!dir)
		close(fd);
	return dir;
}

static void empty_directory(struct removal *r, DIR *dir, unsigned depth)
{
	struct dirent *entry;

	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove_in(r, dirfd(dir), entry->d_name, depth);
}

static void remove_in(struct removal *r, int dir_fd, const char *name, unsigned depth)
{
	cleanup_dir DIR *dir = NULL;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return;
	if (errno != EISDIR && errno != EPERM) {
		note_error(r, -errno);
		return;
	}
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0)
		return;
	if (depth > DEPTH_MAX) {
		move_up(r, dir_fd, name);
		return;
	}

	dir = open_to_list(dir_fd, name, r->mount);
	if (!dir) {
		note_error(r, -errno);
		return;
	}
	empty_directory(r, dir, depth + 1);
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		note_error(r, -errno);
}

int tree_remove(int dir_fd, const char *name)
{
	struct removal r = { 0 };
	DIR *top;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	top = open_to_list(dir_fd, name, 0);
	if (!top)
		return -errno;
	r.top_fd = dirfd(top);
	r.mount = mount_of(r.top_fd);

	do {
		r.moved = 0;
		rewinddir(top);
		empty_directory(&r, top, 1);
	} while (r.moved && !r.error);

	closedir(top);
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		note_error(&r, -errno);
	return r.error;
}

int tree_remove_path(const char *path)
{
	return tree_remove(AT_FDCWD, path);
}
