/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/mount.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/errors.h"
#include "common/fusermount.h"
#include "common/log.h"
#include "common/session.h"

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000U	/* Linux 6.8 */
#endif

/* Words of -o that are flags of mount(2). */
static const struct mount_flag {
	const char *name;
	unsigned long set, clear;
} mount_flags[] = {
	{ "ro", MS_RDONLY, 0 },		{ "rw", 0, MS_RDONLY },
	{ "nosuid", MS_NOSUID, 0 },	{ "suid", 0, MS_NOSUID },
	{ "nodev", MS_NODEV, 0 },	{ "dev", 0, MS_NODEV },
	{ "noexec", MS_NOEXEC, 0 },	{ "exec", 0, MS_NOEXEC },
	{ "sync", MS_SYNCHRONOUS, 0 },	{ "async", 0, MS_SYNCHRONOUS },
	{ "dirsync", MS_DIRSYNC, 0 },
	{ "noatime", MS_NOATIME, 0 },	{ "atime", 0, MS_NOATIME },
	{ "nodiratime", MS_NODIRATIME, 0 },
	{ "diratime", 0, MS_NODIRATIME },
	{ "relatime", MS_RELATIME, 0 }, { "norelatime", 0, MS_RELATIME },
	{ "strictatime", MS_STRICTATIME, 0 },
	{ "lazytime", MS_LAZYTIME, 0 }, { "nolazytime", 0, MS_LAZYTIME },
	{ "defaults", 0, 0 },
};

/* Words that are handed on as they are, for SELinux. */
static const char *const mount_data[] = {
	"context=", "fscontext=", "defcontext=", "rootcontext=",
};

/* Without it the kernel takes no such words, and there are no labels to give. */
static bool has_selinux(void)
{
	cleanup_buf struct buf list = BUF_INIT;

	return buf_read_file(&list, AT_FDCWD, "/proc/filesystems") < 0 ||
	       strstr(buf_text(&list), "selinuxfs");
}

/* A word ends at a comma outside quotes: SELinux contexts contain commas. */
static size_t word_length(const char *text)
{
	bool quoted = false;
	size_t n = 0;

	for (; text[n] && (quoted || text[n] != ','); n++)
		if (text[n] == '"')
			quoted = !quoted;
	return n;
}

static bool apply_flag(const char *word, size_t length, unsigned long *flags)
{
	for (size_t i = 0; i < sizeof(mount_flags) / sizeof(mount_flags[0]); i++) {
		const struct mount_flag *f = &mount_flags[i];

		if (strlen(f->name) == length && !memcmp(f->name, word, length)) {
			*flags = (*flags & ~f->clear) | f->set;
			return true;
		}
	}
	return false;
}

static bool apply_data(const char *word, size_t length, struct buf *data)
{
	for (size_t i = 0; i < sizeof(mount_data) / sizeof(mount_data[0]); i++) {
		if (strncmp(word, mount_data[i], strlen(mount_data[i])) != 0)
			continue;
		if (has_selinux()) {
			buf_adds(data, ",");
			buf_add(data, word, length);
		} else {
			log_warn("this kernel has no SELinux, ignoring '%.*s'", (int)length,
				 word);
		}
		return true;
	}
	return false;
}

static int parse_flags(const char *text, unsigned long *ret_flags,
		       struct buf *data)
{
	unsigned long flags = 0;

	for (size_t n; text && *text; text += n + (text[n] == ',')) {
		n = word_length(text);
		if (n == 0 || apply_flag(text, n, &flags) ||
		    apply_data(text, n, data))
			continue;
		log_error("unknown mount option '%.*s'\nSee mount(8) for those that every file system takes.",
			  (int)n, text);
		return -EINVAL;
	}
	*ret_flags = flags;
	return 0;
}

static void say_bad_mountpoint(const char *path, int error)
{
	switch (error) {
	case ENOENT:
		log_error("mountpoint '%s' does not exist\nMake it first: mkdir -p '%s'",
			  path, path);
		break;
	case ENOTDIR:
		log_error("mountpoint '%s' is not a directory\nMount on a directory; its contents are hidden while mounted.",
			  path);
		break;
	case ENOTCONN:
	case ECONNABORTED:
		log_error("mountpoint '%s' holds a FUSE mount whose server is gone\nTake it away first: umount '%s' (or fusermount3 -u '%s')",
			  path, path, path);
		break;
	case EACCES:
	case EPERM:
		log_error("mountpoint '%s' may not be used: %s\nCheck who may enter the directories above it: namei -l '%s'",
			  path, strerror(error), path);
		break;
	default:
		log_error("mountpoint '%s' cannot be used: %s\nUse an existing directory.",
			  path, strerror(error));
	}
}

/* Attributes of a dead mount's root may be cached: have the kernel ask. */
static int check_alive(int fd, mode_t *ret_mode)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS,
		  &stx) < 0)
		return -errno;
	*ret_mode = stx.stx_mode & S_IFMT;
	return 0;
}

static int read_path(int fd, const char *path, char ret_path[PATH_MAX])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, ret_path, PATH_MAX);
	if (n >= PATH_MAX)
		return -ENAMETOOLONG;
	if (n > 0) {
		ret_path[n] = '\0';
		return 0;
	}
	return realpath(path, ret_path) ? 0 : -errno; /* no /proc here */
}

static int resolve(const char *path, struct mountpoint *m, int *ret_fd,
		   mode_t *ret_mode)
{
	cleanup_fd int fd = -1;
	int r;

	fd = neg_errno(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
	r = fd < 0 ? fd : check_alive(fd, ret_mode);
	if (r == 0)
		r = read_path(fd, path, m->path);
	if (r < 0) {
		say_bad_mountpoint(path, -r);
		return r;
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

static void say_no_device(int error)
{
	const char *next = "Load the kernel module: modprobe fuse";

	if (error == ENOENT)
		next = "Load the kernel module (modprobe fuse); in a container, hand in the device (--device /dev/fuse).";
	else if (error == EACCES || error == EPERM)
		next = "Give yourself access to the device, or run as root; in a container, hand it in (--device /dev/fuse).";
	log_error("cannot open '/dev/fuse': %s\n%s", strerror(error), next);
}

static void say_no_mount(const struct mountpoint *m, int error)
{
	if (error == EPERM)
		log_error("cannot mount on '%s': %s\nMounting needs CAP_SYS_ADMIN in the mount's user namespace; in a container, add it or mount outside.",
			  m->path, strerror(error));
	else if (error == ENODEV)
		log_error("cannot mount on '%s': the kernel has no FUSE\nLoad the module: modprobe fuse",
			  m->path);
	else
		log_error("cannot mount on '%s': %s\nThe kernel log may say more: dmesg | tail",
			  m->path, strerror(error));
}

static void add_options(const struct session_config *config, struct buf *options)
{
	if (config->default_permissions)
		buf_adds(options, ",default_permissions");
	if (config->allow_other)
		buf_adds(options, ",allow_other");
	if (config->max_read_bytes)
		buf_addf(options, ",max_read=%u", config->max_read_bytes);
}

/* Return: 0; -EPERM, unsaid, if fusermount3 may succeed where we may not. */
static int call_mount(const struct session_config *config,
		      const struct mountpoint *m, int dir_fd,
		      unsigned long flags, const char *data)
{
	char target[64], type[64];
	int r;

	snprintf(type, sizeof(type), "fuse.%s", config->subtype);
	/* Through the descriptor: nobody can swap the directory meanwhile. */
	snprintf(target, sizeof(target), "/proc/self/fd/%d", dir_fd);

	r = neg_errno(mount(config->fsname, target, type, flags, data));
	if (r == -ENOENT)	/* no /proc here */
		r = neg_errno(mount(config->fsname, m->path, type, flags, data));
	if (r == 0 || (r == -EPERM && geteuid() != 0))
		return r;
	say_no_mount(m, -r);
	return r == -EPERM ? -EACCES : r;
}

static int mount_on_device(const struct session_config *config,
			   const struct mountpoint *m, int dir_fd,
			   mode_t root_mode, int device_fd)
{
	cleanup_buf struct buf data = BUF_INIT;
	unsigned long flags;
	int r;

	buf_addf(&data, "fd=%d,rootmode=%o,user_id=%u,group_id=%u", device_fd,
		 (unsigned)root_mode, getuid(), getgid());
	add_options(config, &data);
	r = parse_flags(config->mount_flags, &flags, &data);
	if (r == 0)
		r = buf_error(&data);
	if (r < 0)
		return r;
	return call_mount(config, m, dir_fd, flags, buf_text(&data));
}

static int mount_with_help(const struct session_config *config,
			   struct mountpoint *m, int *ret_device_fd)
{
	cleanup_buf struct buf options = BUF_INIT;
	int r;

	buf_adds(&options, "fsname=");
	for (const char *c = config->fsname; *c; c++) {
		if (*c == ',' || *c == '\\')
			buf_adds(&options, "\\");
		buf_add(&options, c, 1);
	}
	buf_addf(&options, ",subtype=%s", config->subtype);
	add_options(config, &options);
	if (config->mount_flags && *config->mount_flags)
		buf_addf(&options, ",%s", config->mount_flags);
	r = buf_error(&options);
	if (r < 0)
		return r;

	r = fusermount_mount(m->path, buf_text(&options), ret_device_fd);
	if (r == -ENOENT)
		log_error("cannot mount on '%s' without privileges: fusermount3 is not installed\nInstall your system's package fuse3, or run as root.",
			  m->path);
	else if (r < 0)
		log_error("fusermount3 could not mount on '%s'\nIts own message is above; see fusermount3(1) and /etc/fuse.conf.",
			  m->path);
	else
		m->helped = true;
	return r;
}

/* What is mounted there, without asking the worker: it may be busy, dead, or
 * not have answered INIT yet. */
static int identify_at(int fd, const char *path, struct mountpoint *m)
{
	struct statx stx;

	if (statx(fd, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT |
			    (*path ? 0 : AT_EMPTY_PATH),
		  STATX_MNT_ID | STATX_MNT_ID_UNIQUE, &stx) < 0)
		return -errno;
	m->device = makedev(stx.stx_dev_major, stx.stx_dev_minor);
	m->mount_id = stx.stx_mask & (STATX_MNT_ID | STATX_MNT_ID_UNIQUE)
			      ? stx.stx_mnt_id : 0;
	return 0;
}

static int identify(struct mountpoint *m)
{
	return identify_at(AT_FDCWD, m->path, m);
}

static int mount_ourselves(const struct session_config *config,
			   const struct mountpoint *m, int dir_fd,
			   mode_t root_mode, int *ret_device_fd)
{
	cleanup_fd int fd = neg_errno(open("/dev/fuse", O_RDWR | O_CLOEXEC));
	int r;

	if (fd == -EACCES && geteuid() != 0)
		return -EPERM;	/* fusermount3 opens it as well */
	if (fd < 0) {
		say_no_device(-fd);
		return fd;
	}

	r = mount_on_device(config, m, dir_fd, root_mode, fd);
	if (r == 0)
		*ret_device_fd = take_fd(&fd);
	return r;
}

int mount_fuse(const struct session_config *config, struct mountpoint *ret_mount,
	       int *ret_device_fd)
{
	cleanup_fd int dir_fd = -1;
	mode_t root_mode = S_IFDIR;
	int r;

	memset(ret_mount, 0, sizeof(*ret_mount));
	r = resolve(config->mountpoint, ret_mount, &dir_fd, &root_mode);
	if (r < 0)
		return r;

	r = mount_ourselves(config, ret_mount, dir_fd, root_mode, ret_device_fd);
	if (r == -EPERM)
		r = mount_with_help(config, ret_mount, ret_device_fd);
	if (r < 0)
		return r;
	return identify(ret_mount);
}

static void say_no_change(const char *path, int error)
{
	const char *next = "The kernel log may say more: dmesg | tail";

	if (error == EBUSY)
		next = "End what has files open there for writing: fuser -vm shows it.";
	else if (error == EINVAL)
		next = "Name the directory that it is mounted on.";
	else if (error == EPERM)
		next = "Do it as root, in the user namespace that mounted it.";
	log_error("cannot remount '%s': %s\n%s", path, strerror(error), next);
}

int mount_change(const char *path, const char *text)
{
	cleanup_buf struct buf data = BUF_INIT;	/* the kernel takes no new data */
	unsigned long flags;
	int r = parse_flags(text, &flags, &data);

	if (r < 0)
		return r;
	r = neg_errno(mount(NULL, path, NULL, flags | MS_REMOUNT, NULL));
	if (r < 0)
		say_no_change(path, -r);
	return r;
}

static bool is_same(const struct mountpoint *a, const struct mountpoint *b)
{
	return a->device == b->device && a->mount_id == b->mount_id;
}

bool mount_is_there(const struct mountpoint *m)
{
	struct mountpoint now = *m;

	return m->path[0] && identify(&now) == 0 && is_same(&now, m);
}

static void sync_mount(const struct mountpoint *m)
{
	cleanup_fd int fd = open(m->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || syncfs(fd) < 0)
		log_warn("cannot write back all of '%s' before unmounting: %s",
			 m->path, strerror(errno));
}

int mount_sync_and_unmount(const struct mountpoint *m)
{
	int r;

	if (!mount_is_there(m))
		return 0;

	sync_mount(m);
	r = neg_errno(umount2(m->path, UMOUNT_NOFOLLOW));
	if (r == -EPERM && m->helped)
		return fusermount_unmount(m->path, false);
	return r == -EINVAL ? 0 : r;	/* someone else was faster */
}

int mount_detach(const struct mountpoint *m)
{
	cleanup_fd int fd = neg_errno(open(m->path, O_PATH | O_NOFOLLOW | O_CLOEXEC));
	struct mountpoint now = *m;
	char link[64];
	int r;

	if (fd < 0 || identify_at(fd, "", &now) < 0 || !is_same(&now, m))
		return 0;

	/* Through the descriptor: another one may be mounted there at this moment. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	r = neg_errno(umount2(link, MNT_DETACH));
	if (r == -ENOENT)	/* no /proc here */
		r = neg_errno(umount2(m->path, UMOUNT_NOFOLLOW | MNT_DETACH));
	if (r == -EPERM && m->helped)
		return fusermount_unmount(m->path, true);
	return r == -EINVAL ? 0 : r;
}
