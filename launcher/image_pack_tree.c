/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/image_pack_tree.c - what of an upper directory goes into a layer
 *
 * How it works. Each directory of the upper has a place in the layers below
 * ("lower path"), the same as its own unless it was renamed, or none if it is
 * new. As long as the two are the same, the layer needs only what the upper
 * has. A renamed directory is "moved", and so is all in it: its name shows
 * nothing of the layers below, so what it shows from its lower path is written
 * too.
 */
#include "config.h"
#include "launcher/image_pack_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/image_overlay.h"

#define DEPTH_MAX    1000	/* each takes a descriptor */
#define OPAQUE_NAME  ".wh..opq"	/* behind ".wh." */

struct place {
	char path[PATH_MAX];	/* in the archive */
	char lower[PATH_MAX];	/* in the layers below */
	bool has_lower;		/* a directory there is merged with this one */
	bool moved;
	unsigned depth;
};

int pack_join(char ret_path[static PATH_MAX], const char *dir, const char *name)
{
	int n = snprintf(ret_path, PATH_MAX, "%s%s%s", dir, *dir ? "/" : "", name);

	return n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* --- names of a directory ----------------------------------------------------------------- */

static bool holds(const struct opt_list *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i], name) == 0)
			return true;
	return false;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_names(int dir_fd, struct opt_list *names)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int r;

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    opt_list_add(names, entry->d_name) < 0)
			return -ENOMEM;
	if (names->count)
		qsort(names->items, names->count, sizeof(*names->items), compare_names);
	return 0;
}

/* --- marks ---------------------------------------------------------------------------------- */

static bool is_xattr_whiteout(struct pack *p, int fd, const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_size == 0 &&
	       overlay_get(fd, p->prefix, "whiteout", NULL, 0) >= 0;
}

static bool is_whiteout(struct pack *p, int fd, const struct stat *st)
{
	return overlay_is_whiteout(st) || is_xattr_whiteout(p, fd, st);
}

/* Where a renamed object was: "NAME" beside it, or "/PATH" from the root. */
static int read_redirect(struct pack *p, int fd, const char *parent_lower,
			 char ret_lower[static PATH_MAX])
{
	char value[PATH_MAX];
	int n = overlay_get(fd, p->prefix, "redirect", value, sizeof(value) - 1);

	if (n <= 0)
		return n == 0 ? -EINVAL : n;
	value[n] = '\0';
	if (value[0] == '/') {
		strcpy(ret_lower, value + 1);
		return 0;
	}
	if (strchr(value, '/'))
		return -EINVAL;
	return pack_join(ret_lower, parent_lower, value);
}

static bool lower_has_dir(struct pack *p, const char *path)
{
	cleanup_fd int fd = -1;
	struct stat st;

	return stack_find(p->job->lowers, 0, path, &fd, &st) >= 0 && S_ISDIR(st.st_mode);
}

/* A file of which only attributes were changed: its data are in a layer below. */
static int open_metacopy_data(struct pack *p, const struct place *parent, int fd,
			      const char *name)
{
	char lower[PATH_MAX];
	struct stat st;
	int data;
	int r = read_redirect(p, fd, parent->lower, lower);

	if (r == -ENODATA)
		r = pack_join(lower, parent->lower, name);
	if (r < 0)
		return r;
	r = stack_find(p->job->lowers, 0, lower, &data, &st);
	if (r < 0)
		return r;
	if (!S_ISREG(st.st_mode) || overlay_get(data, p->prefix, "metacopy", NULL, 0) >= 0) {
		close(data);
		return -EOPNOTSUPP;
	}
	return data;
}

/* --- what the layers below show -------------------------------------------------------------- */

static int pack_lower(struct pack *p, const char *lower, const char *path, unsigned depth);

/* Names that the layers below show in a directory, and @hidden must not hold. */
static int list_lower(struct pack *p, const char *lower, const struct opt_list *hidden,
		      struct opt_list *names)
{
	const struct image_stack *s = p->job->lowers;

	for (size_t i = 0; i < s->count; i++) {
		cleanup_fd int fd = stack_open_beneath(s->fds[i], lower, O_RDONLY | O_DIRECTORY);
		struct opt_list here = { 0 };
		int r;

		if (fd == -ENOENT)
			continue;
		if (fd == -ENOTDIR || fd == -ELOOP)
			break;
		r = fd < 0 ? fd : list_names(fd, &here);
		for (size_t k = 0; r >= 0 && k < here.count; k++)
			if (!holds(hidden, here.items[k]) && !holds(names, here.items[k]))
				r = opt_list_add(names, here.items[k]);
		opt_list_done(&here);
		if (r < 0)
			return r;
		if (overlay_is_opaque(fd, p->prefix))
			break;
	}
	if (names->count)
		qsort(names->items, names->count, sizeof(*names->items), compare_names);
	return 0;
}

static int pack_lower_names(struct pack *p, const char *lower, const char *path,
			    const struct opt_list *hidden, unsigned depth)
{
	struct opt_list names = { 0 };
	int r = list_lower(p, lower, hidden, &names);

	for (size_t i = 0; r >= 0 && i < names.count; i++) {
		char below[PATH_MAX], out[PATH_MAX];

		r = pack_join(below, lower, names.items[i]);
		if (r >= 0)
			r = pack_join(out, path, names.items[i]);
		if (r >= 0)
			r = pack_lower(p, below, out, depth + 1);
	}
	opt_list_done(&names);
	return r < 0 ? pack_fail(p, r, path, "cannot be listed in the layers below") : 0;
}

static int pack_lower(struct pack *p, const char *lower, const char *path, unsigned depth)
{
	static const struct opt_list nothing;
	cleanup_fd int fd = -1;
	struct stat st;
	int r = stack_find(p->job->lowers, 0, lower, &fd, &st);

	if (r == -ENOENT)
		return 0;	/* a whiteout has its name */
	if (r < 0)
		return r;
	if (depth > DEPTH_MAX)
		return pack_fail(p, -ENAMETOOLONG, path, "is too deep");
	if (overlay_get(fd, p->prefix, "redirect", NULL, 0) >= 0 ||
	    overlay_get(fd, p->prefix, "metacopy", NULL, 0) >= 0)
		return pack_fail(p, -EOPNOTSUPP, path, "a layer below refers to yet another");
	if (S_ISSOCK(st.st_mode))
		return 0;
	r = pack_object(p, fd, &st, fd, path);
	if (r < 0 || !S_ISDIR(st.st_mode))
		return r;
	return pack_lower_names(p, lower, path, &nothing, depth);
}

/* --- the upper ---------------------------------------------------------------------------------- */

static int pack_dir(struct pack *p, int dir_fd, struct place *place);

/* Where the directory's lower counterpart is, and whether others must be hidden. */
static int place_dir(struct pack *p, const struct place *parent, int fd, const char *name,
		     struct place *place, bool *ret_hides)
{
	int r = read_redirect(p, fd, parent->lower, place->lower);

	place->depth = parent->depth + 1;
	place->moved = parent->moved;
	if (r >= 0) {
		place->moved = true;
		place->has_lower = true;
		*ret_hides = !parent->moved && lower_has_dir(p, place->path);
		return 0;
	}
	if (r != -ENODATA)
		return r;
	r = pack_join(place->lower, parent->lower, name);
	if (r < 0)
		return r;
	place->has_lower = parent->has_lower && !overlay_is_opaque(fd, p->prefix) &&
			   lower_has_dir(p, place->lower);
	*ret_hides = !place->has_lower && !place->moved && parent->has_lower &&
		     lower_has_dir(p, place->path);
	return 0;
}

static int pack_subdir(struct pack *p, const struct place *parent, int fd,
		       const struct stat *st, const char *name, const char *path)
{
	cleanup_free struct place *place = calloc(1, sizeof(*place));
	cleanup_fd int dir = neg_errno(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	bool hides = false;
	int r;

	if (!place || dir < 0)
		return place ? dir : -ENOMEM;
	if (parent->depth >= DEPTH_MAX)
		return pack_fail(p, -ENAMETOOLONG, path, "is too deep");
	strcpy(place->path, path);
	r = place_dir(p, parent, fd, name, place, &hides);
	if (r >= 0)
		r = pack_object(p, fd, st, fd, path);
	if (r >= 0 && hides)
		r = pack_whiteout(p, path, OPAQUE_NAME);
	return r < 0 ? r : pack_dir(p, dir, place);
}

static int pack_file(struct pack *p, const struct place *parent, int fd, const struct stat *st,
		     const char *name, const char *path)
{
	cleanup_fd int data = -1;

	if (S_ISSOCK(st->st_mode))
		return 0;	/* of a program that ran; no archive can hold one */
	if (!S_ISREG(st->st_mode) || overlay_get(fd, p->prefix, "metacopy", NULL, 0) < 0)
		return pack_object(p, fd, st, fd, path);
	data = open_metacopy_data(p, parent, fd, name);
	if (data < 0)
		return pack_fail(p, data, path, "its data cannot be found in the layers below");
	return pack_object(p, fd, st, data, path);
}

/* A union that can make no devices writes whiteouts as layers have them. */
static int pack_wh_file(struct pack *p, const struct place *parent, const struct stat *st,
			const char *name, const char *path)
{
	if (!S_ISREG(st->st_mode) || st->st_size)
		return pack_fail(p, 0, path, "a layer would read this name as a whiteout");
	return parent->moved ? 0 : pack_whiteout(p, parent->path, name + strlen(".wh."));
}

static int pack_name(struct pack *p, int dir_fd, const struct place *parent, const char *name)
{
	cleanup_fd int fd = neg_errno(openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
	char path[PATH_MAX];
	struct stat st;
	int r = pack_join(path, parent->path, name);

	if (r < 0)
		return pack_fail(p, r, name, "cannot be written");
	if (fd == -ENOENT)
		return 0;	/* removed since the directory was read */
	if (fd < 0 || fstat(fd, &st) < 0)
		return pack_fail(p, fd < 0 ? fd : -errno, path, "cannot be read");
	if (is_whiteout(p, fd, &st))
		return parent->moved ? 0 : pack_whiteout(p, parent->path, name);
	if (strncmp(name, ".wh.", strlen(".wh.")) == 0)
		return pack_wh_file(p, parent, &st, name, path);
	r = S_ISDIR(st.st_mode) ? pack_subdir(p, parent, fd, &st, name, path)
				: pack_file(p, parent, fd, &st, name, path);
	return r < 0 ? pack_fail(p, r, path, "cannot be read") : 0;
}

static int pack_dir(struct pack *p, int dir_fd, struct place *place)
{
	struct opt_list names = { 0 };
	int r = list_names(dir_fd, &names);

	if (r < 0)
		pack_fail(p, r, place->path, "cannot be listed");
	for (size_t i = 0; r >= 0 && i < names.count; i++)
		r = pack_name(p, dir_fd, place, names.items[i]);
	if (r >= 0 && place->moved && place->has_lower)
		r = pack_lower_names(p, place->lower, place->path, &names, place->depth);
	opt_list_done(&names);
	return r;
}

int pack_tree(struct pack *p)
{
	cleanup_free struct place *root = calloc(1, sizeof(*root));
	cleanup_fd int fd = neg_errno(openat(p->job->upper_fd, ".", O_PATH | O_CLOEXEC));
	struct stat st;
	int r;

	if (!root || fd < 0)
		return pack_fail(p, root ? fd : -ENOMEM, "", "cannot be read");
	if (fstat(fd, &st) < 0)
		return pack_fail(p, -errno, "", "cannot be read");
	root->has_lower = p->job->lowers->count > 0;
	r = pack_object(p, fd, &st, fd, "");
	if (r >= 0 && overlay_is_opaque(fd, p->prefix))
		r = pack_whiteout(p, "", OPAQUE_NAME);
	return r < 0 ? r : pack_dir(p, p->job->upper_fd, root);
}
