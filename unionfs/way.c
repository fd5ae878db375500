/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/way.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/marks.h"
#include "unionfs/union.h"

static bool list_has(const char *list, ssize_t length, const char *prefix,
		     const char *which)
{
	size_t n = strlen(prefix);

	for (const char *a = list; a < list + length; a += strlen(a) + 1) {
		if (strncmp(a, prefix, n) == 0 && strcmp(a + n, which) == 0)
			return true;
	}
	return false;
}

/*
 * One call lists the attributes; most directories have none of ours and so cost
 * no more than that.
 */
int marks_read(enum overlay_ns ns, int dir_fd, const char *name,
		      struct marks *m)
{
	const char *prefix = overlay_xattr_prefix(ns);
	enum opacity opacity = OPACITY_NONE;
	char list[4096];
	ssize_t length = xattr_list_at(dir_fd, name, list, sizeof(list));
	bool all = length == -ERANGE;
	int r = 0;

	*m = (struct marks){ 0 };
	if (length == -EOPNOTSUPP || length == -ENOSYS)
		return 0;
	if (length < 0 && !all)
		return length;

	if (all || list_has(list, length, prefix, OVERLAY_OPAQUE))
		r = opacity_of(ns, dir_fd, name, &opacity);
	if (r >= 0 && (all || list_has(list, length, prefix, OVERLAY_REDIRECT)))
		r = redirect_read(ns, dir_fd, name, m->redirect);
	m->is_impure = all || list_has(list, length, prefix, OVERLAY_IMPURE);
	m->is_opaque = opacity == OPACITY_OPAQUE;
	m->has_xattr_whiteouts = opacity == OPACITY_XATTR_WHITEOUTS;
	/* The kernel ignores a malformed redirect too: nothing is below then. */
	if (r == -EINVAL) {
		m->is_opaque = true;
		r = 0;
	}
	return r < 0 ? r : 0;
}

static bool is_missing(int error)
{
	return error == -ENOENT || error == -ENAMETOOLONG;
}

/*
 * One component of a path, in one layer: opens it, or says that the way goes on in
 * the next layer (0 with *@ret_fd -1) or ends here (*@ret_ends).
 */
int way_step(struct way *w, unsigned layer, int at, const char *name,
		     int *ret_fd, bool *ret_ends)
{
	const struct layer *l = w->u->layers[layer];
	int fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	*ret_fd = -1;
	if (fd >= 0) {
		*ret_fd = fd;
		return 0;
	}
	r = -errno;
	if (is_missing(r) && layer_traits(l)->has_aufs_marks) {
		r = aufs_hides(w->u->ns, at, name);
		*ret_ends = r > 0;
		return r < 0 ? r : 0;
	}
	*ret_ends = r == -ENOTDIR || r == -ELOOP;	/* a whiteout among them */
	return is_missing(r) || *ret_ends ? 0 : r;
}

/*
 * The path as the layers below must walk it, once @redirect was met on the way. A name
 * stands beside what came before as it is by now: a redirect further up the path may
 * have bent that already.
 */
static int bend(char path[REDIRECT_MAX], const char *component, const char *redirect,
		const char *rest)
{
	size_t before = strlen(path) - strlen(component) - 1 - strlen(rest);
	char bent[REDIRECT_MAX];
	int n = snprintf(bent, sizeof(bent), "%.*s%s/%s",
			 redirect[0] == '/' ? 0 : (int)before, path, redirect, rest);

	if (n >= (int)sizeof(bent))
		return -ENAMETOOLONG;
	memcpy(path, bent, n + 1);
	return 0;
}

int way_walk(struct way *w, unsigned layer, int *ret_fd)
{
	cleanup_fd int at = fcntl(layer_root_fd(w->u->layers[layer]),
				  F_DUPFD_CLOEXEC, 0);
	char path[REDIRECT_MAX];
	char *component = path + 1;
	bool ends = false;
	struct marks m;
	int r = 0, fd;

	*ret_fd = -1;
	if (at < 0)
		return -errno;
	memcpy(path, w->path, sizeof(path));
	while (*component) {
		char *slash = strchr(component, '/');

		if (slash)
			*slash = '\0';
		r = way_step(w, layer, at, component, &fd, &ends);
		w->has_ended |= ends;
		if (r < 0 || fd < 0)
			return r;
		close(at);
		at = fd;
		if (!slash)
			break;		/* the last one's marks are for the caller */

		r = marks_read(w->u->ns, at, "", &m);
		if (r < 0)
			return r;
		/* A path from the root leads past what was opaque above it. */
		if (m.is_opaque || m.redirect[0])
			w->has_ended = m.is_opaque ||
				       (w->has_ended && m.redirect[0] != '/');
		if (!m.is_opaque && m.redirect[0])
			r = bend(w->path, component, m.redirect, slash + 1);
		if (r < 0)
			return r;
		component = slash + 1;
	}
	*ret_fd = take_fd(&at);
	return 0;
}
