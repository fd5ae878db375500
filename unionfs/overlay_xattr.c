/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/overlay_xattr.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/errors.h"
#include "unionfs/force.h"

/* The same numbers on every architecture; older C libraries lack the names. */
#ifndef SYS_setxattrat
#define SYS_setxattrat	  463
#define SYS_getxattrat	  464
#define SYS_listxattrat	  465
#define SYS_removexattrat 466
#endif

/* struct xattr_args of linux/xattr.h */
struct args {
	uint64_t value;
	uint32_t size;
	uint32_t flags;
};

#define ESCAPE "overlay."

static const char *const prefixes[] = {
	[OVERLAY_TRUSTED] = "trusted.overlay.",
	[OVERLAY_USER] = "user.overlay.",
};

const char *overlay_xattr_prefix(enum overlay_ns ns)
{
	return prefixes[ns];
}

/*
 * Whether the kernel has the xattrat calls. Asked once: the answer is the same
 * for every thread, so it does not matter who writes it.
 */
static bool has_xattrat(void)
{
	static atomic_int known;	/* 0: not asked yet, 1: yes, -1: no */
	int state = atomic_load_explicit(&known, memory_order_relaxed);

	if (!state) {
		struct args args = { 0 };

		/* A filter may answer EPERM for what it does not know. */
		state = syscall(SYS_getxattrat, -1, ".", 0, "user.x", &args,
				sizeof(args)) < 0 && errno == EBADF ? 1 : -1;
		atomic_store_explicit(&known, state, memory_order_relaxed);
	}
	return state > 0;
}

#define PROC_PATH_SIZE 300	/* "/proc/self/fd/", a number, "/", a name */

/*
 * The object's path for calls that know no directory descriptors. With an empty
 * name the last step is proc's own link, which leads to the object itself, also
 * if that is a symlink.
 */
static int proc_path(char path[PROC_PATH_SIZE], int dir_fd, const char *name)
{
	int n = snprintf(path, PROC_PATH_SIZE, "/proc/self/fd/%d%s%s", dir_fd,
			 *name ? "/" : "", name);

	return n < PROC_PATH_SIZE ? 0 : -ENAMETOOLONG;
}

/* For the object itself there are the calls for open files; -EBADF: it is O_PATH. */
static int at_flags(const char *name)
{
	return AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH);
}

ssize_t xattr_get_at(int dir_fd, const char *name, const char *attr, void *value,
		     size_t size)
{
	char path[PROC_PATH_SIZE];
	int r;

	if (has_xattrat()) {
		struct args args = { (uintptr_t)value, size, 0 };
		ssize_t n = neg_errno64(syscall(SYS_getxattrat, dir_fd, name,
						at_flags(name), attr, &args,
						sizeof(args)));

		if (*name || n != -EBADF)
			return n;
	}

	r = proc_path(path, dir_fd, name);
	if (r < 0)
		return r;
	return neg_errno64((*name ? lgetxattr : getxattr)(path, attr, value, size));
}

int xattr_set_at(int dir_fd, const char *name, const char *attr,
		 const void *value, size_t size, int flags)
{
	char path[PROC_PATH_SIZE];
	int r;

	if (has_xattrat()) {
		struct args args = { (uintptr_t)value, size, flags };

		r = neg_errno(syscall(SYS_setxattrat, dir_fd, name,
				      at_flags(name), attr, &args, sizeof(args)));
		if (*name || r != -EBADF)
			return r;
	}

	r = proc_path(path, dir_fd, name);
	if (r < 0)
		return r;
	return neg_errno((*name ? lsetxattr : setxattr)(path, attr, value, size,
							flags));
}

ssize_t xattr_list_at(int dir_fd, const char *name, char *list, size_t size)
{
	char path[PROC_PATH_SIZE];
	int r;

	if (has_xattrat()) {
		ssize_t n = neg_errno64(syscall(SYS_listxattrat, dir_fd, name,
						at_flags(name), list, size));

		if (*name || n != -EBADF)
			return n;
	}

	r = proc_path(path, dir_fd, name);
	if (r < 0)
		return r;
	return neg_errno64((*name ? llistxattr : listxattr)(path, list, size));
}

int xattr_remove_at(int dir_fd, const char *name, const char *attr)
{
	char path[PROC_PATH_SIZE];
	int r;

	if (has_xattrat()) {
		r = neg_errno(syscall(SYS_removexattrat, dir_fd, name,
				      at_flags(name), attr));
		if (*name || r != -EBADF)
			return r;
	}

	r = proc_path(path, dir_fd, name);
	if (r < 0)
		return r;
	return neg_errno((*name ? lremovexattr : removexattr)(path, attr));
}

/* @which is one of ours, so the name always fits. */
void overlay_xattr_name(enum overlay_ns ns, const char *which,
			char attr[OVERLAY_ATTR_SIZE])
{
	snprintf(attr, OVERLAY_ATTR_SIZE, "%s%s", prefixes[ns], which);
}

ssize_t overlay_xattr_get(enum overlay_ns ns, int dir_fd, const char *name,
			  const char *which, void *value, size_t size)
{
	char attr[OVERLAY_ATTR_SIZE];
	ssize_t r;

	overlay_xattr_name(ns, which, attr);
	r = xattr_get_at(dir_fd, name, attr, value, size);
	return r == -EOPNOTSUPP ? -ENODATA : r;
}

/* The marks are the overlay's business: the object's mode has no say in them. */
static int set_own(int dir_fd, const char *name, const char *attr,
		   const void *value, size_t size, int flags)
{
	int r = xattr_set_at(dir_fd, name, attr, value, size, flags);
	mode_t mode;

	if (r != -EACCES || force_begin(dir_fd, name, &mode) < 0)
		return r;
	r = xattr_set_at(dir_fd, name, attr, value, size, flags);
	force_end(dir_fd, name, mode);
	return r;
}

int overlay_xattr_set(enum overlay_ns ns, int dir_fd, const char *name,
		      const char *which, const void *value, size_t size)
{
	char attr[OVERLAY_ATTR_SIZE];

	overlay_xattr_name(ns, which, attr);
	return set_own(dir_fd, name, attr, value, size, 0);
}

int overlay_xattr_add(enum overlay_ns ns, int dir_fd, const char *name,
		      const char *which, const void *value, size_t size)
{
	char attr[OVERLAY_ATTR_SIZE];
	int r;

	overlay_xattr_name(ns, which, attr);
	r = set_own(dir_fd, name, attr, value, size, XATTR_CREATE);
	return r == -EEXIST ? 0 : r;
}

int overlay_xattr_remove(enum overlay_ns ns, int dir_fd, const char *name,
			 const char *which)
{
	char attr[OVERLAY_ATTR_SIZE];
	mode_t mode;
	int r;

	overlay_xattr_name(ns, which, attr);
	r = xattr_remove_at(dir_fd, name, attr);
	if (r == -EACCES && force_begin(dir_fd, name, &mode) == 0) {
		r = xattr_remove_at(dir_fd, name, attr);
		force_end(dir_fd, name, mode);
	}
	return r == -ENODATA || r == -EOPNOTSUPP ? 0 : r;
}

/* What follows the active prefix, or NULL if @attr does not begin with it. */
static const char *after_prefix(enum overlay_ns ns, const char *attr)
{
	size_t length = strlen(prefixes[ns]);

	return strncmp(attr, prefixes[ns], length) == 0 ? attr + length : NULL;
}

static bool is_escaped(const char *rest)
{
	return strncmp(rest, ESCAPE, strlen(ESCAPE)) == 0;
}

bool overlay_xattr_is(enum overlay_ns ns, const char *attr, const char *which)
{
	const char *rest = after_prefix(ns, attr);

	return rest && strcmp(rest, which) == 0;
}

bool overlay_xattr_is_private(enum overlay_ns ns, const char *attr)
{
	const char *rest = after_prefix(ns, attr);

	return rest && !is_escaped(rest);
}

int overlay_xattr_to_disk(enum overlay_ns ns, const char *client,
			  char disk[OVERLAY_ATTR_SIZE])
{
	const char *rest = after_prefix(ns, client);
	int n;

	if (rest)
		n = snprintf(disk, OVERLAY_ATTR_SIZE, "%s" ESCAPE "%s",
			     prefixes[ns], rest);
	else
		n = snprintf(disk, OVERLAY_ATTR_SIZE, "%s", client);
	return n < OVERLAY_ATTR_SIZE ? 0 : -EOPNOTSUPP;
}

const char *overlay_xattr_to_client(enum overlay_ns ns, const char *disk,
				    char client[OVERLAY_ATTR_SIZE])
{
	const char *rest = after_prefix(ns, disk);

	if (!rest)
		return disk;
	if (!is_escaped(rest))
		return NULL;

	snprintf(client, OVERLAY_ATTR_SIZE, "%s%s", prefixes[ns],
		 rest + strlen(ESCAPE));
	return client;
}
