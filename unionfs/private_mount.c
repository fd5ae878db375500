/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/private_mount.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"

#define LOOK (STATX_TYPE | STATX_INO | STATX_MNT_ID)

static int look(int fd, const char *name, struct statx *ret)
{
	if (statx(fd, name, *name ? 0 : AT_EMPTY_PATH, LOOK, ret) < 0)
		return -errno;
	return ret->stx_mask & STATX_MNT_ID ? 0 : -ENOSYS;
}

/* Where a descriptor's object is, for as long as nobody moves it. */
static int path_of(int fd, char path[PATH_MAX])
{
	char link[32];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX);
	if (n < 0)
		return -errno;
	if (n == PATH_MAX)
		return -ENAMETOOLONG;
	path[n] = '\0';
	return 0;
}

/* The root of the mount that a directory is on. */
static int open_mount_root(int fd)
{
	char up[PATH_MAX] = ".";
	size_t length = 1;
	struct statx stx;
	int r;

	for (;;) {
		r = look(fd, up, &stx);
		if (r < 0)
			return r;
		if (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT)
			return neg_errno(openat(fd, up, O_PATH | O_DIRECTORY | O_CLOEXEC));
		if (length + sizeof("/..") > sizeof(up))
			return -ENAMETOOLONG;
		memcpy(up + length, "/..", sizeof("/.."));
		length += strlen("/..");
	}
}

static int clone_tree(int root_fd, bool writable)
{
	const struct mount_attr lower = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME | MOUNT_ATTR_NODEV |
			    MOUNT_ATTR_NOSUID,
		.attr_clr = MOUNT_ATTR__ATIME,	/* what it was takes one to set another */
		.propagation = MS_PRIVATE,
	};
	const struct mount_attr upper = { .propagation = MS_PRIVATE };
	struct mount_attr attr = writable ? upper : lower;
	cleanup_fd int fd = neg_errno(open_tree(root_fd, "", AT_EMPTY_PATH |
						OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));

	if (fd < 0)
		return fd;
	if (mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -errno;
	return take_fd(&fd);
}

static int add_mount(struct private_mounts *mounts, int fd, uint64_t mount_id)
{
	cleanup_fd int root_fd = open_mount_root(fd);
	cleanup_fd int tree_fd = -1;
	cleanup_free char *root_path = NULL;
	struct private_mount *items;
	char path[PATH_MAX];
	int r;

	if (root_fd < 0)
		return root_fd;
	r = path_of(root_fd, path);
	if (r < 0)
		return r;
	tree_fd = clone_tree(root_fd, mounts->writable);
	if (tree_fd < 0)
		return tree_fd;

	root_path = strdup(path);
	items = realloc(mounts->items, (mounts->count + 1) * sizeof(*items));
	if (items)
		mounts->items = items;
	if (!items || !root_path)
		return -ENOMEM;
	items[mounts->count++] = (struct private_mount){
		.mount_id = mount_id,
		.tree_fd = take_fd(&tree_fd),
		.root_path = take_ptr(root_path),
	};
	return 0;
}

static const struct private_mount *find_mount(const struct private_mounts *mounts,
					      uint64_t mount_id)
{
	for (size_t i = 0; i < mounts->count; i++)
		if (mounts->items[i].mount_id == mount_id)
			return &mounts->items[i];
	return NULL;
}

/* The rest of @path below @root; NULL if it is not below. */
static const char *below(const char *path, const char *root)
{
	size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);

	if (strncmp(path, root, length) != 0)
		return NULL;
	if (path[length] == '\0')
		return ".";
	if (path[length] != '/')
		return NULL;
	return path[length + 1] ? path + length + 1 : ".";
}

static int open_below(const struct private_mount *m, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};

	return neg_errno(syscall(SYS_openat2, m->tree_fd, name, &how, sizeof(how)));
}

static bool is_same(const struct statx *a, const struct statx *b)
{
	return a->stx_ino == b->stx_ino && a->stx_dev_major == b->stx_dev_major &&
	       a->stx_dev_minor == b->stx_dev_minor;
}

int private_mounts_open(struct private_mounts *mounts, const char *path)
{
	cleanup_fd int fd = neg_errno(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
	cleanup_fd int private_fd = -1;
	struct statx here, there;
	char full[PATH_MAX];
	const char *name;
	int r;

	if (fd < 0)
		return fd;
	r = look(fd, "", &here);
	if (r == 0 && !find_mount(mounts, here.stx_mnt_id))
		r = add_mount(mounts, fd, here.stx_mnt_id);
	if (r == 0)
		r = path_of(fd, full);
	if (r < 0)
		return r;

	name = below(full, find_mount(mounts, here.stx_mnt_id)->root_path);
	if (!name)
		return -ESTALE;
	private_fd = open_below(find_mount(mounts, here.stx_mnt_id), name);
	if (private_fd < 0)
		return private_fd;
	/* The path is only a way to find it: what counts is that it is the same. */
	r = look(private_fd, "", &there);
	if (r < 0)
		return r;
	return is_same(&here, &there) ? take_fd(&private_fd) : -ESTALE;
}

void private_mounts_done(struct private_mounts *mounts)
{
	for (size_t i = 0; i < mounts->count; i++) {
		close(mounts->items[i].tree_fd);
		free(mounts->items[i].root_path);
	}
	free(mounts->items);
	*mounts = (struct private_mounts)PRIVATE_MOUNTS_INIT;
}
