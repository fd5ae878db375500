/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/lib/churn - many threads change one tree, and no name gets lost
 *
 *	churn DIRECTORY THREADS OPERATIONS SEED
 *
 * DIRECTORY holds d0 to d3. Each thread makes, moves, replaces and deletes
 * files of its own names in these shared directories, and moves a directory of
 * its own among them; it knows at any time what must be there. Another thread
 * walks the whole tree meanwhile. In the end the tree must hold exactly what
 * the threads say; its names are printed, sorted, for a look after a remount.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

#define DIRS	    4
#define NAMES	    16	/* of one thread in one directory */
#define MAX_THREADS 64
#define PATH_SIZE   64

struct worker {
	unsigned number;
	uint64_t rng;
	long operations;
	bool there[DIRS][NAMES];
	unsigned home;		/* which directory holds this thread's own */
	pthread_t thread;
};

static atomic_bool done;

static uint64_t next(struct worker *w)
{
	w->rng ^= w->rng << 13;
	w->rng ^= w->rng >> 7;
	w->rng ^= w->rng << 17;
	return w->rng;
}

static void wrong(const char *what, const char *path)
{
	fprintf(stderr, "churn: %s '%s': %m\n", what, path);
	exit(EXIT_FAILURE);
}

static const char *name_of(const struct worker *w, unsigned dir, unsigned name, char *buf)
{
	snprintf(buf, PATH_SIZE, "d%u/t%u-%u", dir, w->number, name);
	return buf;
}

static void make(struct worker *w, unsigned dir, unsigned name)
{
	char path[PATH_SIZE];
	int fd = open(name_of(w, dir, name, path), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

	if (fd < 0 || close(fd) < 0)
		wrong("create", path);
	w->there[dir][name] = true;
}

static void remove_file(struct worker *w, unsigned dir, unsigned name)
{
	char path[PATH_SIZE];

	if (unlink(name_of(w, dir, name, path)) < 0)
		wrong("unlink", path);
	w->there[dir][name] = false;
}

static void move(struct worker *w, unsigned dir, unsigned name)
{
	unsigned to_dir = (unsigned)(next(w) % DIRS), to_name = (unsigned)(next(w) % NAMES);
	char from[PATH_SIZE], to[PATH_SIZE];

	if (dir == to_dir && name == to_name)
		return;
	if (rename(name_of(w, dir, name, from), name_of(w, to_dir, to_name, to)) < 0)
		wrong("rename", from);
	w->there[dir][name] = false;
	w->there[to_dir][to_name] = true;
}

static void move_home(struct worker *w)
{
	unsigned to_dir = (unsigned)(next(w) % DIRS);
	char from[PATH_SIZE], to[PATH_SIZE];

	snprintf(from, sizeof(from), "d%u/home%u", w->home, w->number);
	snprintf(to, sizeof(to), "d%u/home%u", to_dir, w->number);
	if (rename(from, to) < 0)
		wrong("rename the directory", from);
	w->home = to_dir;
}

static void check(struct worker *w, unsigned dir, unsigned name)
{
	char path[PATH_SIZE];
	struct stat st;
	bool there = lstat(name_of(w, dir, name, path), &st) == 0;

	if (!there && errno != ENOENT)
		wrong("stat", path);
	if (there == w->there[dir][name])
		return;
	fprintf(stderr, "churn: '%s' is %s\n", path, there ? "back" : "lost");
	exit(EXIT_FAILURE);
}

static void act(struct worker *w)
{
	unsigned dir = (unsigned)(next(w) % DIRS), name = (unsigned)(next(w) % NAMES);
	unsigned what = (unsigned)(next(w) % 8);

	check(w, dir, name);
	if (!w->there[dir][name])
		make(w, dir, name);
	else if (what < 3)
		remove_file(w, dir, name);
	else
		move(w, dir, name);
	if (what == 7)
		move_home(w);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	long i;

	for (i = 0; i < w->operations; i++)
		act(w);
	return NULL;
}

/* A walker may miss or find what moves, but it must get along. */
static int glance(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return 0;
}

static void *walk(void *arg)
{
	while (!atomic_load(&done))
		if (nftw(".", glance, 64, FTW_PHYS) < 0 && errno != ENOENT)
			wrong("walk", ".");
	return NULL;
}

static void begin(struct worker *w)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "d%u/home%u", w->home, w->number);
	if (mkdir(path, 0755) < 0)
		wrong("mkdir", path);
}

static bool expected(const struct worker *workers, long threads, unsigned dir, const char *name)
{
	unsigned thread, number;

	if (sscanf(name, "home%u", &thread) == 1)
		return thread < threads && workers[thread].home == dir;
	if (sscanf(name, "t%u-%u", &thread, &number) == 2)
		return thread < threads && number < NAMES && workers[thread].there[dir][number];
	return true;		/* it was there before */
}

static int not_dots(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static unsigned check_dir(const struct worker *workers, long threads, unsigned dir)
{
	struct dirent **entries;
	char path[PATH_SIZE];
	unsigned found = 0;
	int n, i;

	snprintf(path, sizeof(path), "d%u", dir);
	n = scandir(path, &entries, not_dots, alphasort);
	if (n < 0)
		wrong("read", path);
	for (i = 0; i < n; i++) {
		if (!expected(workers, threads, dir, entries[i]->d_name)) {
			fprintf(stderr, "churn: 'd%u/%s' should not be there\n", dir,
				entries[i]->d_name);
			exit(EXIT_FAILURE);
		}
		found += entries[i]->d_name[0] == 't' || entries[i]->d_name[0] == 'h';
		printf("d%u/%s\n", dir, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return found;
}

/* Everything that is there is expected, and it is as many as expected. */
static void check_tree(const struct worker *workers, long threads)
{
	unsigned want = (unsigned)threads, found = 0, dir, name;
	long i;

	for (i = 0; i < threads; i++)
		for (dir = 0; dir < DIRS; dir++)
			for (name = 0; name < NAMES; name++)
				want += workers[i].there[dir][name];
	for (dir = 0; dir < DIRS; dir++)
		found += check_dir(workers, threads, dir);
	if (found == want)
		return;
	fprintf(stderr, "churn: %u names are there instead of %u\n", found, want);
	exit(EXIT_FAILURE);
}

int main(int argc, char *argv[])
{
	static struct worker workers[MAX_THREADS];
	pthread_t walker;
	long threads, i;

	if (argc != 5 || (threads = atol(argv[2])) < 1 || threads > MAX_THREADS) {
		fprintf(stderr, "usage: churn DIRECTORY THREADS OPERATIONS SEED\n");
		return 2;
	}
	if (chdir(argv[1]) < 0)
		wrong("enter", argv[1]);
	for (i = 0; i < threads; i++) {
		workers[i].number = (unsigned)i;
		workers[i].operations = atol(argv[3]);
		workers[i].rng = strtoull(argv[4], NULL, 0) * 64 + (uint64_t)i + 1;
		workers[i].home = (unsigned)i % DIRS;
		begin(&workers[i]);
	}
	if (pthread_create(&walker, NULL, walk, NULL) != 0)
		wrong("start the walker", "");
	for (i = 0; i < threads; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			wrong("start a thread", "");
	for (i = 0; i < threads; i++)
		pthread_join(workers[i].thread, NULL);
	atomic_store(&done, true);
	pthread_join(walker, NULL);
	check_tree(workers, threads);
	return EXIT_SUCCESS;
}
