/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"

#define LINKS_MAX 8		/* to nowhere, one after the other */

static int open_in_root(int root_fd, const char *path, uint64_t flags)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int r;

	/* EAGAIN: a rename elsewhere made the kernel unsure whether ".." escaped. */
	do {
		r = neg_errno((int)syscall(SYS_openat2, root_fd, *path ? path : ".",
					   &how, sizeof(how)));
	} while (r == -EAGAIN || r == -EINTR);
	return r;
}

int resolve_open(int root_fd, const char *path, bool no_follow)
{
	return open_in_root(root_fd, path, O_PATH | (no_follow ? O_NOFOLLOW : 0));
}

int resolve_open_flags(int root_fd, const char *path, int flags)
{
	return open_in_root(root_fd, path, (uint64_t)flags);
}

static int open_dir(int root_fd, const char *path)
{
	return open_in_root(root_fd, path, O_PATH | O_DIRECTORY);
}

/*
 * Each prefix is resolved from the root again, because a component may be an
 * absolute symlink; only the one missing name is made relative to its parent.
 */
int resolve_make_dir(int root_fd, const char *path, mode_t mode)
{
	cleanup_free char *prefix = strdup(path);
	cleanup_fd int dir = -1;
	char *p = prefix;
	int r = open_dir(root_fd, path);

	if (r != -ENOENT)
		return r;
	if (!prefix)
		return -ENOMEM;

	dir = open_dir(root_fd, "/");
	while (dir >= 0) {
		char *name, after;
		int next;

		name = p += strspn(p, "/");
		if (!*name)
			return take_fd(&dir);
		p += strcspn(p, "/");
		after = *p;
		*p = '\0';

		next = open_dir(root_fd, prefix);
		if (next == -ENOENT) {
			if (mkdirat(dir, name, mode) < 0 && errno != EEXIST)
				return -errno;
			next = open_dir(root_fd, prefix);
			if (next == -ENOENT)
				return -EEXIST;	/* a symlink to nowhere */
		}
		*p = after;
		if (next < 0)
			return next;
		close(dir);
		dir = next;
	}
	return dir;
}

int resolve_make_parent(int root_fd, const char *path, char **ret_name)
{
	cleanup_free char *copy = strdup(path);
	char *end, *slash;
	int fd;

	if (!copy)
		return -ENOMEM;
	for (end = copy + strlen(copy); end > copy && end[-1] == '/';)
		*--end = '\0';

	slash = strrchr(copy, '/');
	*ret_name = strdup(slash ? slash + 1 : copy);
	if (!*ret_name)
		return -ENOMEM;
	if (!**ret_name || strcmp(*ret_name, ".") == 0 || strcmp(*ret_name, "..") == 0) {
		free(take_ptr(*ret_name));
		return -EINVAL;
	}

	if (slash)
		*slash = '\0';
	fd = resolve_make_dir(root_fd, slash ? copy : "", 0755);
	if (fd < 0)
		free(take_ptr(*ret_name));
	return fd;
}

/* Where the symlink @name in @path's directory leads, as a path in the root. */
static int read_link(int parent, const char *name, const char *path, char **ret_path)
{
	size_t length = strlen(path);
	char to[PATH_MAX];
	ssize_t n = readlinkat(parent, name, to, sizeof(to) - 1);

	if (n < 0)
		return -errno;
	to[n] = '\0';
	while (length && path[length - 1] == '/')
		length--;
	while (length && path[length - 1] != '/')
		length--;
	if (to[0] == '/')
		length = 0;
	return asprintf(ret_path, "%.*s%s", (int)length, path, to) < 0 ? -ENOMEM : 0;
}

static int make_file(int root_fd, const char *path, bool no_follow, unsigned links)
{
	cleanup_free char *name = NULL, *to = NULL;
	cleanup_fd int parent = resolve_make_parent(root_fd, path, &name);
	int r;

	if (parent < 0)
		return parent;
	/* O_EXCL follows no symlink, so the file appears here or nowhere. */
	r = neg_errno(openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			     0644));
	if (r < 0 && r != -EEXIST)
		return r;
	if (r >= 0)
		close(r);
	r = resolve_open(root_fd, path, no_follow);
	/*
	 * It is a symlink to nowhere, as images have for resolv.conf: what it names
	 * is made, by its path in the root and step by step as any other.
	 */
	if (r != -ENOENT || no_follow)
		return r;
	if (!links)
		return -ELOOP;
	r = read_link(parent, name, path, &to);
	return r < 0 ? r : make_file(root_fd, to, no_follow, links - 1);
}

int resolve_make_target(int root_fd, const char *path, bool directory, bool no_follow)
{
	int r = resolve_open(root_fd, path, no_follow);

	if (r != -ENOENT)
		return r;
	return directory ? resolve_make_dir(root_fd, path, 0755)
			 : make_file(root_fd, path, no_follow, LINKS_MAX);
}
