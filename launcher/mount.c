/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"

#ifndef MOVE_MOUNT_F_EMPTY_PATH
#define MOVE_MOUNT_F_EMPTY_PATH 4
#endif
#ifndef MOVE_MOUNT_T_EMPTY_PATH
#define MOVE_MOUNT_T_EMPTY_PATH 0x40
#endif

/* The flags that both ways of mounting know. */
static const struct { uint64_t attr; unsigned long flag; } attr_flags[] = {
	{ MOUNT_ATTR_RDONLY, MS_RDONLY },
	{ MOUNT_ATTR_NOSUID, MS_NOSUID },
	{ MOUNT_ATTR_NODEV, MS_NODEV },
	{ MOUNT_ATTR_NOEXEC, MS_NOEXEC },
	{ MOUNT_ATTR_NODIRATIME, MS_NODIRATIME },
	{ MOUNT_ATTR_NOATIME, MS_NOATIME },
	{ MOUNT_ATTR_STRICTATIME, MS_STRICTATIME },
};

static unsigned long flags_of_attrs(uint64_t attrs)
{
	unsigned long flags = 0;

	for (size_t i = 0; i < sizeof(attr_flags) / sizeof(attr_flags[0]); i++)
		if (attrs & attr_flags[i].attr)
			flags |= attr_flags[i].flag;
	return flags;
}

/* The kernel puts its sentence into the context: "e overlay: ...". */
static void read_reason(int fs_fd, char *reason)
{
	ssize_t n;

	if (!reason)
		return;
	n = read(fs_fd, reason, 255);
	reason[n > 0 ? n : 0] = '\0';
	if (n > 2 && reason[1] == ' ')
		memmove(reason, reason + 2, (size_t)n - 1);
	reason[strcspn(reason, "\n")] = '\0';
}

/* Cuts the next option off @text: "a=b,c" gives "a=b". A backslash keeps a comma. */
static char *next_option(char **text)
{
	char *out = *text, *start = *text, *p = *text;

	if (!p || !*p)
		return NULL;
	for (; *p && *p != ','; p++) {
		if (*p == '\\' && p[1] == ',')
			p++;
		*out++ = *p;
	}
	*text = *p ? p + 1 : p;
	*out = '\0';
	return start;
}

static int configure(int fs_fd, const char *source, const char *data)
{
	cleanup_free char *copy = strdup(data ? data : "");
	char *rest = copy, *option;

	if (!copy)
		return -ENOMEM;
	if (source && fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", source, 0) < 0)
		return -errno;

	while ((option = next_option(&rest))) {
		char *value = strchr(option, '=');
		int r;

		if (!*option)
			continue;
		if (value)
			*value++ = '\0';
		r = value ? fsconfig(fs_fd, FSCONFIG_SET_STRING, option, value, 0)
			  : fsconfig(fs_fd, FSCONFIG_SET_FLAG, option, NULL, 0);
		if (r < 0)
			return -errno;
	}
	return fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? -errno : 0;
}

int mount_fs_detached(const char *type, const char *source, const char *data,
		      uint64_t attrs, char *ret_reason)
{
	cleanup_fd int fs_fd = neg_errno(fsopen(type, FSOPEN_CLOEXEC));
	int r;

	if (ret_reason)
		ret_reason[0] = '\0';
	if (fs_fd < 0)
		return fs_fd;

	r = configure(fs_fd, source, data);
	if (r >= 0)
		r = neg_errno(fsmount(fs_fd, FSMOUNT_CLOEXEC, (unsigned)attrs));
	if (r < 0)
		read_reason(fs_fd, ret_reason);
	return r;
}

static int mount_fs_by_path(const char *type, const char *source, int target_fd,
			    const char *data, uint64_t attrs)
{
	char target[64];

	snprintf(target, sizeof(target), "/proc/self/fd/%d", target_fd);
	if (mount(source ? source : type, target, type, flags_of_attrs(attrs), data) < 0)
		return -errno;
	/* The descriptor is still what was covered: go through the path anew. */
	return neg_errno(open(target, O_PATH | O_CLOEXEC));
}

int mount_fs(const char *type, const char *source, int target_fd, const char *data,
	     uint64_t attrs, char *ret_reason)
{
	cleanup_fd int tree = mount_fs_detached(type, source, data, attrs, ret_reason);
	int r;

	if (tree == -ENOSYS)
		return mount_fs_by_path(type, source, target_fd, data, attrs);
	if (tree < 0)
		return tree;

	r = mount_attach(tree, target_fd);
	return r < 0 ? r : take_fd(&tree);
}

int mount_clone(int fd, bool recursive)
{
	return neg_errno(open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
				   (recursive ? AT_RECURSIVE : 0)));
}

int mount_attach(int tree_fd, int target_fd)
{
	return neg_errno(move_mount(tree_fd, "", target_fd, "",
				    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}

static int bind_by_path(int source_fd, int target_fd, bool recursive)
{
	char source[64], target[64];

	snprintf(source, sizeof(source), "/proc/self/fd/%d", source_fd);
	snprintf(target, sizeof(target), "/proc/self/fd/%d", target_fd);
	if (mount(source, target, NULL, MS_BIND | (recursive ? MS_REC : 0), NULL) < 0)
		return -errno;
	return neg_errno(open(target, O_PATH | O_CLOEXEC));
}

int mount_bind(int source_fd, int target_fd, bool recursive)
{
	cleanup_fd int tree = mount_clone(source_fd, recursive);
	int r;

	if (tree == -ENOSYS)
		return bind_by_path(source_fd, target_fd, recursive);
	if (tree < 0)
		return tree;
	r = mount_attach(tree, target_fd);
	return r < 0 ? r : take_fd(&tree);
}

int mount_set_attrs(int fd, uint64_t set, uint64_t clear, bool recursive)
{
	struct mount_attr attr = { .attr_set = set, .attr_clr = clear };
	char path[64];

	/* The atime flags are one field to the kernel: clear it as a whole. */
	if ((set | clear) & MOUNT_ATTR__ATIME)
		attr.attr_clr |= MOUNT_ATTR__ATIME;
	if (!set && !clear)
		return 0;
	if (mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
			  sizeof(attr)) == 0)
		return 0;
	if (errno != ENOSYS || recursive)
		return -errno;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return neg_errno(mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | flags_of_attrs(set),
			       NULL));
}

int mount_set_propagation(int fd, uint64_t propagation)
{
	struct mount_attr attr = { .propagation = propagation & ~(uint64_t)MS_REC };
	bool recursive = propagation & MS_REC;
	char path[64];

	if (mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
			  sizeof(attr)) == 0)
		return 0;
	if (errno != ENOSYS)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return neg_errno(mount(NULL, path, NULL, (unsigned long)propagation, NULL));
}

int mount_set_idmap(int fd, int userns_fd, bool recursive)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_IDMAP,
		.userns_fd = (uint64_t)userns_fd,
	};

	return neg_errno(mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0),
				       &attr, sizeof(attr)));
}
