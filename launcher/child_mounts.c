/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/child.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/mount.h"
#include "launcher/resolve.h"
#include "launcher/tree.h"

static bool is_directory(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

/*
 * The target of a mount. A procfs or sysfs covers a directory of that very
 * name only: through a symlink an image could make the host's rules about
 * /proc apply to a tree of its own.
 */
static int open_target(struct child *c, const struct plan_mount *m, bool directory,
		       struct fault *f)
{
	bool real = m->kind == MOUNT_KIND_FS && m->type &&
		    (strcmp(m->type, "proc") == 0 || strcmp(m->type, "sysfs") == 0);
	int fd = resolve_make_target(c->root_fd, m->target, directory, m->no_follow || real);
	struct stat st;

	if (fd < 0)
		return fault_set(f, fd, "cannot make the mount point '%s' in the root", m->target);
	if (real && (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))) {
		close(fd);
		return fault_set(f, -ENOTDIR, "'%s' in the root is no directory, and %s is to "
				 "be mounted there", m->target, m->type);
	}
	return fd;
}

/* What is below /proc may be covered by files of ours only, never by a tree. */
static int check_below_proc(int target_fd, int tree_fd, const char *target,
			    struct fault *f)
{
	struct statfs on, from;

	if (fstatfs(target_fd, &on) < 0 || on.f_type != PROC_SUPER_MAGIC)
		return 0;
	if (fstatfs(tree_fd, &from) == 0 && from.f_type == PROC_SUPER_MAGIC)
		return 0;
	if (!is_directory(tree_fd))
		return 0;
	return fault_set(f, -EPERM, "'%s' would cover a directory inside /proc", target);
}

static int finish_mount(const struct plan_mount *m, int fd, struct fault *f)
{
	int r = mount_set_attrs(fd, m->attr_set, m->attr_clear, false);

	if (r >= 0)
		r = mount_set_attrs(fd, m->rec_set, m->rec_clear, true);
	if (r >= 0 && m->propagation)
		r = mount_set_propagation(fd, m->propagation);
	return r < 0 ? fault_set(f, r, "cannot set the flags of the mount at '%s'", m->target) : 0;
}

static bool is_tmpfs(const struct plan_mount *m)
{
	return m->type && strcmp(m->type, "tmpfs") == 0;
}

/*
 * A tmpfs takes the mode of the directory it covers, unless its options say another
 * further on; one at a place that is not there yet has its own default.
 */
static int options_of(struct child *c, const struct plan_mount *m, char **ret_data)
{
	cleanup_fd int covered = is_tmpfs(m) ? resolve_open(c->root_fd, m->target, false) : -1;
	const char *data = m->data ? m->data : "";
	struct stat st;
	int n;

	if (covered >= 0 && fstat(covered, &st) == 0)
		n = asprintf(ret_data, "mode=%04o%s%s", st.st_mode & 07777, *data ? "," : "", data);
	else
		n = asprintf(ret_data, "%s", data);
	return n < 0 ? -ENOMEM : 0;
}

/* A tmpfs is written to until all is in it: child_close_mounts() comes last. */
static uint64_t attrs_at_first(const struct plan_mount *m)
{
	return m->attr_set & ~m->attr_clear & (is_tmpfs(m) ? ~(uint64_t)MOUNT_ATTR_RDONLY : ~0ull);
}

/* A file system that begins with what its target held. */
static int mount_with_contents(const struct plan_mount *m, int target, char *reason)
{
	cleanup_fd int tree = mount_fs_detached(m->type, m->source, m->data,
						attrs_at_first(m), reason);
	struct stat st;
	int r;

	if (tree < 0)
		return tree;
	r = tree_copy(target, tree);
	if (r >= 0 && fstat(target, &st) == 0 &&
	    (fchownat(tree, "", st.st_uid, st.st_gid, AT_EMPTY_PATH) < 0 ||
	     fchmodat(tree, ".", st.st_mode & 07777, 0) < 0))
		r = -errno;
	if (r >= 0)
		r = mount_attach(tree, target);
	return r < 0 ? r : take_fd(&tree);
}

static int remount(struct child *c, const struct plan_mount *m, struct fault *f)
{
	cleanup_fd int target = resolve_open(c->root_fd, m->target, m->no_follow);

	if (target < 0)
		return fault_set(f, target, "cannot open '%s' in the root to remount it", m->target);
	return finish_mount(m, target, f);
}

static int mount_new_fs(struct child *c, const struct plan_mount *m, int *ret_later,
			struct fault *f)
{
	cleanup_free char *data = NULL;
	int r = options_of(c, m, &data);
	cleanup_fd int target = r < 0 ? r : open_target(c, m, true, f);
	cleanup_fd int fd = -1;
	char reason[256] = "";

	if (target < 0)
		return fault_set(f, target, "cannot prepare the mount at '%s'", m->target);

	fd = m->copy_up ? mount_with_contents(m, target, reason)
			: mount_fs(m->type, m->source, target, data, attrs_at_first(m), reason);
	if (fd < 0 && m->optional)
		return 0;
	if (fd < 0)
		return fault_set(f, fd, "cannot mount %s at '%s'%s%s", m->type, m->target,
				 reason[0] ? ": " : "", reason);
	r = mount_set_attrs(fd, m->rec_set, m->rec_clear, true);
	if (r >= 0 && m->propagation)
		r = mount_set_propagation(fd, m->propagation);
	if (r < 0)
		return fault_set(f, r, "cannot set the flags of the mount at '%s'", m->target);
	if (is_tmpfs(m) && (m->attr_set & MOUNT_ATTR_RDONLY))
		*ret_later = take_fd(&fd);
	return 0;
}

static int attach_bind(struct child *c, const struct plan_mount *m, int tree,
		       struct fault *f)
{
	cleanup_fd int target = open_target(c, m, is_directory(tree), f);
	int r;

	if (target < 0)
		return target;
	r = check_below_proc(target, tree, m->target, f);
	if (r < 0)
		return r;

	/* The flags first: nobody may see the mount without them. */
	r = mount_set_propagation(tree, MS_PRIVATE | MS_REC);
	if (r < 0)
		return fault_set(f, r, "cannot make the mount at '%s' private", m->target);
	r = finish_mount(m, tree, f);
	if (r < 0)
		return r;
	r = mount_attach(tree, target);
	if (r == -ENOTDIR || r == -EISDIR || r == -EINVAL)
		return fault_set(f, r, "cannot bind '%s' at '%s': one is a directory, the "
				 "other is not", m->source, m->target);
	return r < 0 ? fault_set(f, r, "cannot bind '%s' at '%s'", m->source, m->target) : 0;
}

/* The supervisor left a source to us that only the mounts before this one show. */
static int make_bind(struct child *c, const struct plan_mount *m, int tree, struct fault *f)
{
	cleanup_fd int source = -1, own_tree = -1;

	if (tree >= 0)
		return attach_bind(c, m, tree, f);
	source = resolve_open(c->root_fd, m->source_in_root, false);
	if (source == -ENOENT)
		return fault_set(f, 0, "the source '%s' of the mount at '%s' is missing", m->source,
				 m->target), source;
	if (source < 0)
		return fault_set(f, source, "cannot open '%s' to mount it at '%s'", m->source,
				 m->target);
	own_tree = mount_clone(source, m->recursive);
	if (own_tree < 0)
		return fault_set(f, own_tree, "cannot bind '%s'", m->source);
	return attach_bind(c, m, own_tree, f);
}

/* Hybrid and v1 hosts: a tmpfs with one directory a hierarchy, as the host has it. */
static int mount_cgroups(struct child *c, const struct plan_mount *m, struct fault *f)
{
	cleanup_fd int target = -1, base = -1;
	int r;

	if (!c->cgroup_count)
		return 0;
	target = open_target(c, m, true, f);
	if (target < 0)
		return m->optional ? 0 : target;

	if (c->cgroup_count == 1 && !c->cgroups[0].target[0]) {
		(void)mount_set_propagation(c->cgroups[0].fd, MS_PRIVATE | MS_REC);
		r = mount_set_attrs(c->cgroups[0].fd, m->attr_set, 0, false);
		if (r >= 0)
			r = mount_attach(c->cgroups[0].fd, target);
		return r < 0 ? fault_set(f, r, "cannot mount the cgroup at '%s'", m->target) : 0;
	}

	base = mount_fs("tmpfs", "tmpfs", target, "mode=755", m->attr_set & ~MOUNT_ATTR_RDONLY,
			NULL);
	r = base < 0 ? base : 0;
	for (size_t i = 0; r >= 0 && i < c->cgroup_count; i++) {
		cleanup_fd int dir = resolve_make_dir(base, c->cgroups[i].target, 0755);

		r = dir < 0 ? dir : mount_set_propagation(c->cgroups[i].fd, MS_PRIVATE | MS_REC);
		if (r >= 0)
			r = mount_set_attrs(c->cgroups[i].fd, m->attr_set, 0, false);
		if (r >= 0)
			r = mount_attach(c->cgroups[i].fd, dir);
	}
	if (r >= 0)
		r = mount_set_attrs(base, m->attr_set, 0, false);
	return r < 0 ? fault_set(f, r, "cannot mount the cgroups at '%s'", m->target) : 0;
}

int child_make_mounts(struct child *c, struct fault *f)
{
	for (size_t i = 0; i < c->plan->mount_count; i++) {
		const struct plan_mount *m = &c->plan->mounts[i];
		int r;

		if (m->remount)
			r = remount(c, m, f);
		else if (m->kind == MOUNT_KIND_BIND)
			r = make_bind(c, m, c->mount_fds[i], f);
		else if (m->kind == MOUNT_KIND_CGROUP)
			r = mount_cgroups(c, m, f);
		else
			r = mount_new_fs(c, m, &c->mount_fds[i], f);
		if (r < 0)
			return r;
	}
	return 0;
}

int child_close_mounts(struct child *c, struct fault *f)
{
	for (size_t i = 0; i < c->plan->mount_count; i++) {
		const struct plan_mount *m = &c->plan->mounts[i];
		int r;

		if (!is_tmpfs(m) || m->remount || c->mount_fds[i] < 0)
			continue;
		r = mount_set_attrs(c->mount_fds[i], MOUNT_ATTR_RDONLY, 0, false);
		if (r < 0)
			return fault_set(f, r, "cannot make the mount at '%s' read-only", m->target);
	}
	return 0;
}

int child_place_views(struct child *c, struct fault *f)
{
	for (size_t i = 0; i < c->view_count; i++) {
		const struct child_tree *v = &c->views[i];
		cleanup_fd int target = resolve_open(c->root_fd, v->target, true);
		struct statfs fs;
		int r;

		if (target < 0)	/* this kernel has no such file */
			continue;
		/* Only over the kernel's own files: the root may hold symlinks. */
		if (fstatfs(target, &fs) < 0 ||
		    (fs.f_type != PROC_SUPER_MAGIC && fs.f_type != SYSFS_MAGIC))
			continue;
		r = mount_set_attrs(v->fd, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
				    MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0, false);
		if (r >= 0)
			r = mount_attach(v->fd, target);
		if (r < 0)
			return fault_set(f, r, "cannot place the view of '%s'", v->target);
	}
	return 0;
}

static bool is_missing(int r)
{
	return r == -ENOENT || r == -ENOTDIR;
}

/* Named before, perhaps otherwise: once is enough. */
static bool is_masked(int target, int mask)
{
	struct stat a, b;

	return mask >= 0 && fstat(target, &a) == 0 && fstat(mask, &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int mask_path(struct child *c, const char *path, int *empty_dir)
{
	cleanup_fd int target = resolve_open(c->root_fd, path, false);
	cleanup_fd int copy = -1;

	if (target < 0)
		return is_missing(target) ? 0 : target;

	if (is_masked(target, c->null_fd) || is_masked(target, *empty_dir))
		return 0;
	if (!is_directory(target)) {
		copy = mount_bind(c->null_fd, target, false);
		return copy < 0 ? copy : 0;
	}
	/* One empty file system serves all masked directories. */
	if (*empty_dir < 0) {
		*empty_dir = mount_fs("tmpfs", "tmpfs", target, "size=0k,nr_inodes=1,mode=755",
				      MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
				      MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, NULL);
		return *empty_dir < 0 ? *empty_dir : 0;
	}
	copy = mount_bind(*empty_dir, target, false);
	return copy < 0 ? copy : 0;
}

static int protect_path(struct child *c, const char *path)
{
	cleanup_fd int target = resolve_open(c->root_fd, path, false);
	cleanup_fd int copy = -1;

	if (target < 0)
		return is_missing(target) ? 0 : target;
	copy = mount_bind(target, target, true);
	if (copy < 0)
		return copy;
	return mount_set_attrs(copy, MOUNT_ATTR_RDONLY, 0, true);
}

int child_mask_paths(struct child *c, struct fault *f)
{
	const struct plan *p = c->plan;
	cleanup_fd int empty_dir = -1;
	int r;

	for (size_t i = 0; i < p->read_only.count; i++) {
		r = protect_path(c, p->read_only.items[i]);
		if (r < 0)
			return fault_set(f, r, "cannot make '%s' read-only", p->read_only.items[i]);
	}
	for (size_t i = 0; i < p->masked.count; i++) {
		r = mask_path(c, p->masked.items[i], &empty_dir);
		if (r < 0)
			return fault_set(f, r, "cannot mask '%s'", p->masked.items[i]);
	}
	return 0;
}
