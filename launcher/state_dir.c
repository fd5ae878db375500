/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/paths.h"
#include "launcher/tree.h"

int state_root_open(const char *root, struct state_dir *dir, struct fault *f)
{
	int r = 0;

	dir->root = root ? strdup(root) : paths_state_root();
	if (!dir->root)
		return fault_set(f, -ENOMEM, "cannot find the state directory");
	dir->root_fd = neg_errno(open(dir->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (dir->root_fd == -ENOENT) {
		r = paths_make(dir->root, 0711);
		if (r >= 0)
			dir->root_fd = neg_errno(open(dir->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	}
	if (r >= 0 && dir->root_fd < 0)
		r = dir->root_fd;
	return r < 0 ? fault_set(f, r, "cannot use the state directory '%s'\n"
				 "Choose another with --root.", dir->root) : 0;
}

int state_lock_root(struct state_dir *dir, bool lock)
{
	int r;

	do {
		r = neg_errno(flock(dir->root_fd, lock ? LOCK_EX : LOCK_UN));
	} while (r == -EINTR);
	return r;
}

static int set_path(struct state_dir *dir, const char *id, struct fault *f)
{
	if (!plan_id_is_valid(id))
		return fault_set(f, 0, "invalid container ID format: '%s'\n"
				 "Use letters, digits, '_', '+', '-' and '.', not '.' first.", id);
	free(dir->path);
	if (asprintf(&dir->path, "%s/%s", dir->root, id) < 0) {
		dir->path = NULL;
		return fault_set(f, -ENOMEM, "cannot make the state directory");
	}
	return 0;
}

static int open_dir(struct state_dir *dir, const char *id, int lock, struct fault *f)
{
	int r;

	dir->fd = neg_errno(openat(dir->root_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC |
				   O_NOFOLLOW));
	if (dir->fd == -ENOENT) {
		fault_set(f, 0, "container '%s' does not exist", id);
		return -ENOENT;
	}
	if (dir->fd < 0)
		return fault_set(f, dir->fd, "cannot open '%s'", dir->path);
	if (!lock)
		return 0;
	do {
		r = neg_errno(flock(dir->fd, lock));
	} while (r == -EINTR);
	if (r < 0)
		state_dir_close(dir);
	return r == -EWOULDBLOCK || r >= 0 ? r : fault_set(f, r, "cannot lock '%s'", dir->path);
}

/* Under the root's lock, so that nobody takes a half-made one for a ruin. */
int state_dir_create(struct state_dir *dir, const char *id, struct fault *f)
{
	int r = set_path(dir, id, f);

	if (r < 0)
		return r;
	r = state_lock_root(dir, true);
	if (r < 0)
		return fault_set(f, r, "cannot lock '%s'", dir->root);

	r = neg_errno(mkdirat(dir->root_fd, id, 0711));
	if (r == -EEXIST)
		fault_set(f, 0, "a container named '%s' exists already\n"
			  "Choose another name, or remove it: nacre rm %s", id, id);
	else if (r < 0)
		fault_set(f, r, "cannot make '%s'", dir->path);
	else
		r = open_dir(dir, id, LOCK_EX | LOCK_NB, f);
	(void)state_lock_root(dir, false);
	return r;
}

int state_dir_open(struct state_dir *dir, const char *id, bool wait, struct fault *f)
{
	int r = set_path(dir, id, f);
	struct stat st;

	if (r < 0)
		return r;
	r = open_dir(dir, id, LOCK_EX | (wait ? 0 : LOCK_NB), f);
	if (r < 0)
		return r;
	/* Whoever had the lock before may have removed the container. */
	if (fstat(dir->fd, &st) == 0 && st.st_nlink > 0)
		return 0;
	state_dir_close(dir);
	fault_set(f, 0, "container '%s' does not exist", id);
	return -ENOENT;
}

int state_dir_adopt(struct state_dir *dir, const char *id, int fd, struct fault *f)
{
	int r = set_path(dir, id, f);

	if (r < 0)
		return r;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return fault_set(f, -errno, "cannot take over container '%s'", id);
	dir->fd = fd;
	return 0;
}

int state_dir_open_unlocked(struct state_dir *dir, const char *id, struct fault *f)
{
	int r = set_path(dir, id, f);

	return r < 0 ? r : open_dir(dir, id, 0, f);
}

int state_dir_remove(struct state_dir *dir)
{
	const char *name = strrchr(dir->path, '/') + 1;

	return tree_remove(dir->root_fd, name);
}

void state_dir_close(struct state_dir *dir)
{
	cleanup_fd_(&dir->fd);
	dir->fd = -1;
}

void state_dir_done(struct state_dir *dir)
{
	state_dir_close(dir);
	cleanup_fd_(&dir->root_fd);
	free(dir->root);
	free(dir->path);
	*dir = (struct state_dir)STATE_DIR_INIT;
}
