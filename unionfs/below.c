/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/below.c - where the data of a metacopy is
 *
 * A file with the metacopy mark has only its attributes here. Its data is that of
 * the first file below, under the same name or where a redirect leads, which has no
 * such mark. Found each time that the file is opened: there is nothing to keep, and
 * a rename that moves the file writes a redirect which is read then.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/copy_up.h"
#include "unionfs/data.h"
#include "unionfs/dir.h"
#include "unionfs/metacopy.h"
#include "unionfs/union.h"
#include "unionfs/way.h"
#include "unionfs/where.h"
#include "unionfs/xattr.h"

static int is_metacopy(struct unionfs *u, int dir_fd, const char *name)
{
	struct metacopy m;
	int r = metacopy_read(u->ns, dir_fd, name, &m);

	return r == -ENODATA || r == -EOPNOTSUPP ? 0 : r;
}

int data_is_metacopy(struct unionfs *u, struct inode *inode)
{
	cleanup_where struct where w = WHERE_INIT;
	char attr[OVERLAY_ATTR_SIZE];
	int r;

	if (inode_has(inode, INODE_DATA_HERE))
		return 0;
	if (inode_has(inode, INODE_METACOPY))
		return 1;

	r = where_find(u, inode, &w);
	if (r >= 0) {
		overlay_xattr_name(u->ns, OVERLAY_METACOPY, attr);
		r = xattr_may_have(u, inode, &w, attr) ?
			    is_metacopy(u, w.dir_fd, w.name) : 0;
	}
	if (r >= 0)
		inode->flags |= r ? INODE_METACOPY : INODE_DATA_HERE;
	return r;
}

struct search {
	struct way way;			/* .path: of the directory, if is_path */
	bool is_path;
	char name[NAME_MAX + 1];	/* in that directory, or beside the metacopy */
	struct inode *parent;		/* that has the metacopy's name */
};

/*
 * Turn where a redirect points: a path from the root, or a name beside what says it,
 * which is in the path's directory once there was a path.
 */
static int turn(struct search *s, const char *redirect)
{
	const char *slash = strrchr(redirect, '/');
	const char *last = slash ? slash + 1 : redirect;
	size_t length = slash ? slash - redirect : 0;

	if (strlen(last) > NAME_MAX)
		return -EIO;
	if (!slash) {
		memcpy(s->name, last, strlen(last) + 1);
		return 0;
	}
	s->is_path = true;
	s->way.has_ended = false;	/* it leads past what was opaque */
	snprintf(s->way.path, sizeof(s->way.path), "%.*s", (int)length, redirect);
	if (slash == redirect)
		memcpy(s->way.path, "/", 2);
	memcpy(s->name, last, strlen(last) + 1);
	return 0;
}

/* The marks of the path's last directory: they bend the way for the layers below. */
static int heed(struct way *w, int dir_fd)
{
	char *slash = strrchr(w->path, '/');
	struct marks m;
	int r, n;

	if (!slash[1])
		return 0;		/* a layer's root has nothing to say */
	r = marks_read(w->u->ns, dir_fd, "", &m);
	if (r < 0)
		return r;
	w->has_ended |= m.is_opaque;
	if (m.is_opaque || !m.redirect[0])
		return 0;
	if (m.redirect[0] == '/') {
		slash = w->path;
		w->has_ended = false;
	} else {
		slash++;
	}
	n = snprintf(slash, sizeof(w->path) - (slash - w->path), "%s", m.redirect);
	return n < (int)(sizeof(w->path) - (slash - w->path)) ? 0 : -EIO;
}

/* The directory of a layer in which the file may be; -1 if it is not there. */
static int open_directory(struct search *s, unsigned layer, int *ret_fd)
{
	struct unionfs *u = s->way.u;
	cleanup_dirfd struct dirfd_ref ref = { &u->fds, NULL };
	bool has_part;
	int r;

	*ret_fd = -1;
	if (s->is_path) {
		r = way_walk(&s->way, layer, ret_fd);
		return r < 0 || *ret_fd < 0 ? r : heed(&s->way, *ret_fd);
	}

	rwlock_take_read(&u->inodes.lock);
	has_part = dir_part(s->parent->dir, layer);
	rwlock_drop_read(&u->inodes.lock);
	if (!has_part)
		return 0;
	r = fdcache_get(u, s->parent, layer, &ref.d);
	if (r < 0)
		return r;
	*ret_fd = fcntl(ref.d->fd, F_DUPFD_CLOEXEC, 0);
	return *ret_fd < 0 ? -errno : 0;
}

/* In one layer: a descriptor of the data; -ENOENT to look further down; -errno. */
static int open_in(struct search *s, unsigned layer)
{
	struct unionfs *u = s->way.u;
	char redirect[REDIRECT_MAX];
	cleanup_fd int dir_fd = -1;
	struct statx stx;
	int r;

	r = open_directory(s, layer, &dir_fd);
	if (r < 0)
		return r;
	if (dir_fd < 0)
		return -ENOENT;
	r = stat_at(dir_fd, s->name, &stx);
	if (r < 0)
		return r;
	if (!S_ISREG(stx.stx_mode))
		return -EIO;

	r = is_metacopy(u, dir_fd, s->name);
	if (r < 0)
		return r;
	if (r == 0)
		return copy_up_open_source(dir_fd, s->name);
	r = redirect_read(u->ns, dir_fd, s->name, redirect);
	if (r > 0)
		r = turn(s, redirect);
	return r < 0 ? -EIO : -ENOENT;
}

static int check_digest(struct unionfs *u, const struct where *w, int fd)
{
	struct metacopy m = { 0 };
	int r;

	if (u->options->verity == VERITY_OFF)
		return 0;
	r = metacopy_read(u->ns, w->dir_fd, w->name, &m);
	if (r < 0)
		return r;
	if (m.digest_algorithm == 0 && u->options->verity != VERITY_REQUIRE)
		return 0;
	return metacopy_verify(&m, fd, u->options->verity == VERITY_REQUIRE);
}

/* Once it has no name the data cannot be found again: it was kept open. */
static int reopen_kept(struct unionfs *u, struct inode *inode)
{
	struct backing *b = data_pin(&u->data, inode, false);
	char path[32];
	int fd;

	if (!b)
		return -EIO;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", b->fd);
	fd = neg_errno(open(path, O_RDONLY | O_CLOEXEC));
	data_put(&u->data, b);
	return fd;
}

int data_open_below(struct unionfs *u, struct inode *inode)
{
	struct search s = { .way.u = u };
	cleanup_where struct where w = WHERE_INIT;
	/* Any lower name of it will do too: all of them have the same data. */
	const struct name *name = name_of(inode, inode->layer) ?: inode->names;
	char redirect[REDIRECT_MAX];
	unsigned layer = inode->layer;
	int r = where_find(u, inode, &w), fd = -ENOENT;

	if (r >= 0)
		r = redirect_read(u->ns, w.dir_fd, w.name, redirect);
	if (r < 0)
		return r == -EINVAL ? -EIO : r;
	if (!name && (r == 0 || redirect[0] != '/'))
		return reopen_kept(u, inode);
	if (name)
		s.parent = inode_at(&u->inodes, name->parent);
	r = turn(&s, r > 0 ? redirect : name->text);
	if (r < 0)
		return r;

	while (fd == -ENOENT && ++layer < u->layer_count) {
		/* Data-only layers are reached by a path alone. */
		if (layer >= u->merged_count && !s.is_path)
			break;
		if (s.way.has_ended && layer < u->merged_count)
			continue;
		fd = open_in(&s, layer);
	}
	if (fd == -ENOENT)
		return -EIO;
	if (fd < 0)
		return fd;
	r = check_digest(u, &w, fd);
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}
