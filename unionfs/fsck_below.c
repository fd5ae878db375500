/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/fsck_impl.h"
#include "unionfs/marks.h"
#include "unionfs/metacopy.h"
#include "unionfs/union.h"

void below_done(struct below *below)
{
	for (unsigned i = 0; i < below->count; i++) {
		close(below->parts[i].fd);
		free(below->parts[i].path);
	}
	free(below->parts);
	*below = (struct below)BELOW_INIT;
}

static int append(struct below *below, unsigned layer, int take_fd, const char *path)
{
	struct below_part *parts = reallocarray(below->parts, below->count + 1,
						sizeof(*parts));
	char *copy = path ? strdup(path) : NULL;

	if (parts)
		below->parts = parts;
	if (!parts || (path && !copy)) {
		close(take_fd);
		free(copy);
		return -ENOMEM;
	}
	parts[below->count++] = (struct below_part){
		.layer = layer, .fd = take_fd, .path = copy,
	};
	return 0;
}

int below_root(struct fsck *f, struct below *ret)
{
	struct unionfs *u = f->layers;
	int r = 0;

	for (unsigned i = 1; r == 0 && i < u->merged_count; i++) {
		int fd = fcntl(layer_root_fd(u->layers[i]), F_DUPFD_CLOEXEC, 0);

		r = fd < 0 ? -errno : append(ret, i, fd, NULL);
	}
	return r;
}

static const struct below_part *part_in(const struct below *below, unsigned layer)
{
	for (unsigned i = 0; i < below->count; i++)
		if (below->parts[i].layer == layer)
			return &below->parts[i];
	return NULL;
}

/* A name is meant beside what says it: in the path's directory, if it had a path. */
static int turn(struct way *w, const char *said_at, const char *redirect)
{
	const char *slash = said_at ? strrchr(said_at, '/') : NULL;
	int n;

	if (redirect[0] == '/' || !slash)
		n = snprintf(w->path, sizeof(w->path), "%s", redirect);
	else
		n = snprintf(w->path, sizeof(w->path), "%.*s/%s",
			     (int)(slash - said_at), said_at, redirect);
	return n < (int)sizeof(w->path) ? 0 : -ENAMETOOLONG;
}

/* The directory that the way leads to in one layer; -1 if there is none. */
static int step(struct way *w, const struct below *parent, unsigned layer, int *ret_fd)
{
	const struct below_part *part;
	bool ends = false;
	int r;

	*ret_fd = -1;
	if (w->path[0] == '/')
		return way_walk(w, layer, ret_fd);
	part = part_in(parent, layer);
	if (!part)
		return 0;
	r = way_step(w, layer, part->fd, w->path, ret_fd, &ends);
	w->has_ended |= ends;
	return r;
}

/* AUFS's opaque mark, which is a file. */
static int has_opaque_file(struct fsck *f, unsigned layer, int fd)
{
	int r;

	if (!layer_traits(f->layers->layers[layer])->has_aufs_marks)
		return 0;
	r = aufs_is_mark(f->ns, fd, AUFS_OPAQUE, NULL);
	return r == -ENOENT ? 0 : r;
}

/* A part counts; what does it say about those below? */
static int heed(struct fsck *f, struct way *w, struct below_part *part)
{
	struct marks m;
	int r = marks_read(f->ns, part->fd, "", &m);

	if (r >= 0)
		r = has_opaque_file(f, part->layer, part->fd);
	if (r < 0)
		return r;
	part->has_xattr_whiteouts = m.has_xattr_whiteouts;
	if (r || m.is_opaque) {
		w->has_ended = true;
		return 0;
	}
	if (!m.redirect[0])
		return 0;
	if (m.redirect[0] == '/')
		w->has_ended = false;	/* it leads past what was opaque */
	return turn(w, part->path, m.redirect);
}

int below_child(struct fsck *f, const struct below *parent, const char *name,
		const struct marks *marks, struct below *ret)
{
	struct way w = { .u = f->layers, .has_ended = marks->is_opaque };
	int r = turn(&w, NULL, marks->redirect[0] ? marks->redirect : name);

	for (unsigned i = 1; r == 0 && !w.has_ended && i < f->layers->merged_count; i++) {
		char path[REDIRECT_MAX];
		int fd;

		memcpy(path, w.path, sizeof(path));
		r = step(&w, parent, i, &fd);
		if (r == 0 && fd >= 0)
			r = append(ret, i, fd, path[0] == '/' ? path : NULL);
		if (r == 0 && fd >= 0)
			r = heed(f, &w, &ret->parts[ret->count - 1]);
	}
	return r;
}

/* In one layer: 1 it is there, 0 hidden from here on, -ENOENT look further down. */
static int part_has(struct fsck *f, const struct below_part *part, const char *name)
{
	const struct layer *layer = f->layers->layers[part->layer];
	struct statx stx;
	int r;

	if (statx(part->fd, name, AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_SIZE,
		  &stx) < 0) {
		r = -errno;
		if (r != -ENOENT || !layer_traits(layer)->has_aufs_marks)
			return r;
		r = aufs_hides(f->ns, part->fd, name);
		return r > 0 ? 0 : r < 0 ? r : -ENOENT;
	}
	if (is_whiteout_device(&stx))
		return 0;
	if (part->has_xattr_whiteouts) {
		r = is_xattr_whiteout(f->ns, part->fd, name);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	return 1;
}

int below_has(struct fsck *f, const struct below *below, const char *name)
{
	int r = -ENOENT;

	for (unsigned i = 0; r == -ENOENT && i < below->count; i++)
		r = part_has(f, &below->parts[i], name);
	return r == -ENOENT || r == -ENAMETOOLONG ? 0 : r;
}

/* ---- the data of a metacopy ---- */

struct search {
	struct way way;			/* .path: of the directory, if there is one */
	bool is_path;
	char name[NAME_MAX + 1];
};

static int aim(struct search *s, const char *redirect)
{
	const char *slash = strrchr(redirect, '/');
	const char *last = slash ? slash + 1 : redirect;

	if (strlen(last) > NAME_MAX)
		return -ENOENT;
	snprintf(s->name, sizeof(s->name), "%s", last);
	if (!slash)
		return 0;
	s->is_path = true;
	s->way.has_ended = false;
	snprintf(s->way.path, sizeof(s->way.path), "%.*s",
		 slash == redirect ? 1 : (int)(slash - redirect), redirect);
	return 0;
}

static int open_dir_of(struct fsck *f, struct search *s, const struct below *parent,
		       unsigned layer, int *ret_fd)
{
	const struct below_part *part;

	*ret_fd = -1;
	if (s->is_path)
		return way_walk(&s->way, layer, ret_fd);
	/* Data-only layers are reached by a path alone. */
	part = layer < f->layers->merged_count ? part_in(parent, layer) : NULL;
	if (!part)
		return 0;
	*ret_fd = fcntl(part->fd, F_DUPFD_CLOEXEC, 0);
	return *ret_fd < 0 ? -errno : 0;
}

/* 1: it is here; 0: something else is; -ENOENT: look further down. */
static int data_in(struct fsck *f, struct search *s, const struct below *parent,
		   unsigned layer)
{
	char redirect[REDIRECT_MAX];
	cleanup_fd int fd = -1;
	struct metacopy m;
	struct statx stx;
	int r = open_dir_of(f, s, parent, layer, &fd);

	if (r < 0)
		return r;
	if (fd < 0)
		return -ENOENT;
	if (statx(fd, s->name, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &stx) < 0)
		return -errno;
	if (!S_ISREG(stx.stx_mode))
		return 0;
	r = metacopy_read(f->ns, fd, s->name, &m);
	if (r <= 0)
		return r == 0;
	r = redirect_read(f->ns, fd, s->name, redirect);
	if (r > 0)
		r = aim(s, redirect);
	return r < 0 ? r : -ENOENT;
}

int below_data(struct fsck *f, const struct below *parent, const char *name,
	       const char *redirect)
{
	struct search s = { .way.u = f->layers };
	int r = aim(&s, redirect[0] ? redirect : name);

	if (r == 0)
		r = -ENOENT;
	for (unsigned i = 1; r == -ENOENT && i < f->layers->layer_count; i++) {
		if (s.way.has_ended && i < f->layers->merged_count)
			continue;
		r = data_in(f, &s, parent, i);
	}
	/* Marks that are malformed below make it unusable, too. */
	return r == -ENOENT || r == -EIO || r == -EINVAL ? 0 : r;
}
