/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/rootfs_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/tree.h"

#define SUBVOLUME_INODE 256	/* the root of each has this number */

static bool is_subvolume(int fd)
{
	struct statfs fs;
	struct stat st;

	return fstatfs(fd, &fs) == 0 && fs.f_type == BTRFS_SUPER_MAGIC && fstat(fd, &st) == 0 &&
	       st.st_ino == SUBVOLUME_INODE;
}

static int make_subvolume(int parent_fd, const char *name, int from_fd)
{
	struct btrfs_ioctl_vol_args new_args = { 0 };
	struct btrfs_ioctl_vol_args_v2 snapshot = { .fd = from_fd };

	if (strlen(name) >= sizeof(snapshot.name))
		return -ENAMETOOLONG;
	strcpy(new_args.name, name);
	strcpy(snapshot.name, name);
	return from_fd < 0 ? neg_errno(ioctl(parent_fd, BTRFS_IOC_SUBVOL_CREATE, &new_args))
			   : neg_errno(ioctl(parent_fd, BTRFS_IOC_SNAP_CREATE_V2, &snapshot));
}

static int open_layer(const char *path, struct fault *f)
{
	int fd = neg_errno(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	return fd < 0 ? fault_set(f, fd, "cannot open the layer '%s'", path) : fd;
}

/* From the bottom up: each layer replaces what it has, and removes what it hides. */
static int copy_layers(const struct plan_rootfs *root, size_t count, int to_fd, struct fault *f)
{
	for (size_t i = count; i-- > 0;) {
		cleanup_fd int fd = open_layer(root->lowers.items[i], f);
		int r = fd < 0 ? fd : tree_copy_layer(fd, to_fd);

		if (r == -EOPNOTSUPP)
			return fault_set(f, 0, "the layer '%s' has objects that need the layers below "
					 "it: it cannot be copied\nUse --rootfs-driver unionfs or "
					 "overlay.", root->lowers.items[i]);
		if (r < 0)
			return fault_set(f, r, "cannot copy the layer '%s'", root->lowers.items[i]);
	}
	return 0;
}

/* Return: how many layers, the lowest, are in it already; negative errno with @f. */
static int begin_root(const struct plan_rootfs *root, int parent_fd, const char *name,
		      struct fault *f)
{
	cleanup_fd int first = -1;
	int r;

	if (root->driver == ROOTFS_VFS) {
		r = neg_errno(mkdirat(parent_fd, name, 0755));
		return r < 0 ? fault_set(f, r, "cannot make the root") : 0;
	}
	first = open_layer(root->lowers.items[root->lowers.count - 1], f);
	if (first < 0)
		return first;
	r = is_subvolume(first) ? make_subvolume(parent_fd, name, first) : -EXDEV;
	if (r >= 0)
		return 1;
	/* Of another file system, or no subvolume. */
	r = make_subvolume(parent_fd, name, -1);
	return r < 0 ? fault_set(f, r, "cannot make a subvolume\nThe data directory must be on btrfs: "
				 "name it in NACRE_DATA_DIR, or use another --rootfs-driver.") : 0;
}

static int fill_root(const struct plan_rootfs *root, size_t there, int parent_fd,
		     const char *name, struct fault *f)
{
	cleanup_fd int fd = neg_errno(openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
					     O_CLOEXEC));

	return fd < 0 ? fault_set(f, fd, "cannot open the root") : copy_layers(root, root->lowers.count - there, fd, f);
}

int rootfs_copy_make(const struct plan_rootfs *root, const char *upper, struct fault *f)
{
	cleanup_free char *parent = strdup(upper), *temp = NULL;
	char *slash = parent ? strrchr(parent, '/') : NULL;
	cleanup_fd int parent_fd = -1;
	int r;

	if (!slash || asprintf(&temp, "%s.new", slash + 1) < 0)
		return fault_set(f, -ENOMEM, "cannot make the root");
	*slash = '\0';
	if (access(upper, F_OK) == 0)
		return 0;	/* of a container that is started again */
	parent_fd = neg_errno(open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (parent_fd < 0)
		return fault_set(f, parent_fd, "cannot open '%s'", parent);

	/* It appears whole: a copy that was cut off must not pass for a root. */
	(void)tree_remove(parent_fd, temp);
	r = begin_root(root, parent_fd, temp, f);
	if (r >= 0)
		r = fill_root(root, (size_t)r, parent_fd, temp, f);
	if (r >= 0 && renameat(parent_fd, temp, parent_fd, strrchr(upper, '/') + 1) < 0)
		r = fault_set(f, -errno, "cannot make the root '%s'", upper);
	if (r < 0)
		(void)tree_remove(parent_fd, temp);
	return r < 0 ? r : 0;
}
