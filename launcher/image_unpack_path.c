/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/image_unpack_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/image_overlay.h"

#define LINKS_MAX 40

struct walk {
	char path[PATH_MAX];	/* where we are: real directories only */
	char rest[2 * PATH_MAX];	/* what is still to go */
	unsigned links;
	bool is_new;		/* made just now: the layers below know nothing of it */
};

int unpack_clean_name(const char *name, char ret_name[static PATH_MAX])
{
	size_t length = 0;

	if (strlen(name) >= PATH_MAX)
		return -ENAMETOOLONG;
	while (*(name += strspn(name, "/"))) {
		size_t n = strcspn(name, "/");

		if (n == 2 && strncmp(name, "..", 2) == 0)
			return -EINVAL;
		if (n != 1 || *name != '.') {
			if (length)
				ret_name[length++] = '/';
			memcpy(ret_name + length, name, n);
			length += n;
		}
		name += n;
	}
	ret_name[length] = '\0';
	return 0;
}

void unpack_split(const char *name, char copy[static PATH_MAX], const char **ret_dir,
		  const char **ret_base)
{
	char *slash;

	strcpy(copy, name);
	slash = strrchr(copy, '/');
	if (slash)
		*slash = '\0';
	*ret_dir = slash ? copy : "";
	*ret_base = slash ? slash + 1 : copy;
}

/* --- one step ------------------------------------------------------------------- */

static int push(struct walk *w, const char *name, size_t n)
{
	size_t length = strlen(w->path);

	if (length + n + 2 > sizeof(w->path))
		return -ENAMETOOLONG;
	if (length)
		w->path[length++] = '/';
	memcpy(w->path + length, name, n);
	w->path[length + n] = '\0';
	return 0;
}

/* At the root ".." stays there, as it does in every root. */
static void pop(struct walk *w)
{
	char *slash = strrchr(w->path, '/');

	*(slash ? slash : w->path) = '\0';
}

/* A symlink is where we are: go on with its target instead. */
static int follow(struct walk *w, int link_fd)
{
	char target[PATH_MAX];
	char rest[2 * PATH_MAX];
	ssize_t n = readlinkat(link_fd, "", target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	if (++w->links > LINKS_MAX)
		return -ELOOP;
	target[n] = '\0';
	if ((size_t)n + strlen(w->rest) + 2 > sizeof(rest))
		return -ENAMETOOLONG;
	strcpy(rest, target);
	strcat(rest, "/");
	strcat(rest, w->rest);
	strcpy(w->rest, rest);

	w->is_new = false;
	pop(w);
	if (target[0] == '/')
		w->path[0] = '\0';
	return 0;
}

static int open_new_dir(struct unpack *u, const char *path)
{
	char copy[PATH_MAX];
	const char *dir, *base;
	cleanup_fd int parent = -1;

	unpack_split(path, copy, &dir, &base);
	parent = stack_open_beneath(u->job->root_fd, dir, O_PATH | O_DIRECTORY);
	if (parent < 0)
		return parent;
	if (mkdirat(parent, base, 0700) < 0)
		return -errno;
	return neg_errno(openat(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

/* A directory that the archive implies, like the one it stands for. */
static int imply_dir(struct unpack *u, const char *path, int lower_fd, const struct stat *lower)
{
	cleanup_fd int fd = open_new_dir(u, path);
	int r;

	if (fd < 0)
		return fd;
	if (lower_fd < 0)
		return unpack_remember_dir(u, path, 0755, u->mtime);
	r = unpack_attrs_like(u, fd, lower_fd);
	if (r < 0)
		return r;
	return unpack_remember_dir(u, path, lower->st_mode & 07777, lower->st_mtim);
}

/* The archive hid the name and puts something in it after all. */
static int replace_whiteout(struct unpack *u, const char *path)
{
	char copy[PATH_MAX];
	const char *dir, *base;
	cleanup_fd int parent = -1, fd = -1;
	int r;

	unpack_split(path, copy, &dir, &base);
	parent = stack_open_beneath(u->job->root_fd, dir, O_PATH | O_DIRECTORY);
	if (parent < 0)
		return parent;
	if (unlinkat(parent, base, 0) < 0)
		return -errno;
	r = imply_dir(u, path, -1, NULL);
	if (r < 0)
		return r;
	fd = stack_open_beneath(u->job->root_fd, path, O_RDONLY | O_DIRECTORY);
	return fd < 0 ? fd : overlay_set_opaque(fd, u->stack.prefix);
}

static int step_into_lower(struct unpack *u, struct walk *w, bool create)
{
	cleanup_fd int fd = -1;
	struct stat st;
	int r = w->is_new ? -ENOENT : stack_find(&u->stack, 0, w->path, &fd, &st);

	if (r < 0 && r != -ENOENT)
		return r;
	if (r >= 0 && S_ISLNK(st.st_mode))
		return follow(w, fd);
	if (!create)
		return -ENOENT;
	if (r >= 0 && S_ISDIR(st.st_mode))
		return imply_dir(u, w->path, fd, &st);
	w->is_new = true;
	return imply_dir(u, w->path, -1, NULL);
}

static int step(struct unpack *u, struct walk *w, bool create)
{
	cleanup_fd int fd = stack_open_beneath(u->job->root_fd, w->path, O_PATH);
	struct stat st;

	if (fd == -ENOENT)
		return step_into_lower(u, w, create);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fd < 0 ? fd : -errno;
	if (S_ISDIR(st.st_mode))
		return 0;
	if (S_ISLNK(st.st_mode))
		return follow(w, fd);
	if (!overlay_is_whiteout(&st))
		return -ENOTDIR;
	return create ? replace_whiteout(u, w->path) : -ENOENT;
}

/* --- a path --------------------------------------------------------------------- */

static int walk_all(struct unpack *u, struct walk *w, bool create)
{
	for (;;) {
		size_t skip = strspn(w->rest, "/");
		size_t n = strcspn(w->rest + skip, "/");
		char name[NAME_MAX + 1];
		int r;

		if (!n)
			return 0;
		if (n > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, w->rest + skip, n);
		name[n] = '\0';
		memmove(w->rest, w->rest + skip + n, strlen(w->rest + skip + n) + 1);

		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			w->is_new = false;
			pop(w);
			continue;
		}
		r = push(w, name, n);
		if (r >= 0)
			r = step(u, w, create);
		if (r < 0)
			return r;
	}
}

int unpack_walk(struct unpack *u, const char *name, bool create, char *ret_path)
{
	int fd = stack_open_beneath(u->job->root_fd, name, O_PATH | O_DIRECTORY);
	struct walk *w;
	int r;

	if (fd >= 0) {
		strcpy(ret_path, name);
		return fd;
	}
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	strcpy(w->rest, name);
	r = walk_all(u, w, create);
	if (r >= 0) {
		strcpy(ret_path, w->path);
		r = stack_open_beneath(u->job->root_fd, w->path, O_PATH | O_DIRECTORY);
	}
	free(w);
	return r;
}

int unpack_parent(struct unpack *u, const char *name)
{
	if (u->parent_fd >= 0 && strcmp(u->parent_name, name) == 0)
		return u->parent_fd;
	unpack_forget_parent(u);
	u->parent_fd = unpack_walk(u, name, true, u->parent_path);
	if (u->parent_fd >= 0)
		strcpy(u->parent_name, name);
	return u->parent_fd;
}

void unpack_forget_parent(struct unpack *u)
{
	if (u->parent_fd >= 0)
		close(u->parent_fd);
	u->parent_fd = -1;
}

int unpack_begin_root(struct unpack *u)
{
	struct timespec epoch = { 0 };
	struct stat st;
	int r;

	if (!u->job->lowers->count)
		return unpack_remember_dir(u, "", 0755, epoch);
	if (fstat(u->job->lowers->fds[0], &st) < 0)
		return -errno;
	r = unpack_attrs_like(u, u->job->root_fd, u->job->lowers->fds[0]);
	return r < 0 ? r : unpack_remember_dir(u, "", st.st_mode & 07777, st.st_mtim);
}
