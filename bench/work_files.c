/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/work_files.c - workloads on many small files
 *
 * File number i is "dDDD/fNNNNN" with D = i / PER_DIR, 100 unless said
 * otherwise; the workloads that visit files by name rely on it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "work.h"

#define NAME_SIZE 64

static void file_name(char *buf, const char *prefix, uint64_t i,
		      uint64_t per_dir)
{
	snprintf(buf, NAME_SIZE, "d%03u/%s%05u", (unsigned)(i / per_dir),
		 prefix, (unsigned)i);
}

static int open_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? failed("open", path) : fd;
}

struct tree {
	int dir_fd;
	uint64_t first, step, end, per_dir, bytes;
};

static int make_file(const struct tree *t, const char *name)
{
	int fd = openat(t->dir_fd, name,
			O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		return failed("create", name);
	return close_checked(fd, write_whole(fd, t->bytes, name), name);
}

static int make_dir_of(const struct tree *t, const char *name)
{
	char dir[NAME_SIZE];

	snprintf(dir, sizeof(dir), "%.*s", (int)(strchr(name, '/') - name),
		 name);
	if (mkdirat(t->dir_fd, dir, 0755) < 0 && errno != EEXIST)
		return failed("mkdir", dir);
	return 0;
}

/* make_each() - make the files of @t, each directory before its first file */
static int make_each(const struct tree *t, const char *prefix,
		     int (*make)(const struct tree *t, const char *name))
{
	uint64_t dir = UINT64_MAX;
	char name[NAME_SIZE];
	int r = 0;

	for (uint64_t i = t->first; i < t->end && r >= 0; i += t->step) {
		file_name(name, prefix, i, t->per_dir);
		if (i / t->per_dir != dir) {
			dir = i / t->per_dir;
			r = make_dir_of(t, name);
		}
		if (r >= 0)
			r = make(t, name);
	}
	return r;
}

static int tree_from_args(const struct args *a, struct tree *t)
{
	*t = (struct tree){
		.dir_fd = open_dir(a->v[0]),
		.end = arg_num(a, 1, 0),
		.per_dir = arg_num(a, 2, 100),
		.bytes = arg_num(a, 3, 100),
		.first = arg_num(a, 4, 0),
		.step = arg_num(a, 5, 1),
	};
	return t->dir_fd < 0 ? t->dir_fd : 0;
}

int create(const struct args *a, uint64_t *ns)
{
	struct tree t;
	int r = tree_from_args(a, &t);

	if (r < 0)
		return r;

	*ns = now_ns();
	r = make_each(&t, "f", make_file);
	*ns = now_ns() - *ns;
	return r;
}

static int make_link(const struct tree *t, const char *name)
{
	if (symlinkat("../somewhere/else", t->dir_fd, name) < 0)
		return failed("symlink", name);
	return 0;
}

int create_links(const struct args *a, uint64_t *ns)
{
	struct tree t;
	int r = tree_from_args(a, &t);

	if (r < 0)
		return r;

	*ns = now_ns();
	r = make_each(&t, "l", make_link);
	*ns = now_ns() - *ns;
	return r;
}

static int remove_file(int dir_fd, const char *name)
{
	return unlinkat(dir_fd, name, 0) < 0 ? failed("unlink", name) : 0;
}

static int append_file(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd < 0)
		return failed("open", name);
	return close_checked(fd, write_whole(fd, 100, name), name);
}

static int open_close(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? failed("open", name) : close_checked(fd, 0, name);
}

static int stat_file(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0
		       ? failed("stat", name)
		       : 0;
}

static int stat_missing(int dir_fd, const char *name)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno == ENOENT)
		return 0;
	return failed("not missing", name);
}

static int read_link(int dir_fd, const char *name)
{
	char target[PATH_MAX];

	return readlinkat(dir_fd, name, target, sizeof(target)) < 0
		       ? failed("readlink", name)
		       : 0;
}

static int visit_each(int dir_fd, uint64_t count, const char *prefix,
		      int (*visit)(int dir_fd, const char *name))
{
	char name[NAME_SIZE];
	int r = 0;

	for (uint64_t i = 0; i < count && r >= 0; i++) {
		file_name(name, prefix, i, 100);
		r = visit(dir_fd, name);
	}
	return r;
}

/* timed_visit() - arguments DIR COUNT [PASSES]; @warm: one more, untimed, first
 */
static int timed_visit(const struct args *a, uint64_t *ns, const char *prefix,
		       bool warm, int (*visit)(int dir_fd, const char *name))
{
	uint64_t count = arg_num(a, 1, 0), passes = arg_num(a, 2, 1);
	int dir_fd = open_dir(a->v[0]);
	int r = dir_fd < 0 ? dir_fd : 0;

	if (warm && r >= 0)
		r = visit_each(dir_fd, count, prefix, visit);

	*ns = now_ns();
	while (passes-- && r >= 0)
		r = visit_each(dir_fd, count, prefix, visit);
	*ns = now_ns() - *ns;
	return r;
}

int append_each(const struct args *a, uint64_t *ns)
{
	return timed_visit(a, ns, "f", false, append_file);
}

static int unlink_each(const struct args *a, uint64_t *ns)
{
	return timed_visit(a, ns, "f", false, remove_file);
}

int open_close_each(const struct args *a, uint64_t *ns)
{
	return timed_visit(a, ns, "f", true, open_close);
}

int stat_each(const struct args *a, uint64_t *ns)
{
	return timed_visit(a, ns, "f", true, stat_file);
}

int missing_each(const struct args *a, uint64_t *ns)
{
	return timed_visit(a, ns, "gone", true, stat_missing);
}

int readlink_each(const struct args *a, uint64_t *ns)
{
	return timed_visit(a, ns, "l", true, read_link);
}

int create_unlink(const struct args *a, uint64_t *ns)
{
	uint64_t more;
	int r = create(a, ns);

	if (r < 0)
		return r;

	r = unlink_each(&(struct args){ 2, a->v }, &more);
	*ns += more;
	return r;
}

struct creator {
	pthread_t thread;
	struct tree tree;
	char dir[NAME_SIZE];
	int result;
};

static void *create_in_thread(void *arg)
{
	struct creator *c = arg;

	c->result = make_each(&c->tree, "f", make_file);
	return NULL;
}

static int start_creator(struct creator *c, const struct args *a, uint64_t i)
{
	uint64_t threads = arg_num(a, 2, 8);
	int top_fd = open_dir(a->v[0]);

	if (top_fd < 0)
		return top_fd;

	snprintf(c->dir, sizeof(c->dir), "t%u", (unsigned)i);
	if (mkdirat(top_fd, c->dir, 0755) < 0)
		return failed("mkdir", c->dir);

	c->tree = (struct tree){
		.dir_fd = openat(top_fd, c->dir, O_RDONLY | O_DIRECTORY),
		.end = arg_num(a, 1, 0) / threads,
		.per_dir = 100,
		.bytes = 100,
		.step = 1,
	};
	if (c->tree.dir_fd < 0)
		return failed("open", c->dir);

	errno = pthread_create(&c->thread, NULL, create_in_thread, c);
	return errno ? failed("start thread", c->dir) : 0;
}

int create_threads(const struct args *a, uint64_t *ns)
{
	struct creator creators[64] = { 0 };
	uint64_t n = arg_num(a, 2, 8), started;
	int r = 0;

	if (n > 64)
		n = 64;

	*ns = now_ns();
	for (started = 0; started < n && r >= 0; started++)
		r = start_creator(&creators[started], a, started);
	if (r < 0)
		return r;

	for (uint64_t i = 0; i < started; i++) {
		pthread_join(creators[i].thread, NULL);
		if (creators[i].result < 0)
			r = creators[i].result;
	}
	*ns = now_ns() - *ns;
	return r;
}
