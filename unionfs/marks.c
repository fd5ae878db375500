/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/marks.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"

bool is_whiteout_device(const struct statx *stx)
{
	return S_ISCHR(stx->stx_mode) && stx->stx_rdev_major == 0 &&
	       stx->stx_rdev_minor == 0;
}

int opacity_of(enum overlay_ns ns, int dir_fd, const char *name,
	       enum opacity *ret_opacity)
{
	char value = '\0';
	ssize_t r = overlay_xattr_get(ns, dir_fd, name, OVERLAY_OPAQUE, &value, 1);

	/* A longer value is none that we know: not opaque. */
	if (r < 0 && r != -ENODATA && r != -ERANGE)
		return r;

	*ret_opacity = r == 1 && value == 'y' ? OPACITY_OPAQUE :
		       r == 1 && value == 'x' ? OPACITY_XATTR_WHITEOUTS :
						OPACITY_NONE;
	return 0;
}

int opaque_set(enum overlay_ns ns, int dir_fd, const char *name)
{
	return overlay_xattr_set(ns, dir_fd, name, OVERLAY_OPAQUE, "y", 1);
}

static int is_empty_file(int dir_fd, const char *name, const struct statx *stx)
{
	struct statx own;

	if (!stx) {
		if (statx(dir_fd, name, AT_SYMLINK_NOFOLLOW,
			  STATX_TYPE | STATX_SIZE, &own) < 0)
			return -errno;
		stx = &own;
	}
	return S_ISREG(stx->stx_mode) && stx->stx_size == 0;
}

/* 1 if the attribute is there, whatever it says. */
static int has_attr(enum overlay_ns ns, int dir_fd, const char *name,
		    const char *which)
{
	ssize_t r = overlay_xattr_get(ns, dir_fd, name, which, NULL, 0);

	return r >= 0 ? 1 : r == -ENODATA ? 0 : r;
}

int is_xattr_whiteout(enum overlay_ns ns, int dir_fd, const char *name)
{
	int r = is_empty_file(dir_fd, name, NULL);

	return r > 0 ? has_attr(ns, dir_fd, name, OVERLAY_WHITEOUT) : r;
}

bool aufs_is_name(const char *name)
{
	return strncmp(name, AUFS_WHITEOUT_PREFIX, strlen(AUFS_WHITEOUT_PREFIX)) == 0;
}

int aufs_is_mark(enum overlay_ns ns, int dir_fd, const char *name,
		 const struct statx *stx)
{
	int r;

	if (!aufs_is_name(name))
		return 0;
	r = is_empty_file(dir_fd, name, stx);
	if (r <= 0)
		return r;
	r = has_attr(ns, dir_fd, name, OVERLAY_LITERAL);
	return r < 0 ? r : !r;
}

/* -ENAMETOOLONG where no mark of that name can exist. */
static int mark_name(char mark[NAME_MAX + 1], const char *name)
{
	int n = snprintf(mark, NAME_MAX + 1, AUFS_WHITEOUT_PREFIX "%s", name);

	return n <= NAME_MAX ? 0 : -ENAMETOOLONG;
}

int aufs_hides(enum overlay_ns ns, int dir_fd, const char *name)
{
	char mark[NAME_MAX + 1];
	int r;

	if (mark_name(mark, name) < 0)
		return 0;
	r = aufs_is_mark(ns, dir_fd, mark, NULL);
	return r == -ENOENT ? 0 : r;
}

int aufs_set_literal(enum overlay_ns ns, int dir_fd, const char *name)
{
	int r;

	if (!aufs_is_name(name))
		return 0;
	r = overlay_xattr_add(ns, dir_fd, name, OVERLAY_LITERAL, "y", 1);
	return r == -EPERM || r == -EOPNOTSUPP ? 0 : r;
}

static int mark_create(int dir_fd, const char *mark)
{
	cleanup_fd int fd = neg_errno(openat(dir_fd, mark, O_WRONLY | O_CREAT |
					     O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444));

	return fd < 0 ? fd : 0;
}

int aufs_set_opaque(int dir_fd)
{
	int r = mark_create(dir_fd, AUFS_OPAQUE);

	return r == -EEXIST ? 0 : r;
}

int opaque_make(struct workdir *work, int dir_fd, const char *name)
{
	const struct workdir_options *options = workdir_options(work);
	cleanup_fd int fd = -1;
	int r;

	r = opaque_set(options->ns, dir_fd, name);
	if (!options->aufs_whiteouts)
		return r;

	/* With AUFS marks the attribute is a courtesy; the file is what counts. */
	fd = neg_errno(openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
						    O_CLOEXEC));
	return fd < 0 ? fd : aufs_set_opaque(fd);
}

static int aufs_whiteout_make(int dir_fd, const char *name)
{
	char mark[NAME_MAX + 1];
	int r = mark_name(mark, name);

	return r < 0 ? r : mark_create(dir_fd, mark);
}

int aufs_mark_clear(enum overlay_ns ns, int upper_fd, const char *name)
{
	char mark[NAME_MAX + 1];
	int r;

	r = aufs_hides(ns, upper_fd, name);
	if (r <= 0)
		return r;
	r = mark_name(mark, name);
	return r < 0 ? r : neg_errno(unlinkat(upper_fd, mark, 0));
}

static int device_clear(int upper_fd, const char *name)
{
	struct statx stx;

	if (statx(upper_fd, name, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &stx) < 0)
		return errno == ENOENT ? 0 : -errno;
	return is_whiteout_device(&stx) ? neg_errno(unlinkat(upper_fd, name, 0)) : 0;
}

int whiteout_clear(struct workdir *work, int upper_fd, const char *name)
{
	const struct workdir_options *options = workdir_options(work);
	int r = 0;

	if (options->aufs_whiteouts)
		r = aufs_mark_clear(options->ns, upper_fd, name);
	return r < 0 ? r : device_clear(upper_fd, name);
}

int whiteout_make(struct workdir *work, int upper_fd, const char *name)
{
	if (workdir_options(work)->aufs_whiteouts)
		return aufs_whiteout_make(upper_fd, name);
	return workdir_link_whiteout(work, upper_fd, name);
}

/*
 * For filesystems that exchange no names. A crash between the steps leaves the
 * lower directory showing; a failure puts things back.
 */
static int replace_dir_in_steps(struct workdir *work, int upper_fd, const char *name)
{
	int work_fd = workdir_fd(work);
	char temp[TEMP_NAME_SIZE];
	int r;

	workdir_temp_name(work, temp);
	r = neg_errno(renameat(upper_fd, name, work_fd, temp));
	if (r < 0)
		return r;

	r = workdir_link_whiteout(work, upper_fd, name);
	if (r < 0)
		(void)renameat(work_fd, temp, upper_fd, name);
	else
		workdir_remove(work, temp);
	return r;
}

/*
 * One rename where it can be one: over a directory nothing but a directory can
 * be renamed, so the two change places.
 */
static int replace_with_device(struct workdir *work, int upper_fd,
			       const char *name, bool is_dir)
{
	int work_fd = workdir_fd(work);
	char temp[TEMP_NAME_SIZE];
	int r;

	r = workdir_whiteout(work, temp);
	if (r < 0)
		return r;

	r = neg_errno(renameat2(work_fd, temp, upper_fd, name,
				is_dir ? RENAME_EXCHANGE : 0));
	if (r < 0 || is_dir)
		workdir_remove(work, temp);
	if (r == -EINVAL && is_dir)
		r = replace_dir_in_steps(work, upper_fd, name);
	return r;
}

/* Takes the object away; its tree, if it is one, is removed out of sight. */
static int take_away(struct workdir *work, int upper_fd, const char *name,
		     bool is_dir)
{
	char temp[TEMP_NAME_SIZE];
	int r;

	if (!is_dir)
		return neg_errno(unlinkat(upper_fd, name, 0));

	workdir_temp_name(work, temp);
	r = neg_errno(renameat(upper_fd, name, workdir_fd(work), temp));
	if (r == 0)
		workdir_remove(work, temp);
	return r;
}

/*
 * The mark has a name of its own, so it can stand there first: it hides the lower
 * object while the upper one still shows.
 */
static int replace_with_mark(struct workdir *work, int upper_fd,
			     const char *name, bool is_dir)
{
	char mark[NAME_MAX + 1];
	bool is_new;
	int r;

	r = mark_name(mark, name);
	if (r < 0)
		return r;
	r = mark_create(upper_fd, mark);
	if (r < 0 && r != -EEXIST)
		return r;
	is_new = r == 0;

	r = take_away(work, upper_fd, name, is_dir);
	if (r < 0 && is_new)
		(void)unlinkat(upper_fd, mark, 0);
	return r;
}

int whiteout_replace(struct workdir *work, int upper_fd, const char *name,
		     bool is_dir)
{
	if (workdir_options(work)->aufs_whiteouts)
		return replace_with_mark(work, upper_fd, name, is_dir);
	return replace_with_device(work, upper_fd, name, is_dir);
}

/* ---- chattr ---- */

int protattr_of(const struct statx *stx)
{
	int flags = 0;

	if (!S_ISREG(stx->stx_mode) && !S_ISDIR(stx->stx_mode))
		return 0;
	if (stx->stx_attributes & STATX_ATTR_APPEND)
		flags |= FS_APPEND_FL;
	if (stx->stx_attributes & STATX_ATTR_IMMUTABLE)
		flags |= FS_IMMUTABLE_FL;
	return flags;
}

int protattr_write(enum overlay_ns ns, int dir_fd, const char *name, int flags)
{
	char value[2];
	size_t length = 0;

	if (flags & FS_APPEND_FL)
		value[length++] = 'a';
	if (flags & FS_IMMUTABLE_FL)
		value[length++] = 'i';
	if (length == 0)
		return overlay_xattr_remove(ns, dir_fd, name, OVERLAY_PROTATTR);
	return overlay_xattr_set(ns, dir_fd, name, OVERLAY_PROTATTR, value, length);
}
