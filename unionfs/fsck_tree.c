/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong in the tree of the upper layer. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/fsck_impl.h"
#include "unionfs/marks.h"
#include "unionfs/metacopy.h"
#include "unionfs/origin.h"
#include "unionfs/union.h"

/* One directory of the upper layer. */
struct level {
	struct fsck *f;
	int fd;
	const char *path;	/* "" is the root */
	const struct below *below;
	struct marks marks;
	bool holds_copies;	/* something in it came from below */
};

static int take(struct level *l, struct finding finding, const char *name)
{
	finding.dir_fd = l->fd;
	finding.name = name;
	finding.where = l->path;
	return l->f->take(l->f, &finding);
}

static int take_kind(struct level *l, enum finding_kind kind, const char *name)
{
	return take(l, (struct finding){ .kind = kind }, name);
}

/* Is an attribute there; *@ret_length says how long it is. */
static int attr_length(struct level *l, const char *name, const char *which,
		       ssize_t *ret_length)
{
	ssize_t n = overlay_xattr_get(l->f->ns, l->fd, name, which, NULL, 0);

	*ret_length = n < 0 ? 0 : n;
	return n == -ENODATA ? 0 : n < 0 ? n : 1;
}

/* ---- marks that any object may have ---- */

/* Records of a kind that we do not know are no damage: the kernel may. */
static bool is_known_rubbish(const uint8_t *value, ssize_t length)
{
	return length > 0 && (length < 21 || value[1] != 0xfb || value[2] != length);
}

/* A file of several names: its number of links is kept as a difference. */
static int check_nlink(struct level *l, const char *name, const struct origin *origin)
{
	char entry[2 * ORIGIN_MAX + 1];
	struct finding finding = { .kind = FOUND_BAD_NLINK };
	struct statx here, indexed;
	ssize_t length;
	int r = attr_length(l, name, OVERLAY_NLINK, &length);

	if (r <= 0)
		return r;
	if (l->f->index_fd < 0)
		return 0;
	origin_index_name(origin, entry);
	if (statx(l->fd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &here) < 0)
		return -errno;
	/* Nothing in the index is one link too many: what is said here is of no use. */
	if (origin->length == 0 ||
	    statx(l->f->index_fd, entry, AT_SYMLINK_NOFOLLOW, STATX_INO, &indexed) < 0 ||
	    indexed.stx_ino != here.stx_ino)
		return take(l, finding, name);
	return 0;		/* the index is looked at by itself */
}

static int check_origin(struct level *l, const char *name, uint64_t ino)
{
	uint8_t value[ORIGIN_MAX];
	struct origin origin = { 0 };
	ssize_t n = overlay_xattr_get(l->f->ns, l->fd, name, OVERLAY_ORIGIN, value,
				      sizeof(value));

	if (n == -ENODATA)
		return check_nlink(l, name, &origin);
	if (n < 0 && n != -ERANGE)
		return n;
	l->holds_copies = true;
	if (n == -ERANGE || is_known_rubbish(value, n))
		return take_kind(l, FOUND_BAD_ORIGIN, name);
	if (origin_parse(value, n, &origin)) {
		const struct finding same = { .kind = FOUND_SAME_ORIGIN, .dir_fd = l->fd,
					      .name = name, .where = l->path };
		int r = fsck_claim(l->f, &same, l->below, &origin, ino);

		if (r < 0)
			return r;
	}
	return check_nlink(l, name, &origin);
}

/* ---- by type ---- */

static int check_whiteout(struct level *l, const char *name, enum finding_kind kind)
{
	struct finding finding = { .kind = kind };
	int r;

	if (l->f->is_foreign)
		return 0;
	r = below_has(l->f, l->below, name);
	if (r < 0 || (r > 0 && kind == FOUND_STALE_WHITEOUT))
		return r < 0 ? r : 0;
	finding.is_below = r > 0;
	return take(l, finding, name);
}

/* A ".wh." mark where those of the overlay are in use; literal ones are names. */
static int check_aufs_name(struct level *l, const char *name)
{
	const char *hidden = name + strlen(AUFS_WHITEOUT_PREFIX);
	struct finding finding = { .kind = FOUND_AUFS_MARK };
	int r;

	if (l->f->options->whiteout != WHITEOUT_AUTO || l->f->is_foreign)
		return 0;
	r = aufs_is_mark(l->f->ns, l->fd, name, NULL);
	if (r <= 0 || !*hidden)
		return r;
	if (strcmp(name, AUFS_OPAQUE) != 0) {
		if (strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
			return 0;
		r = below_has(l->f, l->below, hidden);
		if (r < 0)
			return r;
		finding.is_below = r > 0 && faccessat(l->fd, hidden, F_OK,
						      AT_SYMLINK_NOFOLLOW) < 0;
	}
	r = take(l, finding, name);
	return r < 0 ? r : 1;
}

static int check_metacopy(struct level *l, const char *name)
{
	struct fsck *f = l->f;
	struct finding finding = { .kind = FOUND_LOST_DATA };
	char redirect[REDIRECT_MAX] = "";
	struct metacopy m;
	int mark = metacopy_read(f->ns, l->fd, name, &m);
	int r;

	if (mark == 0 || (mark < 0 && mark != -EIO))
		return mark;
	r = redirect_read(f->ns, l->fd, name, redirect);
	if (r < 0 && r != -EINVAL)
		return r;
	if (r == -EINVAL)
		redirect[0] = '\0';
	if (f->is_foreign)
		return 0;
	if (r >= 0) {
		r = below_data(f, l->below, name, redirect);
		if (r < 0)
			return r;
		finding.has_data = r > 0;
	}
	if (mark < 0)
		finding.kind = FOUND_BAD_METACOPY;
	else if (finding.has_data)
		return 0;
	return take(l, finding, name);
}

static int check_file(struct level *l, const char *name, const struct statx *stx)
{
	int r = 0;

	if (stx->stx_size == 0 && aufs_is_name(name)) {
		r = check_aufs_name(l, name);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	if (stx->stx_size == 0) {
		r = is_xattr_whiteout(l->f->ns, l->fd, name);
		if (r < 0)
			return r;
		if (r > 0)
			return check_whiteout(l, name, l->marks.has_xattr_whiteouts ?
						FOUND_STALE_WHITEOUT : FOUND_BARE_WHITEOUT);
	}
	return check_metacopy(l, name);
}

static int check_opaque(struct level *l, const char *name)
{
	enum opacity opacity;
	ssize_t length;
	int r = attr_length(l, name, OVERLAY_OPAQUE, &length);

	if (r <= 0)
		return r;
	r = opacity_of(l->f->ns, l->fd, name, &opacity);
	if (r < 0 || opacity != OPACITY_NONE)
		return r;
	return take_kind(l, FOUND_BAD_OPAQUE, name);
}

/* @below: what the directory turned out to be merged with */
static int check_redirect(struct level *l, const char *name, const struct marks *marks,
			  const struct below *below)
{
	char redirect[REDIRECT_MAX];
	enum opacity opacity;
	int r = redirect_read(l->f->ns, l->fd, name, redirect);

	if (r == -EINVAL)
		return take_kind(l, FOUND_BAD_REDIRECT, name);
	if (r <= 0)
		return r;
	r = opacity_of(l->f->ns, l->fd, name, &opacity);
	if (r < 0)
		return r;
	if (opacity == OPACITY_OPAQUE)
		return take_kind(l, FOUND_DEAD_REDIRECT, name);
	if (below->count == 0 && marks->redirect[0] && !l->f->is_foreign)
		return take_kind(l, FOUND_REDIRECT_TO_NOTHING, name);
	return 0;
}

static int check_level(struct fsck *f, int fd, const char *path,
		       const struct below *below, const struct marks *marks);

static int check_dir(struct level *l, const char *name)
{
	cleanup_fd int fd = neg_errno(openat(l->fd, name, O_RDONLY | O_DIRECTORY |
						     O_NOFOLLOW | O_CLOEXEC));
	cleanup_below struct below below = BELOW_INIT;
	cleanup_buf struct buf path = BUF_INIT;
	struct marks marks;
	int r;

	if (fd < 0)
		return fd;
	r = marks_read(l->f->ns, fd, "", &marks);
	if (r >= 0)
		r = below_child(l->f, l->below, name, &marks, &below);
	if (r >= 0)
		r = check_opaque(l, name);
	if (r >= 0)
		r = check_redirect(l, name, &marks, &below);
	if (r < 0)
		return r;
	buf_addf(&path, "%s%s%s", l->path, *l->path ? "/" : "", name);
	r = buf_error(&path);
	return r < 0 ? r : check_level(l->f, fd, buf_text(&path), &below, &marks);
}

static int check_name(void *arg, const char *name)
{
	struct level *l = arg;
	struct statx stx;
	int r;

	if (statx(l->fd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stx) < 0)
		return -errno;
	if (is_whiteout_device(&stx))
		return check_whiteout(l, name, FOUND_STALE_WHITEOUT);
	r = check_origin(l, name, stx.stx_ino);
	if (r < 0)
		return r;
	if (S_ISDIR(stx.stx_mode))
		return check_dir(l, name);
	return S_ISREG(stx.stx_mode) ? check_file(l, name, &stx) : 0;
}

static int check_impure(struct level *l)
{
	char value = '\0';
	ssize_t n;

	if (!l->holds_copies)
		return 0;
	n = overlay_xattr_get(l->f->ns, l->fd, "", OVERLAY_IMPURE, &value, 1);
	if (n < 0 && n != -ENODATA && n != -ERANGE)
		return n;
	return n == 1 && value == 'y' ? 0 : take_kind(l, FOUND_NOT_IMPURE, "");
}

static int check_level(struct fsck *f, int fd, const char *path,
		       const struct below *below, const struct marks *marks)
{
	struct level l = { .f = f, .fd = fd, .path = path, .below = below,
			   .marks = *marks };
	int r = fsck_names(fd, check_name, &l);

	return r < 0 ? r : check_impure(&l);
}

/* ---- the root ---- */

/* The lower layer that the upper was first used with, where it was written down. */
static int check_owner(struct level *l)
{
	struct fsck *f = l->f;
	struct layer *lower = f->layers->layers[1];
	struct origin found, expected;
	int r = origin_read(f->ns, l->fd, "", &found);

	if (r >= 0)
		r = origin_of(lower, layer_root_fd(lower), "", &expected);
	if (r < 0 || found.length == 0 || expected.length == 0)
		return r;
	if (found.length == expected.length &&
	    memcmp(found.bytes, expected.bytes, found.length) == 0)
		return 0;
	f->is_foreign = true;
	return take_kind(l, FOUND_FOREIGN, "");
}

int fsck_find_root(struct fsck *f)
{
	struct level l = { .f = f, .fd = layer_root_fd(f->upper), .path = "" };
	ssize_t length;
	int r = attr_length(&l, "", OVERLAY_UUID, &length);

	if (r > 0 && length != 16)
		r = take_kind(&l, FOUND_BAD_UUID, "");
	if (r >= 0)
		r = check_opaque(&l, "");
	if (r >= 0 && f->options->index != SWITCH_OFF)
		r = check_owner(&l);
	return r;
}

int fsck_find_tree(struct fsck *f)
{
	cleanup_below struct below below = BELOW_INIT;
	int fd = layer_root_fd(f->upper);
	struct marks marks;
	int r = below_root(f, &below);

	if (r >= 0)
		r = marks_read(f->ns, fd, "", &marks);
	return r < 0 ? r : check_level(f, fd, "", &below, &marks);
}
