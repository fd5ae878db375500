/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on what stat shows. */
#include "config.h"

#include "tests/lib/fsops/fsops.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <linux/fs.h>
#include <unistd.h>

#include "common/cleanup.h"

void show_time(FILE *out, const struct timespec *ts)
{
	if (ts->tv_sec > FSOPS_NOW_S)
		fprintf(out, "now");
	else
		fprintf(out, "%lld.%09ld", (long long)ts->tv_sec, ts->tv_nsec);
}

static char type_letter(mode_t mode)
{
	return S_ISREG(mode)  ? '-' : S_ISDIR(mode)  ? 'd' :
	       S_ISLNK(mode)  ? 'l' : S_ISCHR(mode)  ? 'c' :
	       S_ISBLK(mode)  ? 'b' : S_ISFIFO(mode) ? 'p' : 's';
}

/*
 * The number of links and the size of a directory say nothing that programs
 * may rely on, and unions count them differently.
 */
void show_stat(FILE *out, const struct stat *st)
{
	fprintf(out, "%c%04o %u:%u", type_letter(st->st_mode), st->st_mode & 07777,
		st->st_uid, st->st_gid);
	if (!S_ISDIR(st->st_mode))
		fprintf(out, " links=%lu size=%lld", (unsigned long)st->st_nlink,
			(long long)st->st_size);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		fprintf(out, " dev=%u:%u", major(st->st_rdev), minor(st->st_rdev));
	fprintf(out, " mtime=");
	show_time(out, &st->st_mtim);
}

static long do_stat(struct fsops *ops, const struct arg *a)
{
	struct stat st;

	if (lstat(a[0].text, &st) < 0)
		return -errno;
	show_stat(ops->detail_out, &st);
	return 0;
}

/*
 * Without the number of links: of a lower file that was unlinked while open
 * kernel overlay goes on to say that it has one.
 */
static long do_fstat(struct fsops *ops, const struct arg *a)
{
	struct stat st;

	if (fstat(ops->fds[a[0].number], &st) < 0)
		return -errno;
	st.st_nlink = 0;
	show_stat(ops->detail_out, &st);
	return 0;
}

static long do_access(struct fsops *ops, const struct arg *a)
{
	return neg(faccessat(AT_FDCWD, a[0].text, (int)a[1].number, AT_EACCESS));
}

/* An object keeps its number whatever is changed about it. */
static long keeping_ino(struct fsops *ops, const char *path, const struct stat *before,
			long rc)
{
	struct stat after;

	if (rc >= 0 && before->st_ino && lstat(path, &after) == 0 &&
	    after.st_ino != before->st_ino)
		show(ops, "ino=changed");
	return rc;
}

static void stat_before(const char *path, struct stat *st)
{
	if (lstat(path, st) < 0 || S_ISLNK(st->st_mode))
		st->st_ino = 0;
}

static long do_chmod(struct fsops *ops, const struct arg *a)
{
	struct stat before;

	stat_before(a[0].text, &before);
	return keeping_ino(ops, a[0].text, &before,
			   neg(chmod(a[0].text, (mode_t)a[1].number)));
}

static long do_chown(struct fsops *ops, const struct arg *a)
{
	struct stat before;

	stat_before(a[0].text, &before);
	return keeping_ino(ops, a[0].text, &before,
			   neg(lchown(a[0].text, (uid_t)a[1].number, (gid_t)a[2].number)));
}

/* Times are given in seconds; the nanoseconds tell whether they survive. */
static void times_of(const struct arg *a, struct timespec times[2])
{
	times[0] = (struct timespec){ a[0].number, 111111111 };
	times[1] = (struct timespec){ a[1].number, 222222222 };
}

static long do_utimens(struct fsops *ops, const struct arg *a)
{
	struct timespec times[2];
	struct stat st;

	times_of(a + 1, times);
	if (utimensat(AT_FDCWD, a[0].text, times, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (lstat(a[0].text, &st) < 0)
		return -errno;
	show(ops, "atime=");
	show_time(ops->detail_out, &st.st_atim);
	show(ops, " mtime=");
	show_time(ops->detail_out, &st.st_mtim);
	return 0;
}

/* What touch does: the owner or a writer may, others may not. */
static long do_touch(struct fsops *ops, const struct arg *a)
{
	return neg(utimensat(AT_FDCWD, a[0].text, NULL, AT_SYMLINK_NOFOLLOW));
}

static long do_truncate(struct fsops *ops, const struct arg *a)
{
	struct stat before;

	stat_before(a[0].text, &before);
	return keeping_ino(ops, a[0].text, &before, neg(truncate(a[0].text, a[1].number)));
}

static long do_fchmod(struct fsops *ops, const struct arg *a)
{
	return neg(fchmod(ops->fds[a[0].number], (mode_t)a[1].number));
}

static long do_fchown(struct fsops *ops, const struct arg *a)
{
	return neg(fchown(ops->fds[a[0].number], (uid_t)a[1].number, (gid_t)a[2].number));
}

static long do_futimens(struct fsops *ops, const struct arg *a)
{
	struct timespec times[2];

	times_of(a + 1, times);
	return neg(futimens(ops->fds[a[0].number], times));
}

static long do_statfs(struct fsops *ops, const struct arg *a)
{
	struct statvfs fs;

	if (statvfs(a[0].text, &fs) < 0)
		return -errno;
	show(ops, "namemax=%lu bsize=%lu blocks=%s", fs.f_namemax, fs.f_bsize,
	     fs.f_blocks ? "some" : "none");
	return 0;
}

/* chattr: only the flags that a file system has to keep */
static long do_getflags(struct fsops *ops, const struct arg *a)
{
	cleanup_fd int fd = open(a[0].text, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	int flags = 0;

	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return -errno;
	show(ops, "flags=%#x", flags & (FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL));
	return 0;
}

static long do_setflags(struct fsops *ops, const struct arg *a)
{
	cleanup_fd int fd = open(a[0].text, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	int flags = 0;

	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return -errno;
	flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL);
	flags |= (int)a[1].number;
	return neg(ioctl(fd, FS_IOC_SETFLAGS, &flags));
}

const struct verb fsops_attr_verbs[] = {
	{ "stat", "p", do_stat },
	{ "fstat", "s", do_fstat },
	{ "access", "pn", do_access },
	{ "chmod", "pm", do_chmod },
	{ "chown", "puu", do_chown },
	{ "utimens", "pnn", do_utimens },
	{ "touch", "p", do_touch },
	{ "truncate", "pn", do_truncate },
	{ "fchmod", "sm", do_fchmod },
	{ "fchown", "suu", do_fchown },
	{ "futimens", "snn", do_futimens },
	{ "statfs", "p", do_statfs },
	{ "getflags", "p", do_getflags },
	{ "setflags", "pn", do_setflags },
	{ 0 },
};
