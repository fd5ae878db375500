/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"

/* A chain of directories deeper than this is an attempt to use up descriptors. */
#define COPY_DEPTH_MAX 256

static int copy_directory(int from, int to, unsigned depth);

static int copy_bytes(int in, int out)
{
	ssize_t n;

	do {
		n = sendfile(out, in, NULL, 1 << 30);
	} while (n > 0 || (n < 0 && errno == EINTR));
	return neg_errno((int)n);
}

static int copy_file(int from, int to, const char *name, const struct stat *st, int *ret_fd)
{
	cleanup_fd int in = neg_errno(openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC |
					     O_NONBLOCK));
	cleanup_fd int out = -1;
	int r;

	if (in < 0)
		return in;
	out = neg_errno(openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			       st->st_mode & 0777));
	if (out < 0)
		return out;
	r = copy_bytes(in, out);
	*ret_fd = take_fd(&out);
	return r;
}

static int copy_subdirectory(int from, int to, const char *name, unsigned depth)
{
	cleanup_fd int in = neg_errno(openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
					     O_CLOEXEC));
	cleanup_fd int out = -1;

	if (in < 0)
		return in;
	if (mkdirat(to, name, 0700) < 0)
		return -errno;
	out = neg_errno(openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
	return out < 0 ? out : copy_directory(in, out, depth + 1);
}

static int copy_link(int from, int to, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	return neg_errno(symlinkat(target, to, name));
}

/* Owner before mode: chown drops the set-id bits. Times last. */
static int set_attributes(int to, const char *name, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISLNK(st->st_mode) && fchmodat(to, name, st->st_mode & 07777, 0) < 0)
		return -errno;
	return neg_errno(utimensat(to, name, times, AT_SYMLINK_NOFOLLOW));
}

static int copy_entry(int from, int to, const char *name, unsigned depth)
{
	cleanup_fd int fd = -1;
	struct stat st;
	int r;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		r = copy_subdirectory(from, to, name, depth);
	else if (S_ISLNK(st.st_mode))
		r = copy_link(from, to, name);
	else if (S_ISREG(st.st_mode))
		r = copy_file(from, to, name, &st, &fd);
	else
		r = neg_errno(mknodat(to, name, st.st_mode, st.st_rdev));
	return r < 0 ? r : set_attributes(to, name, &st);
}

static int copy_directory(int from, int to, unsigned depth)
{
	int again = neg_errno(openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;
	int r = 0;

	if (again < 0 || depth > COPY_DEPTH_MAX) {
		cleanup_fd_(&again);
		return again < 0 ? again : -ELOOP;
	}
	dir = fdopendir(again);
	if (!dir) {
		close(again);
		return -ENOMEM;
	}
	while (r >= 0 && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = copy_entry(from, to, entry->d_name, depth);
	return r;
}

int tree_copy(int from_fd, int to_fd)
{
	return copy_directory(from_fd, to_fd, 0);
}
