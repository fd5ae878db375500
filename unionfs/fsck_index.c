/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong in the index of hard links. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/fsck_impl.h"
#include "unionfs/marks.h"
#include "unionfs/origin.h"
#include "unionfs/union.h"

static int take(struct fsck *f, enum finding_kind kind, const char *name, unsigned nlink)
{
	const struct finding finding = {
		.kind = kind, .dir_fd = f->index_fd, .name = name,
		.where = "WORKDIR/index", .nlink = nlink,
	};

	return f->take(f, &finding);
}

/*
 * The lower object that a record names: 1 and *@ret_stx, 0 if no layer has it, -EPERM
 * if that cannot be known.
 */
static int lower_of(struct fsck *f, const struct origin *origin, struct statx *ret_stx)
{
	struct unionfs *u = f->layers;

	for (unsigned i = 1; i < u->merged_count; i++) {
		cleanup_fd int fd = -1;

		if (!origin_is_of(origin, u->layers[i]))
			continue;
		fd = origin_open(u->layers[i], origin);
		if (fd < 0 && fd != -ESTALE)
			return fd;
		if (fd >= 0)
			return statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS,
				     ret_stx) < 0 ? -errno : 1;
	}
	return 0;
}

/* A directory's entry, as nfs_export makes them, names the upper directory. */
static int check_dir_entry(struct fsck *f, const char *name)
{
	struct origin upper;
	cleanup_fd int fd = -1;
	int r = origin_read_upper(f->ns, f->index_fd, name, &upper);

	if (r < 0)
		return r;
	if (upper.length == 0)
		return take(f, FOUND_WRONG_ENTRY, name, 0);
	fd = origin_open(f->upper, &upper);
	if (fd == -ESTALE)
		return take(f, FOUND_DANGLING_ENTRY, name, 0);
	return fd < 0 && fd != -EPERM ? fd : 0;
}

/*
 * Does the object itself say that it came from what its name says? In user.overlay.
 * only files and directories can.
 */
static int is_of(struct fsck *f, const char *name, const struct origin *origin,
		 mode_t mode)
{
	struct origin own;
	int r = origin_read(f->ns, f->index_fd, name, &own);

	if (r < 0)
		return r;
	if (own.length == 0 && f->ns == OVERLAY_USER && !S_ISREG(mode))
		return 1;
	return own.length == origin->length &&
	       memcmp(own.bytes, origin->bytes, own.length) == 0;
}

/* Between the names that the upper has and as many as the lower has more. */
static int check_nlink(struct fsck *f, const char *name, const struct statx *stx,
		       const struct statx *lower)
{
	unsigned names = stx->stx_nlink - 1;	/* without the index's own */
	unsigned nlink = index_nlink(f->ns, f->index_fd, name, stx, lower->stx_nlink);
	int difference;
	char text[16], base;
	ssize_t n = overlay_xattr_get(f->ns, f->index_fd, name, OVERLAY_NLINK, text,
				      sizeof(text));

	if (n < 0 && n != -ERANGE)
		return n == -ENODATA && f->ns == OVERLAY_USER ? 0 :
		       n == -ENODATA ? take(f, FOUND_BAD_NLINK, name, lower->stx_nlink) : n;
	if (n >= 0 && nlink_parse(text, n, &base, &difference) && nlink >= names &&
	    nlink <= names + lower->stx_nlink)
		return 0;
	return take(f, FOUND_BAD_NLINK, name,
		    lower->stx_nlink > names ? lower->stx_nlink : names);
}

static int check_entry(void *arg, const char *name)
{
	struct fsck *f = arg;
	struct origin origin;
	struct statx stx, lower;
	int r;

	if (name[0] == '#')
		return fsck_is_spare_whiteout(f->index_fd, name) ? 0 :
		       take(f, FOUND_UNFINISHED_ENTRY, name, 0);
	if (!index_name_parse(name, &origin))
		return take(f, FOUND_ALIEN_ENTRY, name, 0);
	if (statx(f->index_fd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stx) < 0)
		return -errno;
	if (S_ISDIR(stx.stx_mode))
		return check_dir_entry(f, name);

	r = lower_of(f, &origin, &lower);
	if (r < 0)
		return r == -EPERM ? 0 : r;
	if (r == 0)
		return take(f, FOUND_DANGLING_ENTRY, name, 0);
	/* A whiteout stands for a file whose last name is gone. */
	if (is_whiteout_device(&stx))
		return 0;
	if ((stx.stx_mode & S_IFMT) != (lower.stx_mode & S_IFMT))
		return take(f, FOUND_WRONG_ENTRY, name, 0);
	r = is_of(f, name, &origin, stx.stx_mode);
	if (r <= 0)
		return r < 0 ? r : take(f, FOUND_WRONG_ENTRY, name, 0);
	return check_nlink(f, name, &stx, &lower);
}

int fsck_find_index(struct fsck *f)
{
	if (f->index_fd < 0 || f->is_foreign)
		return 0;
	return fsck_names(f->index_fd, check_entry, f);
}
