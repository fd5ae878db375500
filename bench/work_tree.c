/* SPDX-License-Identifier: Apache-2.0 */
/* bench/work_tree.c - workloads that visit everything in a tree */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "work.h"

struct visitor {
	int (*directory)(int dir_fd);
	int (*entry)(int dir_fd, const char *name);
};

static int walk(int dir_fd, const struct visitor *v);

static int walk_below(int dir_fd, const char *name, const struct visitor *v)
{
	int fd = openat(dir_fd, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? failed("open", name) : walk(fd, v);
}

/* walk() - visit what is below @dir_fd, which is closed */
static int walk(int dir_fd, const struct visitor *v)
{
	DIR *dir = fdopendir(dir_fd);
	struct dirent *e;
	int r = 0;

	if (!dir)
		return failed("open", "directory");

	if (v->directory)
		r = v->directory(dir_fd);
	while (r >= 0 && (e = readdir(dir))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		r = v->entry(dir_fd, e->d_name);
		if (r >= 0 && e->d_type == DT_DIR)
			r = walk_below(dir_fd, e->d_name, v);
	}
	closedir(dir);
	return r;
}

static int read_entry(int dir_fd, const char *name)
{
	static char buf[128 * 1024];
	struct stat st;
	ssize_t n;
	int fd;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return failed("stat", name);
	if (!S_ISREG(st.st_mode))
		return 0;

	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return failed("open", name);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		st.st_size -= n;
	close(fd);
	if (n == 0 && st.st_size == 0)
		return 0;
	errno = n < 0 ? errno : EIO;
	return failed("read", name);
}

static int look_for_missing(int dir_fd)
{
	static const char *const names[] = { "no-such-name", ".hidden-none" };
	struct stat st;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (fstatat(dir_fd, names[i], &st, 0) == 0 || errno != ENOENT)
			return failed("not missing", names[i]);
	return 0;
}

static int walk_path(const char *path, const struct visitor *v)
{
	return walk_below(AT_FDCWD, path, v);
}

/* read_tree() - DIR PROCESSES: each process reads every file */
int read_tree(const struct args *a, uint64_t *ns)
{
	static const struct visitor reader = { NULL, read_entry };
	int processes = atoi(a->v[1]), status, r = 0;

	*ns = now_ns();
	for (int i = 0; i < processes; i++) {
		pid_t pid = fork();

		if (pid < 0)
			r = failed("fork", a->v[0]);
		if (pid == 0)
			_exit(walk_path(a->v[0], &reader) < 0);
	}
	while (wait(&status) > 0)
		if (status != 0)
			r = -EIO;
	*ns = now_ns() - *ns;
	return r;
}

/* sweep() - DIR: look up, read, and miss two names in every directory */
int sweep(const struct args *a, uint64_t *ns)
{
	static const struct visitor sweeper = { look_for_missing, read_entry };
	int r;

	*ns = now_ns();
	r = walk_path(a->v[0], &sweeper);
	*ns = now_ns() - *ns;
	return r;
}
