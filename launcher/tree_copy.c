/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/image_overlay.h"

/* A chain of directories deeper than this is an attempt to use up descriptors. */
#define COPY_DEPTH_MAX 256

#define XATTRS_MAX 65536

/* A file with several names: where the first one was put. */
struct copied {
	dev_t device;
	ino_t inode;
	char *path;
};

struct copy {
	bool layer;		/* overlay's marks mean something, and the target is not empty */
	int top_fd;		/* where @path of a struct copied begins */
	struct copied *links;
	size_t link_count;
};

static int copy_directory(struct copy *c, int from, int to, const char *path, unsigned depth);

static int copy_bytes(int in, int out)
{
	ssize_t n;

	/* By reference, where both are on a file system that can. */
	if (ioctl(out, FICLONE, in) == 0)
		return 0;
	do {
		n = sendfile(out, in, NULL, 1 << 30);
	} while (n > 0 || (n < 0 && errno == EINTR));
	return neg_errno((int)n);
}

/* --- attributes --------------------------------------------------------------------- */

static bool is_mark(const char *name)
{
	return strncmp(name, "trusted.overlay.", 16) == 0 || strncmp(name, "user.overlay.", 13) == 0;
}

/* What cannot be kept there (a label, an ACL on tmpfs) is left out. */
static int copy_xattr(int from, int to, const char *name)
{
	char value[XATTR_SIZE_MAX];
	ssize_t n = fgetxattr(from, name, value, sizeof(value));

	if (n < 0)
		return errno == ENODATA ? 0 : -errno;
	if (fsetxattr(to, name, value, (size_t)n, 0) < 0 && errno != EOPNOTSUPP && errno != EPERM)
		return -errno;
	return 0;
}

/* Objects that are whole only with the layer below cannot be copied from this one. */
static int copy_xattrs(struct copy *c, int from, int to)
{
	cleanup_free char *names = malloc(XATTRS_MAX);
	ssize_t size = names ? flistxattr(from, names, XATTRS_MAX) : -1;
	int r = 0;

	if (!names)
		return -ENOMEM;
	if (size < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	for (char *name = names; r >= 0 && name < names + size; name += strlen(name) + 1) {
		const char *mark = strrchr(name, '.') + 1;

		if (!c->layer || !is_mark(name))
			r = copy_xattr(from, to, name);
		else if (strcmp(mark, "redirect") == 0 || strcmp(mark, "metacopy") == 0)
			r = -EOPNOTSUPP;
	}
	return r;
}

/* Owner before mode: chown drops the set-id bits. Times last. */
static int set_attributes(int to, const char *name, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISLNK(st->st_mode) && fchmodat(to, name, st->st_mode & 07777, 0) < 0)
		return -errno;
	return neg_errno(utimensat(to, name, times, AT_SYMLINK_NOFOLLOW));
}

/* --- objects ------------------------------------------------------------------------ */

static int copy_file(struct copy *c, int from, int to, const char *name, const struct stat *st)
{
	cleanup_fd int in = neg_errno(openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC |
					     O_NONBLOCK));
	cleanup_fd int out = -1;
	int r;

	if (in < 0)
		return in;
	out = neg_errno(openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			       st->st_mode & 0777));
	if (out < 0)
		return out;
	r = copy_bytes(in, out);
	/* A change of owner takes a capability away: so that comes first. */
	if (r >= 0 && fchown(out, st->st_uid, st->st_gid) < 0)
		r = -errno;
	return r < 0 ? r : copy_xattrs(c, in, out);
}

static int copy_subdirectory(struct copy *c, int from, int to, const char *name, const char *path,
			     unsigned depth)
{
	cleanup_fd int in = neg_errno(openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
					     O_CLOEXEC));
	cleanup_fd int out = -1;
	int r;

	if (in < 0)
		return in;
	if (mkdirat(to, name, 0700) < 0 && (errno != EEXIST || !c->layer))
		return -errno;
	out = neg_errno(openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
	if (out < 0)
		return out;
	r = copy_xattrs(c, in, out);
	return r < 0 ? r : copy_directory(c, in, out, path, depth + 1);
}

static int copy_link(int from, int to, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	return neg_errno(symlinkat(target, to, name));
}

/* Return: 1 if the file was copied under another name, and has this one now too. */
static int link_to_first(struct copy *c, int to, const char *name, const char *path,
			 const struct stat *st)
{
	struct copied *links;

	if (!c->layer || S_ISDIR(st->st_mode) || st->st_nlink < 2)
		return 0;
	for (size_t i = 0; i < c->link_count; i++)
		if (c->links[i].inode == st->st_ino && c->links[i].device == st->st_dev)
			return linkat(c->top_fd, c->links[i].path, to, name, 0) < 0 ? -errno : 1;
	links = reallocarray(c->links, c->link_count + 1, sizeof(*links));
	if (!links)
		return -ENOMEM;
	c->links = links;
	links[c->link_count] = (struct copied){ st->st_dev, st->st_ino, strdup(path) };
	return links[c->link_count++].path ? 0 : -ENOMEM;
}

/* What the layers below put there is replaced, unless two directories are merged. */
static int make_room(struct copy *c, int from, int to, const char *name, const struct stat *st)
{
	cleanup_fd int fd = -1;
	struct stat there;

	if (!c->layer || fstatat(to, name, &there, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (!S_ISDIR(st->st_mode) || !S_ISDIR(there.st_mode))
		return tree_remove(to, name);
	fd = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && (overlay_is_opaque(fd, "trusted.overlay.") ||
			overlay_is_opaque(fd, "user.overlay.")))
		return tree_remove(to, name);
	return 0;
}

static bool is_whiteout(int from, const char *name, const struct stat *st)
{
	cleanup_fd int fd = -1;
	char value[8];

	if (overlay_is_whiteout(st))
		return true;
	if (!S_ISREG(st->st_mode) || st->st_size)
		return false;
	fd = openat(from, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 &&
	       (overlay_get(fd, "trusted.overlay.", "whiteout", value, sizeof(value)) >= 0 ||
		overlay_get(fd, "user.overlay.", "whiteout", value, sizeof(value)) >= 0);
}

static int copy_object(struct copy *c, int from, int to, const char *name, const char *path,
		       const struct stat *st, unsigned depth)
{
	int r = link_to_first(c, to, name, path, st);

	if (r != 0)
		return r < 0 ? r : 0;
	if (S_ISDIR(st->st_mode))
		r = copy_subdirectory(c, from, to, name, path, depth);
	else if (S_ISLNK(st->st_mode))
		r = copy_link(from, to, name);
	else if (S_ISREG(st->st_mode))
		return copy_file(c, from, to, name, st);
	else
		r = neg_errno(mknodat(to, name, st->st_mode, st->st_rdev));
	return r;
}

/* chown(2) of a file was done before its capability; doing it again would lose that. */
static int finish_object(int to, const char *name, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (!S_ISREG(st->st_mode))
		return set_attributes(to, name, st);
	if (fchmodat(to, name, st->st_mode & 07777, 0) < 0)
		return -errno;
	return neg_errno(utimensat(to, name, times, AT_SYMLINK_NOFOLLOW));
}

static int copy_entry(struct copy *c, int from, int to, const char *name, const char *dir_path,
		      unsigned depth)
{
	cleanup_free char *path = NULL;
	struct stat st;
	int r;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (c->layer && is_whiteout(from, name, &st))
		return tree_remove(to, name);
	if (asprintf(&path, "%s%s%s", dir_path, *dir_path ? "/" : "", name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = make_room(c, from, to, name, &st);
	if (r >= 0)
		r = copy_object(c, from, to, name, path, &st, depth);
	return r < 0 ? r : finish_object(to, name, &st);
}

static int copy_directory(struct copy *c, int from, int to, const char *path, unsigned depth)
{
	int again = neg_errno(openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;
	int r = 0;

	if (again < 0 || depth > COPY_DEPTH_MAX) {
		cleanup_fd_(&again);
		return again < 0 ? again : -ELOOP;
	}
	dir = fdopendir(again);
	if (!dir) {
		close(again);
		return -ENOMEM;
	}
	while (r >= 0 && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = copy_entry(c, from, to, entry->d_name, path, depth);
	return r;
}

int tree_copy(int from_fd, int to_fd)
{
	struct copy c = { .top_fd = to_fd };

	return copy_directory(&c, from_fd, to_fd, "", 0);
}

int tree_copy_layer(int from_fd, int to_fd)
{
	struct copy c = { .layer = true, .top_fd = to_fd };
	struct stat st;
	int r = fstat(from_fd, &st) < 0 ? -errno : copy_xattrs(&c, from_fd, to_fd);

	if (r >= 0)
		r = copy_directory(&c, from_fd, to_fd, "", 0);
	if (r >= 0)
		r = set_attributes(to_fd, ".", &st);
	for (size_t i = 0; i < c.link_count; i++)
		free(c.links[i].path);
	free(c.links);
	return r;
}
