/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/daemon.h"
#include "launcher/mount.h"
#include "launcher/paths.h"

static bool fs_is_known(const char *name)
{
	cleanup_buf struct buf text = BUF_INIT;
	char line[32];

	snprintf(line, sizeof(line), "\t%s\n", name);
	return buf_read_file(&text, AT_FDCWD, "/proc/filesystems") >= 0 &&
	       strstr(buf_text(&text), line);
}

static const char *const driver_names[] = {
	[ROOTFS_UNIONFS] = "unionfs",
	[ROOTFS_OVERLAY] = "overlay",
	[ROOTFS_BTRFS] = "btrfs",
	[ROOTFS_VFS] = "vfs",
	[ROOTFS_DIRECTORY] = "directory",
};

int rootfs_driver_by_name(const char *name)
{
	for (int i = 0; i < (int)(sizeof(driver_names) / sizeof(driver_names[0])); i++)
		if (i != ROOTFS_DIRECTORY && strcmp(driver_names[i], name) == 0)
			return i;
	return -1;
}

const char *rootfs_driver_name(enum rootfs_driver driver)
{
	return driver_names[driver];
}

/* @escape_list: the value's own reader splits it at colons. */
static void add_escaped(struct buf *b, const char *text, bool escape_list)
{
	for (; *text; text++) {
		if ((escape_list && (*text == ':' || *text == '\\')) || *text == ',' ||
		    *text == '"')
			buf_adds(b, "\\");
		buf_add(b, text, 1);
	}
}

char *rootfs_union_options(const struct opt_list *lowers, const char *upper,
			   const char *work)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, "lowerdir=");
	for (size_t i = 0; i < lowers->count; i++) {
		if (i)
			buf_adds(&b, ":");
		add_escaped(&b, lowers->items[i], true);
	}
	if (upper) {
		buf_adds(&b, ",upperdir=");
		add_escaped(&b, upper, false);
		buf_adds(&b, ",workdir=");
		add_escaped(&b, work, false);
	}
	if (buf_error(&b)) {
		buf_done(&b);
		return NULL;
	}
	return b.data;	/* handed on */
}

static int begin_union(const struct plan_rootfs *p, const char *upper, const char *work,
		       const char *mountpoint, struct rootfs *root, struct fault *f)
{
	cleanup_free char *program = daemon_find("nacre-unionfs");
	cleanup_free char *options = rootfs_union_options(&p->lowers, upper, work);
	const char *argv[] = { program, "-f", "-o", options, mountpoint, NULL };

	if (!program)
		return fault_set(f, 0, "nacre-unionfs is not installed beside nacre\n"
				 "Install it, name its directory in NACRE_BINDIR, or use the "
				 "kernel's overlay: --rootfs-driver overlay");
	root->mountpoint = strdup(mountpoint);
	if (!options || !root->mountpoint)
		return fault_set(f, -ENOMEM, "cannot mount the root");
	return daemon_begin(program, (char *const *)argv, &root->start, f);
}

static int mount_union(struct signals *s, struct rootfs *root, struct fault *f)
{
	cleanup_fd int fd = -1;
	int r = daemon_await(&root->start, "nacre-unionfs", s, f);

	if (r < 0)
		return r;
	root->daemon = r;
	fd = neg_errno(open(root->mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC));
	if (fd < 0)
		return fault_set(f, fd, "cannot enter the root that nacre-unionfs mounted");
	root->tree_fd = mount_clone(fd, true);
	return root->tree_fd < 0 ? fault_set(f, root->tree_fd, "cannot take the root along") : 0;
}

static int map_union(struct rootfs *root, int userns_fd, struct fault *f)
{
	int r = mount_set_idmap(root->tree_fd, userns_fd, false);

	return r < 0 ? fault_set(f, r, "this kernel cannot map ids on a FUSE mount\n"
				 "It takes Linux 6.12.") : 0;
}

static int set_option(int fs_fd, const char *key, const char *value, struct fault *f)
{
	char reason[256] = "";
	ssize_t n;
	int r;

	if (fsconfig(fs_fd, FSCONFIG_SET_STRING, key, value, 0) == 0)
		return 0;
	r = -errno;
	n = read(fs_fd, reason, sizeof(reason) - 1);
	reason[n > 0 ? n : 0] = '\0';
	reason[strcspn(reason, "\n")] = '\0';
	return fault_set(f, r, "the kernel's overlay does not take '%s' as its %s%s%s", value, key,
			 reason[0] ? ": " : "", reason);
}

/*
 * Layers go in by descriptor: "/proc/self/fd/N" needs no escaping, and does
 * not run into the page that mount(2) has for options.
 */
struct layer_path {
	int fd;
	char text[32];
};

static int open_layer(const char *path, struct layer_path *l, struct fault *f)
{
	l->fd = neg_errno(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
	if (l->fd < 0)
		return fault_set(f, l->fd, "cannot open the layer '%s'", path);
	snprintf(l->text, sizeof(l->text), "/proc/self/fd/%d", l->fd);
	return 0;
}

static void close_layers(struct layer_path *layers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		cleanup_fd_(&layers[i].fd);
	free(layers);
}

/* One value for all layers: kernels before 6.5 know no other way. */
static int set_lowers(int fs_fd, const struct layer_path *layers, size_t count,
		      struct fault *f)
{
	cleanup_buf struct buf list = BUF_INIT;

	for (size_t i = 0; i < count; i++)
		if (fsconfig(fs_fd, FSCONFIG_SET_STRING, "lowerdir+", layers[i].text, 0) < 0)
			break;
		else if (i + 1 == count)
			return 0;
	for (size_t i = 0; i < count; i++)
		buf_addf(&list, "%s%s", i ? ":" : "", layers[i].text);
	return set_option(fs_fd, "lowerdir", buf_text(&list), f);
}

static int overlay_with(int fs_fd, const struct layer_path *layers, size_t lowers,
			bool has_upper, struct fault *f)
{
	int r = set_lowers(fs_fd, layers, lowers, f);

	if (r >= 0 && has_upper)
		r = set_option(fs_fd, "upperdir", layers[lowers].text, f);
	if (r >= 0 && has_upper)
		r = set_option(fs_fd, "workdir", layers[lowers + 1].text, f);
	return r;
}

static int mount_overlay(const struct plan_rootfs *p, const char *upper, const char *work,
			 struct rootfs *root, struct fault *f)
{
	cleanup_fd int fs_fd = neg_errno(fsopen("overlay", FSOPEN_CLOEXEC));
	size_t total = p->lowers.count + (upper ? 2 : 0);
	struct layer_path *layers = calloc(total, sizeof(*layers));
	int r = 0;

	if (fs_fd < 0 || !layers) {
		free(layers);
		return fault_set(f, fs_fd < 0 ? fs_fd : -ENOMEM, "this kernel has no overlay\n"
				 "Use nacre's own union: --rootfs-driver unionfs");
	}
	for (size_t i = 0; i < total; i++)
		layers[i].fd = -1;
	for (size_t i = 0; r >= 0 && i < p->lowers.count; i++)
		r = open_layer(p->lowers.items[i], &layers[i], f);
	if (r >= 0 && upper)
		r = open_layer(upper, &layers[p->lowers.count], f);
	if (r >= 0 && upper)
		r = open_layer(work, &layers[p->lowers.count + 1], f);

	if (r >= 0)
		r = overlay_with(fs_fd, layers, p->lowers.count, upper != NULL, f);
	if (r >= 0 && fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		r = fault_set(f, -errno, "the kernel cannot mount these layers as an overlay");
	if (r >= 0) {
		root->tree_fd = neg_errno(fsmount(fs_fd, FSMOUNT_CLOEXEC, 0));
		if (root->tree_fd < 0)
			r = fault_set(f, root->tree_fd, "cannot mount the overlay");
	}
	close_layers(layers, total);
	return r;
}

static int mount_directory(const char *path, struct rootfs *root, struct fault *f)
{
	cleanup_fd int fd = neg_errno(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));

	if (fd < 0)
		return fault_set(f, 0, "cannot open the root '%s' (%s)", path,
				 strerror(-fd) /* not "no such file": engines read that */),
		       fd;
	root->tree_fd = mount_clone(fd, true);
	return root->tree_fd < 0 ? fault_set(f, root->tree_fd, "cannot bind the root '%s'", path)
				 : 0;
}

static int map_copy(struct rootfs *root, int userns_fd, struct fault *f)
{
	int r = mount_set_idmap(root->tree_fd, userns_fd, false);

	return r < 0 ? fault_set(f, r, "the file system of the data directory cannot map ids\n"
				 "Name another directory in NACRE_DATA_DIR, or use "
				 "--rootfs-driver unionfs.") : 0;
}

int rootfs_driver_probe(const char *data)
{
	cleanup_free char *program = daemon_find("nacre-unionfs");
	struct statfs fs;

	if (program && access("/dev/fuse", R_OK | W_OK) == 0)
		return ROOTFS_UNIONFS;
	if (fs_is_known("overlay"))
		return ROOTFS_OVERLAY;
	if (data && paths_make(data, 0755) >= 0 && statfs(data, &fs) == 0 &&
	    fs.f_type == BTRFS_SUPER_MAGIC)
		return ROOTFS_BTRFS;
	return ROOTFS_VFS;
}

int rootfs_begin(const struct plan_rootfs *p, const char *upper, const char *work,
		 const char *mountpoint, struct rootfs *root, struct fault *f)
{
	int r = 0;

	*root = (struct rootfs)ROOTFS_INIT;
	if (p->driver == ROOTFS_UNIONFS)
		r = begin_union(p, upper, work, mountpoint, root, f);
	if (r < 0)
		rootfs_unmount(root);
	return r;
}

int rootfs_mount(const struct plan_rootfs *p, const char *upper, const char *work,
		 int userns_fd, struct signals *s, struct rootfs *root, struct fault *f)
{
	int r;

	switch (p->driver) {
	case ROOTFS_UNIONFS:
		r = mount_union(s, root, f);
		if (r >= 0 && userns_fd >= 0)
			r = map_union(root, userns_fd, f);
		break;
	case ROOTFS_OVERLAY:
		/* It would need to be mounted by the mapped root. */
		r = userns_fd >= 0 ? fault_set(f, 0, "the kernel's overlay cannot map ids\n"
					       "Use nacre's own union: --rootfs-driver unionfs")
				   : mount_overlay(p, upper, work, root, f);
		break;
	case ROOTFS_BTRFS:
	case ROOTFS_VFS:
		/* The root is the layer with all changes; it was made from the others. */
		r = mount_directory(upper, root, f);
		if (r >= 0 && userns_fd >= 0)
			r = map_copy(root, userns_fd, f);
		break;
	default:
		r = mount_directory(p->directory, root, f);
		break;
	}
	if (r < 0)
		rootfs_unmount(root);
	return r;
}

void rootfs_unmount(struct rootfs *root)
{
	cleanup_fd_(&root->tree_fd);
	daemon_abandon(&root->start);
	/* Detached: a file held open elsewhere must not keep us from ending. */
	if (root->mountpoint)
		(void)umount2(root->mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW);
	if (root->daemon > 0)
		daemon_stop(root->daemon);
	free(root->mountpoint);
	*root = (struct rootfs)ROOTFS_INIT;
}
