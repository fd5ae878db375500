/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/lib/coherence - every byte read is the byte last written
 *
 *	coherence [-k|-l] FILE MODEL THREADS ROUNDS SEED
 *
 * FILE comes from a lower layer. Descriptors and maps of it are opened for
 * reading first; then THREADS threads read, write, map, evict pages and open it
 * anew, write and read past the cache, punch holes and copy within it, ROUNDS times
 * each, in a random order. A lock for each page and a model
 * of the file in memory make every read exact: one wrong byte ends the run.
 * The kernel's page cache is evicted all the time, so that pages are refilled
 * through descriptors that are older than the copy-up. What the file must hold
 * in the end is written to MODEL.
 *
 * With -k maps made before the copy-up are left out: kernel overlay, which
 * documents that they go stale, passes then. With -l descriptors of that age are
 * left out as well, for they go on reading the lower file with data=all.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

#define PAGE	    4096
#define MAX_PAGES   1024
#define MAX_THREADS 64
#define RECORD	    8	/* bytes of one write: far less than a page */

struct state {
	const char *path;
	size_t pages;
	long rounds;
	bool skip_old_map, skip_old_fd;
	int old_fd;		/* opened before anything was written */
	const char *old_map;
	pthread_mutex_t page_lock[MAX_PAGES];
	char model[MAX_PAGES * PAGE];
};

struct worker {
	struct state *s;
	uint64_t rng;
	int rw_fd;		/* opened by this thread: the first one copies up */
	int direct_fd;		/* O_DIRECT; -1 where that cannot be */
	char *rw_map;
	pthread_t thread;
};

static uint64_t next(struct worker *w)
{
	w->rng ^= w->rng << 13;
	w->rng ^= w->rng >> 7;
	w->rng ^= w->rng << 17;
	return w->rng;
}

static void die(const char *what)
{
	fprintf(stderr, "coherence: %s: %m\n", what);
	exit(EXIT_FAILURE);
}

static void compare(const struct state *s, size_t page, const char *got, const char *how)
{
	const char *want = s->model + page * PAGE;
	size_t i;

	if (memcmp(got, want, PAGE) == 0)
		return;
	for (i = 0; got[i] == want[i]; i++)
		;
	fprintf(stderr, "coherence: page %zu, byte %zu, read %s: %#x instead of %#x\n",
		page, i, how, (unsigned char)got[i], (unsigned char)want[i]);
	exit(EXIT_FAILURE);
}

static void read_through(const struct state *s, int fd, size_t page, const char *how)
{
	char buf[PAGE];

	if (pread(fd, buf, PAGE, (off_t)(page * PAGE)) != PAGE)
		die(how);
	compare(s, page, buf, how);
}

static void read_old(struct worker *w, size_t page)
{
	if (!w->s->skip_old_fd)
		read_through(w->s, w->s->old_fd, page,
			     "through a descriptor older than the copy-up");
}

static void read_old_map(struct worker *w, size_t page)
{
	if (!w->s->skip_old_map)
		compare(w->s, page, w->s->old_map + page * PAGE,
			"in a map older than the copy-up");
}

static void read_rw(struct worker *w, size_t page)
{
	read_through(w->s, w->rw_fd, page, "through a descriptor for writing");
}

static void read_new(struct worker *w, size_t page)
{
	cleanup_fd int fd = open(w->s->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("open to read");
	read_through(w->s, fd, page, "through a new descriptor");
}

static void fill_record(struct worker *w, char *record)
{
	uint64_t value = next(w);

	memcpy(record, &value, RECORD);
}

static void write_record(struct worker *w, size_t page)
{
	size_t at = page * PAGE + next(w) % (PAGE - RECORD);

	fill_record(w, w->s->model + at);
	if (pwrite(w->rw_fd, w->s->model + at, RECORD, (off_t)at) != RECORD)
		die("pwrite");
}

static void write_map(struct worker *w, size_t page)
{
	size_t at = page * PAGE + next(w) % (PAGE - RECORD);

	fill_record(w, w->s->model + at);
	memcpy(w->rw_map + at, w->s->model + at, RECORD);
}

static void write_new(struct worker *w, size_t page)
{
	cleanup_fd int fd = open(w->s->path, O_WRONLY | O_CLOEXEC);
	size_t at = page * PAGE + next(w) % (PAGE - RECORD);

	if (fd < 0)
		die("open to write");
	fill_record(w, w->s->model + at);
	if (pwrite(fd, w->s->model + at, RECORD, (off_t)at) != RECORD || close(take_fd(&fd)) < 0)
		die("write by a new descriptor");
}

/* --- past the cache, and by the kernel alone --- */

static void read_direct(struct worker *w, size_t page)
{
	_Alignas(PAGE) char buf[PAGE];

	if (w->direct_fd < 0)
		return;
	if (pread(w->direct_fd, buf, PAGE, (off_t)(page * PAGE)) != PAGE)
		die("read past the cache");
	compare(w->s, page, buf, "past the cache");
}

static void write_direct(struct worker *w, size_t page)
{
	_Alignas(PAGE) char buf[PAGE];
	size_t i;

	if (w->direct_fd < 0)
		return;
	for (i = 0; i < PAGE; i += RECORD)
		fill_record(w, buf + i);
	memcpy(w->s->model + page * PAGE, buf, PAGE);
	if (pwrite(w->direct_fd, buf, PAGE, (off_t)(page * PAGE)) != PAGE)
		die("write past the cache");
}

static void punch(struct worker *w, size_t page)
{
	memset(w->s->model + page * PAGE, 0, PAGE);
	if (fallocate(w->rw_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)(page * PAGE), PAGE) < 0)
		die("punch a hole");
}

/* From the page before, which is locked after this one: so only if it is free. */
static void copy_page(struct worker *w, size_t page)
{
	off_t from = (off_t)(page * PAGE) - PAGE, to = (off_t)(page * PAGE);

	if (page == 0 || pthread_mutex_trylock(&w->s->page_lock[page - 1]) != 0)
		return;
	memcpy(w->s->model + to, w->s->model + from, PAGE);
	if (copy_file_range(w->rw_fd, &from, w->rw_fd, &to, PAGE, 0) != PAGE)
		die("copy a page");
	pthread_mutex_unlock(&w->s->page_lock[page - 1]);
}

/* What is written to a private map is not the file's. */
static void scribble(struct worker *w, size_t page)
{
	char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, w->rw_fd,
			 (off_t)(page * PAGE));

	if (map == MAP_FAILED)
		die("map privately");
	compare(w->s, page, map, "in a private map");
	memset(map, 0xee, PAGE);
	munmap(map, PAGE);
	read_rw(w, page);
}

static void evict(struct worker *w, size_t page)
{
	off_t at = (off_t)(page * PAGE);

	/* A dirty page stays. What it is to be written to need not reach the disk. */
	if (next(w) % 8 == 0) {
		if (fdatasync(w->rw_fd) < 0)
			die("fdatasync");
	} else if (sync_file_range(w->rw_fd, at, PAGE,
				   SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
					   SYNC_FILE_RANGE_WAIT_AFTER) < 0) {
		die("sync_file_range");
	}
	madvise((void *)(uintptr_t)(w->s->old_map + at), PAGE, MADV_DONTNEED);
	madvise(w->rw_map + at, PAGE, MADV_DONTNEED);
	posix_fadvise(w->s->old_fd, at, PAGE, POSIX_FADV_DONTNEED);
	posix_fadvise(w->rw_fd, at, PAGE, POSIX_FADV_DONTNEED);
}

/* The metadata changes, too: it may be what copies up. */
static void change_mode(struct worker *w, size_t page)
{
	if (chmod(w->s->path, page % 2 ? 0644 : 0664) < 0)
		die("chmod");
}

static const struct {
	unsigned weight;
	void (*run)(struct worker *w, size_t page);
} actions[] = {
	{ 8, read_old },
	{ 4, read_old_map },
	{ 3, read_rw },
	{ 3, read_new },
	{ 6, write_record },
	{ 3, write_map },
	{ 2, write_new },
	{ 4, evict },
	{ 1, change_mode },
	{ 2, read_direct },
	{ 1, write_direct },
	{ 1, punch },
	{ 2, copy_page },
	{ 1, scribble },
};

static unsigned total_weight(void)
{
	unsigned total = 0;
	size_t i;

	for (i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		total += actions[i].weight;
	return total;
}

static void act(struct worker *w)
{
	size_t page = next(w) % w->s->pages, i;
	unsigned at = (unsigned)(next(w) % total_weight());

	for (i = 0; at >= actions[i].weight; i++)
		at -= actions[i].weight;
	pthread_mutex_lock(&w->s->page_lock[page]);
	actions[i].run(w, page);
	pthread_mutex_unlock(&w->s->page_lock[page]);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	long i;

	for (i = 0; i < w->s->rounds; i++)
		act(w);
	return NULL;
}

static void open_old(struct state *s)
{
	struct stat st;

	s->old_fd = open(s->path, O_RDONLY | O_CLOEXEC);
	if (s->old_fd < 0 || fstat(s->old_fd, &st) < 0)
		die(s->path);
	s->pages = (size_t)st.st_size / PAGE;
	if (s->pages == 0 || s->pages > MAX_PAGES) {
		fprintf(stderr, "coherence: '%s' must have 1 to %d pages\n", s->path,
			MAX_PAGES);
		exit(EXIT_FAILURE);
	}
	s->old_map = mmap(NULL, s->pages * PAGE, PROT_READ, MAP_SHARED, s->old_fd, 0);
	if (s->old_map == MAP_FAILED)
		die("mmap to read");
	if (pread(s->old_fd, s->model, s->pages * PAGE, 0) != (ssize_t)(s->pages * PAGE))
		die("read at the beginning");
}

static void open_rw(struct worker *w)
{
	w->rw_fd = open(w->s->path, O_RDWR | O_CLOEXEC);
	if (w->rw_fd < 0)
		die("open to read and write");
	w->rw_map = mmap(NULL, w->s->pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			 w->rw_fd, 0);
	if (w->rw_map == MAP_FAILED)
		die("mmap to write");
	w->direct_fd = open(w->s->path, O_RDWR | O_DIRECT | O_CLOEXEC);
}

static void check_all(struct worker *w)
{
	size_t page;

	if (fsync(w->rw_fd) < 0)
		die("fsync");
	for (page = 0; page < w->s->pages; page++) {
		read_old(w, page);
		read_old_map(w, page);
		evict(w, page);
		read_old(w, page);
		read_new(w, page);
	}
}

static void write_model(const struct state *s, const char *path)
{
	FILE *out = fopen(path, "we");

	if (!out || fwrite(s->model, PAGE, s->pages, out) != s->pages || fclose(out) != 0)
		die(path);
}

int main(int argc, char *argv[])
{
	static struct worker workers[MAX_THREADS];
	static struct state s;
	long threads, i;
	int option;

	option = getopt(argc, argv, "kl");
	s.skip_old_map = option == 'k' || option == 'l';
	s.skip_old_fd = option == 'l';
	argv += optind;
	if (argc - optind != 5 || (threads = atol(argv[2])) < 1 || threads > MAX_THREADS) {
		fprintf(stderr, "usage: coherence [-k|-l] FILE MODEL THREADS ROUNDS SEED\n");
		return 2;
	}
	s.path = argv[0];
	s.rounds = atol(argv[3]);
	for (i = 0; i < MAX_PAGES; i++)
		pthread_mutex_init(&s.page_lock[i], NULL);
	open_old(&s);
	for (i = 0; i < threads; i++) {
		workers[i].s = &s;
		workers[i].rng = strtoull(argv[4], NULL, 0) * 64 + (uint64_t)i + 1;
		open_rw(&workers[i]);
	}
	for (i = 0; i < threads; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			die("pthread_create");
	for (i = 0; i < threads; i++)
		pthread_join(workers[i].thread, NULL);
	check_all(&workers[0]);
	write_model(&s, argv[1]);
	return EXIT_SUCCESS;
}
