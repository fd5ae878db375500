/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on names: what makes, moves and removes them. */
#include "config.h"

#include "tests/lib/fsops/fsops.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/cleanup.h"

static ino_t ino_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_ino : 0;
}

static long do_create(struct fsops *ops, const struct arg *a)
{
	cleanup_fd int fd = open(a[0].text, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC,
				 (mode_t)a[1].number);

	return fd < 0 ? neg(fd) : 0;
}

static long do_mkdir(struct fsops *ops, const struct arg *a)
{
	return neg(mkdir(a[0].text, (mode_t)a[1].number));
}

static long do_fifo(struct fsops *ops, const struct arg *a)
{
	return neg(mknod(a[0].text, S_IFIFO | (mode_t)a[1].number, 0));
}

static long do_sock(struct fsops *ops, const struct arg *a)
{
	return neg(mknod(a[0].text, S_IFSOCK | (mode_t)a[1].number, 0));
}

static long do_device(const struct arg *a, mode_t type)
{
	return neg(mknod(a[0].text, type | (mode_t)a[1].number,
			 makedev((unsigned)a[2].number, (unsigned)a[3].number)));
}

static long do_chr(struct fsops *ops, const struct arg *a)
{
	return do_device(a, S_IFCHR);
}

static long do_blk(struct fsops *ops, const struct arg *a)
{
	return do_device(a, S_IFBLK);
}

static long do_symlink(struct fsops *ops, const struct arg *a)
{
	return neg(symlink(a[0].text, a[1].text));
}

static long do_readlink(struct fsops *ops, const struct arg *a)
{
	char target[PATH_MAX];
	ssize_t n = readlink(a[0].text, target, sizeof(target));

	if (n < 0)
		return -errno;
	show_quoted(ops->detail_out, target, (size_t)n);
	return n;
}

static long do_link(struct fsops *ops, const struct arg *a)
{
	int rc = link(a[0].text, a[1].text);

	if (rc < 0)
		return -errno;
	show(ops, "ino=%s", ino_of(a[0].text) == ino_of(a[1].text) ? "same" : "different");
	return rc;
}

static long do_unlink(struct fsops *ops, const struct arg *a)
{
	return neg(unlink(a[0].text));
}

static long do_rmdir(struct fsops *ops, const struct arg *a)
{
	return neg(rmdir(a[0].text));
}

static long rename_with(struct fsops *ops, const struct arg *a, unsigned flags)
{
	ino_t before = ino_of(a[0].text);
	int rc = renameat2(AT_FDCWD, a[0].text, AT_FDCWD, a[1].text, flags);

	if (rc < 0)
		return -errno;
	show(ops, "ino=%s", ino_of(a[1].text) == before ? "kept" : "changed");
	return rc;
}

/* rename(2) has two names for a directory that is not empty; xfs takes the other. */
static long do_rename(struct fsops *ops, const struct arg *a)
{
	long rc = rename_with(ops, a, 0);

	return rc == -EEXIST ? -ENOTEMPTY : rc;
}

static long do_rename_noreplace(struct fsops *ops, const struct arg *a)
{
	return rename_with(ops, a, RENAME_NOREPLACE);
}

static long do_exchange(struct fsops *ops, const struct arg *a)
{
	return rename_with(ops, a, RENAME_EXCHANGE);
}

static long do_rename_whiteout(struct fsops *ops, const struct arg *a)
{
	return rename_with(ops, a, RENAME_WHITEOUT);
}

/* --- reading directories --- */

static unsigned char type_of_mode(mode_t mode)
{
	return (unsigned char)IFTODT(mode);
}

static bool is_kernel_overlay(void)
{
	return getenv("FSOPS_KERNEL");
}

bool is_ghost(int dir_fd, const char *name)
{
	struct stat st;

	return is_kernel_overlay() &&
	       fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

/*
 * What readdir said about an entry must be what stat says. Kernel overlay gives another
 * number for some copied-up files of several names.
 */
static void show_entry(struct fsops *ops, int dir_fd, const struct dirent *entry)
{
	struct stat st;

	show_quoted(ops->detail_out, entry->d_name, strlen(entry->d_name));
	if (fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		show(ops, "(%s)", strerrorname_np(errno));
	} else {
		if (type_of_mode(st.st_mode) != entry->d_type)
			show(ops, "(type)");
		if (st.st_ino != entry->d_ino && !is_kernel_overlay())
			show(ops, "(ino)");
	}
	show(ops, ",");
}

static int not_dots(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static long list_dir(struct fsops *ops, int dir_fd)
{
	struct dirent **entries;
	int n = scandirat(dir_fd, ".", &entries, not_dots, by_bytes), i;
	long shown = 0;

	if (n < 0)
		return -errno;
	for (i = 0; i < n; i++) {
		if (!is_ghost(dir_fd, entries[i]->d_name)) {
			show_entry(ops, dir_fd, entries[i]);
			shown++;
		}
		free(entries[i]);
	}
	free(entries);
	return shown;
}

static long do_readdir(struct fsops *ops, const struct arg *a)
{
	cleanup_fd int fd = open(a[0].text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : list_dir(ops, fd);
}

/* Through a directory that was opened earlier, and may be gone by now. */
static long do_readdir_open(struct fsops *ops, const struct arg *a)
{
	return list_dir(ops, ops->fds[a[0].number]);
}

/* rm -r of the files in a directory while it is being read. */
static long do_empty(struct fsops *ops, const struct arg *a)
{
	cleanup_dir DIR *dir = opendir(a[0].text);
	struct dirent *entry;
	long n = 0;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		if (not_dots(entry) && unlinkat(dirfd(dir), entry->d_name, 0) == 0)
			n++;
	return n;
}

const struct verb fsops_name_verbs[] = {
	{ "create", "pm", do_create },
	{ "mkdir", "pm", do_mkdir },
	{ "fifo", "pm", do_fifo },
	{ "sock", "pm", do_sock },
	{ "chr", "pmnn", do_chr },
	{ "blk", "pmnn", do_blk },
	{ "symlink", "tp", do_symlink },
	{ "readlink", "p", do_readlink },
	{ "link", "pp", do_link },
	{ "unlink", "p", do_unlink },
	{ "rmdir", "p", do_rmdir },
	{ "rename", "pp", do_rename },
	{ "rename_noreplace", "pp", do_rename_noreplace },
	{ "exchange", "pp", do_exchange },
	{ "rename_whiteout", "pp", do_rename_whiteout },
	{ "readdir", "p", do_readdir },
	{ "readdir_open", "s", do_readdir_open },
	{ "empty", "p", do_empty },
	{ 0 },
};
