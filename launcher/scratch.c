/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/paths.h"
#include "launcher/resolve.h"

/* NULL in, NULL out: the last caller looks. */
static char *join(const char *dir, const char *infix, const char *name)
{
	char *path;

	return !dir || asprintf(&path, "%s%s%s", dir, infix, name) < 0 ? NULL : path;
}

static void vanishing_paths(struct scratch *s, const char *data, const char *id)
{
	s->vanishes = join(data, "/scratch/", id);
	s->upper = join(s->vanishes, "/", "upper");
	s->work = join(s->vanishes, "/", "work");
	s->mountpoints = join(s->vanishes, "/", "mountpoints");
}

/*
 * The work directory stands beside the upper, where it is on the same file
 * system and not inside any layer.
 */
static void given_paths(struct scratch *s, const char *upper)
{
	cleanup_free char *parent = NULL;
	size_t length;
	char *slash;

	s->upper = strdup(upper);
	for (length = s->upper ? strlen(s->upper) : 0;
	     length > 1 && s->upper[length - 1] == '/';)
		s->upper[--length] = '\0';
	parent = s->upper ? strdup(s->upper) : NULL;
	slash = parent ? strrchr(parent, '/') : NULL;
	if (!slash)
		return;

	*slash = '\0';
	if (asprintf(&s->vanishes, "%s/.%s.nacre-work", parent, slash + 1) < 0)
		s->vanishes = NULL;
	s->work = join(s->vanishes, "/", "work");
	s->mountpoints = join(s->vanishes, "/", "mountpoints");
}

int scratch_paths(const struct plan_rootfs *root, const char *data, const char *id,
		  struct scratch *s, struct fault *f)
{
	*s = (struct scratch){ 0 };
	if (root->upper)
		given_paths(s, root->upper);
	else
		vanishing_paths(s, data, id);

	if (s->upper && s->work && s->mountpoints && s->vanishes)
		return 0;
	scratch_done(s);
	return fault_set(f, -ENOMEM, "cannot name the upper layer");
}

int scratch_make(const struct scratch *s, bool with_upper, struct fault *f)
{
	int r = with_upper ? paths_make(s->upper, 0755) : 0;

	if (r < 0)
		return fault_set(f, r, "cannot make the upper layer '%s'", s->upper);
	r = paths_make(s->work, 0700);
	return r < 0 ? fault_set(f, r, "cannot make the work directory '%s'", s->work) : 0;
}

static bool is_in_a_layer(const struct plan_rootfs *root, const char *path)
{
	for (size_t i = 0; i < root->lowers.count; i++) {
		cleanup_fd int layer = open(root->lowers.items[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		cleanup_fd int found = layer < 0 ? -1 : resolve_open(layer, path, true);

		if (found >= 0)
			return true;
	}
	return false;
}

static bool is_file(const struct plan_mount *m)
{
	struct stat st;

	return m->kind == MOUNT_KIND_BIND && stat(m->source, &st) == 0 && !S_ISDIR(st.st_mode);
}

/* Below what an earlier mount covers there is nothing to be made in a layer. */
static bool is_covered(const struct plan *p, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		size_t length = strlen(p->mounts[i].target);

		if (strncmp(p->mounts[i].target, p->mounts[index].target, length) == 0 &&
		    p->mounts[index].target[length] == '/')
			return true;
	}
	return false;
}

static int add_mountpoint(int *dir_fd, const char *path, const char *target, bool file)
{
	int r;

	if (*dir_fd < 0) {
		r = paths_make(path, 0755);
		if (r < 0)
			return r;
		*dir_fd = neg_errno(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
		if (*dir_fd < 0)
			return *dir_fd;
	}
	r = resolve_make_target(*dir_fd, target, !file, true);
	if (r >= 0)
		close(r);
	return r < 0 ? r : 0;
}

int scratch_add_mountpoints(struct plan *p, const struct scratch *s, struct fault *f)
{
	cleanup_fd int dir_fd = -1;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < p->mount_count; i++)
		if (!is_covered(p, i) && !is_in_a_layer(&p->rootfs, p->mounts[i].target))
			r = add_mountpoint(&dir_fd, s->mountpoints, p->mounts[i].target,
					   is_file(&p->mounts[i]));
	if (r >= 0 && !is_in_a_layer(&p->rootfs, p->process.cwd))
		r = add_mountpoint(&dir_fd, s->mountpoints, p->process.cwd, false);
	if (r >= 0 && dir_fd >= 0)
		r = opt_list_add(&p->rootfs.lowers, s->mountpoints);
	return r < 0 ? fault_set(f, r, "cannot make mount points in '%s'", s->mountpoints) : 0;
}

void scratch_done(struct scratch *s)
{
	free(s->upper);
	free(s->work);
	free(s->mountpoints);
	free(s->vanishes);
	*s = (struct scratch){ 0 };
}
