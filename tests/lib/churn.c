/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/lib/churn - many threads change one tree, and no name gets lost
 *
 *	churn [--seconds N] [--filled] DIRECTORY THREADS OPERATIONS SEED
 *	churn --fill DIRECTORY THREADS
 *
 * DIRECTORY holds d0 to d3. Each thread makes, moves, replaces, deletes, writes, maps
 * and truncates files of its own names in these shared directories, moves a directory
 * of its own among them, and executes programs; it knows at any time what must be there,
 * and what in it. Another thread walks the whole tree meanwhile. In the end the tree must
 * hold exactly what the threads say; its names are printed, sorted, for a look after a
 * remount, and how much was done to stderr. With --seconds that is the end, instead of
 * OPERATIONS of each thread. --fill makes half of the files beforehand, for a lower layer
 * that --filled reckons with; dN/program is executed if it is there.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/churn_file.h"

#define DIRS	    4
#define NAMES	    16	/* of one thread in one directory */
#define MAX_THREADS 64
#define PATH_SIZE   64

struct worker {
	unsigned number;
	uint64_t rng;
	long operations, done;
	time_t until;		/* of CLOCK_MONOTONIC; 0: it does not matter */
	struct churn_file files[DIRS][NAMES];
	bool has_programs;
	unsigned home;		/* which directory holds this thread's own */
	pthread_t thread;
};

static atomic_bool done;

static uint64_t next(struct worker *w)
{
	return churn_random(&w->rng);
}

static const char *name_of(const struct worker *w, unsigned dir, unsigned name, char *buf)
{
	snprintf(buf, PATH_SIZE, "d%u/t%u-%u", dir, w->number, name);
	return buf;
}

static void make(struct worker *w, unsigned dir, unsigned name)
{
	struct churn_file *f = &w->files[dir][name];
	char path[PATH_SIZE];

	churn_file_shape(f, &w->rng);
	churn_file_make(f, name_of(w, dir, name, path));
}

static void remove_file(struct worker *w, unsigned dir, unsigned name)
{
	char path[PATH_SIZE];

	if (unlink(name_of(w, dir, name, path)) < 0)
		churn_wrong("unlink", path);
	w->files[dir][name].is_there = false;
}

static void move(struct worker *w, unsigned dir, unsigned name)
{
	unsigned to_dir = (unsigned)(next(w) % DIRS), to_name = (unsigned)(next(w) % NAMES);
	struct churn_file *old = &w->files[dir][name], *new = &w->files[to_dir][to_name];
	struct churn_file moved = *old;
	char from[PATH_SIZE], to[PATH_SIZE];

	if (old == new)
		return;
	if (rename(name_of(w, dir, name, from), name_of(w, to_dir, to_name, to)) < 0)
		churn_wrong("rename", from);
	*old = (struct churn_file){ .data = new->data };
	*new = moved;
}

static void move_home(struct worker *w)
{
	unsigned to_dir = (unsigned)(next(w) % DIRS);
	char from[PATH_SIZE], to[PATH_SIZE];

	snprintf(from, sizeof(from), "d%u/home%u", w->home, w->number);
	snprintf(to, sizeof(to), "d%u/home%u", to_dir, w->number);
	if (rename(from, to) < 0)
		churn_wrong("rename the directory", from);
	w->home = to_dir;
}

static void check(struct worker *w, unsigned dir, unsigned name)
{
	const struct churn_file *f = &w->files[dir][name];
	char path[PATH_SIZE];
	struct stat st;
	bool there = lstat(name_of(w, dir, name, path), &st) == 0;

	if (!there && errno != ENOENT)
		churn_wrong("stat", path);
	if (there != f->is_there) {
		fprintf(stderr, "churn: '%s' is %s\n", path, there ? "back" : "lost");
		exit(EXIT_FAILURE);
	}
	if (!there)
		return;
	if ((size_t)st.st_size != f->size) {
		fprintf(stderr, "churn: '%s' has %jd bytes, not %zu\n", path,
			(intmax_t)st.st_size, f->size);
		exit(EXIT_FAILURE);
	}
	if (next(w) % 4 == 0)
		churn_file_check(f, path);
}

static void run(struct worker *w, unsigned dir)
{
	char path[PATH_SIZE];

	if (w->has_programs && next(w) % 2)
		snprintf(path, sizeof(path), "d%u/program", dir);
	else
		snprintf(path, sizeof(path), "d%u/home%u/program", w->home, w->number);
	churn_run(path, &w->rng);
}

static void act(struct worker *w)
{
	unsigned dir = (unsigned)(next(w) % DIRS), name = (unsigned)(next(w) % NAMES);
	unsigned what = (unsigned)(next(w) % 16);
	struct churn_file *f = &w->files[dir][name];
	char path[PATH_SIZE];

	check(w, dir, name);
	name_of(w, dir, name, path);
	if (!f->is_there)
		make(w, dir, name);
	else if (what < 4)
		remove_file(w, dir, name);
	else if (what < 8)
		move(w, dir, name);
	else if (what < 10)
		churn_file_write(f, path, &w->rng);
	else if (what < 12)
		churn_file_map(f, path, &w->rng);
	else if (what < 14)
		churn_file_truncate(f, path, &w->rng);
	else if (what == 14)
		move_home(w);
	else
		run(w, dir);
}

static bool is_over(const struct worker *w)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return w->done >= w->operations || (w->until && now.tv_sec >= w->until);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (; !is_over(w); w->done++)
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
			churn_wrong("walk", ".");
	return NULL;
}

static void begin(struct worker *w)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "d%u/home%u", w->home, w->number);
	if (mkdir(path, 0755) < 0)
		churn_wrong("mkdir", path);
	strcat(path, "/program");
	churn_copy_program(path);
	w->has_programs = access("d0/program", X_OK) == 0;
}

/* What --fill makes; then the sequence of numbers is this thread's own. */
static void shape_half(struct worker *w, bool on_disk)
{
	uint64_t state = w->number + 1;
	char path[PATH_SIZE];

	for (unsigned dir = 0; dir < DIRS; dir++) {
		for (unsigned name = 0; name < NAMES; name += 2) {
			struct churn_file *f = &w->files[dir][name];

			churn_file_shape(f, &state);
			if (on_disk)
				churn_file_make(f, name_of(w, dir, name, path));
			f->is_there = true;
		}
	}
}

static bool expected(const struct worker *workers, long threads, unsigned dir, const char *name)
{
	unsigned thread, number;

	if (sscanf(name, "home%u", &thread) == 1)
		return thread < threads && workers[thread].home == dir;
	if (sscanf(name, "t%u-%u", &thread, &number) == 2)
		return thread < threads && number < NAMES && workers[thread].files[dir][number].is_there;
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
		churn_wrong("read", path);
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

static unsigned check_files(const struct worker *w)
{
	unsigned count = 0;
	char path[PATH_SIZE];

	for (unsigned dir = 0; dir < DIRS; dir++) {
		for (unsigned name = 0; name < NAMES; name++) {
			if (!w->files[dir][name].is_there)
				continue;
			churn_file_check(&w->files[dir][name], name_of(w, dir, name, path));
			count++;
		}
	}
	return count;
}

/* Everything that is there is expected, and it is as many as expected. */
static void check_tree(const struct worker *workers, long threads)
{
	unsigned want = (unsigned)threads, found = 0, dir;
	long i;

	for (i = 0; i < threads; i++)
		want += check_files(&workers[i]);
	for (dir = 0; dir < DIRS; dir++)
		found += check_dir(workers, threads, dir);
	if (found == want)
		return;
	fprintf(stderr, "churn: %u names are there instead of %u\n", found, want);
	exit(EXIT_FAILURE);
}

static void churn(struct worker *workers, long threads)
{
	pthread_t walker;
	long i, operations = 0;

	if (pthread_create(&walker, NULL, walk, NULL) != 0)
		churn_wrong("start the walker", "");
	for (i = 0; i < threads; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			churn_wrong("start a thread", "");
	for (i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		operations += workers[i].done;
	}
	atomic_store(&done, true);
	pthread_join(walker, NULL);
	check_tree(workers, threads);
	fprintf(stderr, "%ld operations\n", operations);
}

struct options {
	bool fill, filled;
	long seconds;
};

/* Return: how many words are left; 0 if it is called wrongly. */
static int parse(int argc, char *argv[], struct options *o)
{
	static const struct option names[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "filled", no_argument, NULL, 'r' },
		{ "fill", no_argument, NULL, 'f' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (c == 's' && atol(optarg) > 0)
			o->seconds = atol(optarg);
		else if (c == 'r')
			o->filled = true;
		else if (c == 'f')
			o->fill = true;
		else
			return 0;
	}
	return argc - optind == (o->fill ? 2 : 4) ? argc - optind : 0;
}

static time_t end_of(long seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return seconds ? now.tv_sec + seconds : 0;
}

int main(int argc, char *argv[])
{
	static struct worker workers[MAX_THREADS];
	struct options o = { 0 };
	char **args = argv;
	long threads, i;

	if (!parse(argc, argv, &o) || (args = argv + optind, threads = atol(args[1])) < 1 ||
	    threads > MAX_THREADS) {
		fprintf(stderr, "usage: churn [--seconds N] [--filled] DIRECTORY THREADS OPERATIONS SEED\n"
				"       churn --fill DIRECTORY THREADS\n");
		return 2;
	}
	if (chdir(args[0]) < 0)
		churn_wrong("enter", args[0]);
	for (i = 0; i < threads; i++) {
		struct worker *w = &workers[i];

		w->number = (unsigned)i;
		if (o.fill || o.filled)
			shape_half(w, o.fill);
		if (o.fill)
			continue;
		w->operations = o.seconds ? LONG_MAX : atol(args[2]);
		w->rng = strtoull(args[3], NULL, 0) * 64 + (uint64_t)i + 1;
		w->home = (unsigned)i % DIRS;
		w->until = end_of(o.seconds);
		begin(w);
	}
	if (!o.fill)
		churn(workers, threads);
	return EXIT_SUCCESS;
}
