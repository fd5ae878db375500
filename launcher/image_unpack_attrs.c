/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/image_unpack_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/image_overlay.h"

#define XATTR_LIST_MAX	65536
#define XATTR_VALUE_MAX 65536

static int set_owner(struct unpack *u, int fd, int64_t uid, int64_t gid)
{
	if (uid < 0 || gid < 0 || uid >= UINT32_MAX || gid >= UINT32_MAX)
		return unpack_fail(u, 0, "its owner %lld:%lld is no id", (long long)uid,
				   (long long)gid);
	if (fchownat(fd, "", (uid_t)uid, (gid_t)gid, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno != EPERM && errno != EINVAL)
		return -errno;
	unpack_lose(u, LOSS_OWNER);
	return 0;
}

/* A file system or user namespace without such a name is no reason to fail. */
static int set_xattr(struct unpack *u, int fd, const char *stored, const void *value, size_t size)
{
	char path[32];

	overlay_fd_path(fd, path);
	if (setxattr(path, stored, value, size, 0) == 0)
		return 0;
	if (errno != EPERM && errno != ENOTSUP && errno != EINVAL)
		return -errno;
	unpack_lose(u, LOSS_XATTR);
	return 0;
}

/* Attributes of a directory that was there before are replaced, not added to. */
static int clear_xattrs(struct unpack *u, int fd)
{
	cleanup_free char *list = malloc(XATTR_LIST_MAX);
	char path[32], buffer[256];
	ssize_t n;

	if (!list)
		return -ENOMEM;
	overlay_fd_path(fd, path);
	n = listxattr(path, list, XATTR_LIST_MAX);
	if (n < 0)
		return errno == ENOTSUP ? 0 : -errno;
	for (char *name = list; name < list + n; name += strlen(name) + 1)
		if (overlay_unescape(name, u->stack.prefix, buffer))
			(void)removexattr(path, name);	/* an LSM's own label stays */
	return 0;
}

static int set_xattrs(struct unpack *u, int fd, struct archive_entry *entry)
{
	const char *name;
	const void *value;
	char stored[256];
	size_t size;
	int r = 0;

	if (archive_entry_acl_count(entry, ARCHIVE_ENTRY_ACL_TYPE_POSIX1E) > 0)
		unpack_lose(u, LOSS_ACL);
	archive_entry_xattr_reset(entry);
	while (r >= 0 && archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
		if (!name || overlay_escape(name, u->stack.prefix, stored) < 0)
			return unpack_fail(u, 0, "the name of an extended attribute is too long");
		r = set_xattr(u, fd, stored, value, size);
	}
	return r;
}

static int set_mode_and_time(int fd, mode_t mode, bool is_link, struct timespec mtime)
{
	const struct timespec times[] = { mtime, mtime };
	char path[32];

	overlay_fd_path(fd, path);
	if (!is_link && chmod(path, mode) < 0)
		return -errno;
	return neg_errno(utimensat(fd, "", times, AT_EMPTY_PATH));
}

int unpack_attrs(struct unpack *u, int fd, struct archive_entry *entry, const char *path)
{
	bool is_dir = archive_entry_filetype(entry) == AE_IFDIR;
	bool is_link = archive_entry_filetype(entry) == AE_IFLNK;
	int r = set_owner(u, fd, archive_entry_uid(entry), archive_entry_gid(entry));

	/* Before xattrs, which chmod may need; after chown, which drops setuid and caps. */
	if (r >= 0 && !is_dir)
		r = set_mode_and_time(fd, archive_entry_perm(entry), is_link, u->mtime);
	if (r >= 0 && is_dir)
		r = clear_xattrs(u, fd);
	if (r >= 0)
		r = set_xattrs(u, fd, entry);
	if (r >= 0 && is_dir)
		r = unpack_remember_dir(u, path, archive_entry_perm(entry), u->mtime);
	return r;
}

int unpack_attrs_like(struct unpack *u, int fd, int like_fd)
{
	cleanup_free char *list = malloc(XATTR_LIST_MAX);
	cleanup_free char *value = malloc(XATTR_VALUE_MAX);
	char path[32], buffer[256];
	struct stat st;
	ssize_t n;
	int r;

	if (!list || !value)
		return -ENOMEM;
	if (fstat(like_fd, &st) < 0)
		return -errno;
	r = set_owner(u, fd, st.st_uid, st.st_gid);
	overlay_fd_path(like_fd, path);
	n = listxattr(path, list, XATTR_LIST_MAX);
	if (r < 0 || n <= 0)
		return r;
	for (char *name = list; r >= 0 && name < list + n; name += strlen(name) + 1) {
		ssize_t size;

		if (!overlay_unescape(name, u->stack.prefix, buffer))
			continue;
		size = getxattr(path, name, value, XATTR_VALUE_MAX);
		if (size >= 0)
			r = set_xattr(u, fd, name, value, (size_t)size);
	}
	return r;
}

int unpack_remember_dir(struct unpack *u, const char *path, mode_t mode, struct timespec mtime)
{
	struct unpack_dir *d;

	if (u->dir_count == u->dir_size) {
		size_t size = u->dir_size ? 2 * u->dir_size : 64;

		d = realloc(u->dirs, size * sizeof(*d));
		if (!d)
			return -ENOMEM;
		u->dirs = d;
		u->dir_size = size;
	}
	d = &u->dirs[u->dir_count];
	*d = (struct unpack_dir){ strdup(path), u->dir_count, mode, mtime };
	if (!d->path)
		return -ENOMEM;
	u->dir_count++;
	return 0;
}

/* Children before parents; of one path the last word first. */
static int compare_dirs(const void *a, const void *b)
{
	const struct unpack_dir *x = a, *y = b;
	int order = strcmp(y->path, x->path);

	return order ? order : x->order < y->order ? 1 : -1;
}

static int finish_dir(struct unpack *u, const struct unpack_dir *d)
{
	cleanup_fd int fd = stack_open_beneath(u->job->root_fd, d->path, O_RDONLY | O_DIRECTORY);

	/* A later entry put something else there. */
	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
		return 0;
	return fd < 0 ? fd : set_mode_and_time(fd, d->mode, false, d->mtime);
}

int unpack_finish_dirs(struct unpack *u)
{
	if (u->dir_count)
		qsort(u->dirs, u->dir_count, sizeof(*u->dirs), compare_dirs);
	for (size_t i = 0; i < u->dir_count; i++) {
		int r;

		if (i && strcmp(u->dirs[i].path, u->dirs[i - 1].path) == 0)
			continue;
		r = finish_dir(u, &u->dirs[i]);
		if (r < 0)
			return fault_set(u->fault, r, "%s: cannot finish the directory '%.200s'",
					 u->job->label, u->dirs[i].path);
	}
	return 0;
}
