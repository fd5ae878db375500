/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/layer.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/private_mount.h"

struct layer {
	int root_fd;		/* owned */
	char *path;		/* owned */
	enum layer_role role;
	struct layer_traits traits;
};

/* FS_IOC_GETFSUUID of linux/fs.h, Linux 6.9; older headers lack it. */
struct fs_uuid {
	uint8_t length;
	uint8_t bytes[16];
};
#define IOC_GET_FS_UUID _IOR(0x15, 0, struct fs_uuid)

static void probe_uuid(int fd, uint8_t uuid[16])
{
	struct fs_uuid u = { 0 };

	struct btrfs_ioctl_fs_info_args btrfs = { 0 };

	if (ioctl(fd, IOC_GET_FS_UUID, &u) == 0 && u.length == sizeof(u.bytes))
		memcpy(uuid, u.bytes, sizeof(u.bytes));
	/* btrfs has one, but no answer to the common question for it. */
	else if (ioctl(fd, BTRFS_IOC_FS_INFO, &btrfs) == 0)
		memcpy(uuid, btrfs.fsid, sizeof(btrfs.fsid));
}

static bool probe_handles(int fd)
{
	struct file_handle handle = { .handle_bytes = 0 };
	int mount_id;

	/* Too little room is the answer of a filesystem that has handles. */
	return name_to_handle_at(fd, "", &handle, &mount_id, AT_EMPTY_PATH) == 0 ||
	       errno == EOVERFLOW;
}

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

static bool is_known_filesystem(int fd)
{
	struct statfs st;

	if (fstatfs(fd, &st) < 0)
		return false;
	return st.f_type == EXT4_SUPER_MAGIC || st.f_type == XFS_SUPER_MAGIC ||
	       st.f_type == BTRFS_SUPER_MAGIC || st.f_type == TMPFS_MAGIC;
}

/*
 * A security module answers for labels that are stored nowhere and so not listed; and
 * some filesystems, of the FUSE family for example, list what they like.
 */
static bool probe_lists_xattrs(int fd)
{
	return is_known_filesystem(fd) &&
	       fgetxattr(fd, "security.selinux", NULL, 0) < 0 &&
	       fgetxattr(fd, "security.SMACK64", NULL, 0) < 0;
}

static bool probe_xattr(int fd, const char *attr)
{
	return fgetxattr(fd, attr, NULL, 0) >= 0 || errno != EOPNOTSUPP;
}

/* "." is listed everywhere, and is a directory wherever types are told. */
static bool probe_d_type(int fd)
{
	char buf[1024] __attribute__((aligned(8)));
	const struct dirent64 *first = (const struct dirent64 *)buf;

	if (syscall(SYS_getdents64, fd, buf, sizeof(buf)) <= 0)
		return false;
	return first->d_type != DT_UNKNOWN;
}

static int probe(int fd, struct layer_traits *traits)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;

	traits->dev = st.st_dev;
	probe_uuid(fd, traits->uuid);
	traits->has_handles = probe_handles(fd);
	/* FUSE, for one, has a handle like XFS's with a node id for the number. */
	traits->has_ino_handles = traits->has_handles && is_known_filesystem(fd);
	traits->has_xattrs = probe_xattr(fd, "trusted.overlay.opaque") ||
			     probe_xattr(fd, "user.overlay.opaque");
	traits->has_acls = probe_xattr(fd, "system.posix_acl_access");
	traits->lists_xattrs = probe_lists_xattrs(fd);
	traits->has_d_type = probe_d_type(fd);
	return 0;
}

/* Through a private mount where that can be had; others work on the tree as it is. */
static int open_root(const char *path, enum layer_role role,
		     struct private_mounts *mounts)
{
	struct private_mounts own = PRIVATE_MOUNTS_INIT;
	int fd = -1;

	/* An upper by itself would be on another mount than its work directory. */
	if (mounts || role != LAYER_UPPER)
		fd = private_mounts_open(mounts ? mounts : &own, path);
	private_mounts_done(&own);
	if (fd < 0)
		fd = neg_errno(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	return fd;
}

int layer_open(const char *path, enum layer_role role, struct layer **ret_layer)
{
	return layer_open_sharing(path, role, NULL, ret_layer);
}

int layer_open_sharing(const char *path, enum layer_role role,
		       struct private_mounts *mounts, struct layer **ret_layer)
{
	cleanup_fd int fd = open_root(path, role, mounts);
	struct layer_traits traits = { 0 };
	struct layer *layer;
	int r;

	if (fd < 0)
		return fd;
	r = probe(fd, &traits);
	if (r < 0)
		return r;

	layer = calloc(1, sizeof(*layer));
	if (!layer)
		return -ENOMEM;
	layer->path = strdup(path);
	if (!layer->path) {
		free(layer);
		return -ENOMEM;
	}

	layer->root_fd = take_fd(&fd);
	layer->role = role;
	layer->traits = traits;
	*ret_layer = layer;
	return 0;
}

struct layer *layer_close(struct layer *layer)
{
	if (!layer)
		return NULL;

	close(layer->root_fd);
	free(layer->path);
	free(layer);
	return NULL;
}

int layer_root_fd(const struct layer *layer)
{
	return layer->root_fd;
}

const char *layer_path(const struct layer *layer)
{
	return layer->path;
}

enum layer_role layer_role(const struct layer *layer)
{
	return layer->role;
}

const struct layer_traits *layer_traits(const struct layer *layer)
{
	return &layer->traits;
}

void layer_set_traits(struct layer *layer, const struct layer_traits *traits)
{
	layer->traits = *traits;
}

static bool is_same(const struct dir_id *a, const struct dir_id *b)
{
	return a->ino == b->ino && a->dev == b->dev;
}

static int id_of(int fd, const char *path, struct dir_id *ret)
{
	struct statx stx;

	if (statx(fd, path, AT_EMPTY_PATH, STATX_INO, &stx) < 0)
		return -errno;
	*ret = (struct dir_id){ makedev(stx.stx_dev_major, stx.stx_dev_minor),
				stx.stx_ino };
	return 0;
}

int ancestry_of(int fd, struct ancestry *ret)
{
	char up[PATH_MAX] = ".";
	size_t length = 1;
	struct dir_id id;
	int r = id_of(fd, "", &id);

	*ret = (struct ancestry){ 0 };
	if (r < 0)
		return r;
	for (;;) {
		const struct dir_id *last = ret->count ? &ret->ids[ret->count - 1] : NULL;
		struct dir_id *ids;

		/* The root is its own parent. */
		if (last && (is_same(&id, last) || id.dev != last->dev))
			return 0;
		if (length + sizeof("/..") > sizeof(up))
			return -ENAMETOOLONG;
		ids = reallocarray(ret->ids, ret->count + 1, sizeof(*ids));
		if (!ids)
			return -ENOMEM;
		ret->ids = ids;
		ids[ret->count++] = id;

		memcpy(up + length, "/..", sizeof("/.."));
		length += strlen("/..");
		r = id_of(fd, up, &id);
		if (r < 0)
			return r;
	}
}

void ancestry_done(struct ancestry *a)
{
	free(a->ids);
	*a = (struct ancestry){ 0 };
}

bool ancestry_is_within(const struct ancestry *inner, const struct ancestry *outer)
{
	for (unsigned i = 0; i < inner->count; i++) {
		if (is_same(&inner->ids[i], &outer->ids[0]))
			return true;
	}
	return false;
}
