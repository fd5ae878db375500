/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/work.c - workloads at the level of system calls, timed from inside
 *
 * One run does one workload and prints the nanoseconds that its timed part
 * took, so that neither fork nor exec nor the caller's own work blurs the
 * figure.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "work.h"

extern char **environ;

char block[BLOCK_SIZE];

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int failed(const char *what, const char *which)
{
	int err = errno ? errno : EIO;

	fprintf(stderr, "work: %s '%s': %s\n", what, which, strerror(err));
	return -err;
}

uint64_t arg_num(const struct args *a, int i, uint64_t otherwise)
{
	return i < a->n ? strtoull(a->v[i], NULL, 0) : otherwise;
}

int write_whole(int fd, size_t bytes, const char *name)
{
	ssize_t n = write(fd, block, bytes);

	if (n == (ssize_t)bytes)
		return 0;
	if (n >= 0)
		errno = EIO;
	return failed("write", name);
}

int close_checked(int fd, int r, const char *name)
{
	if (close(fd) < 0 && r >= 0)
		return failed("close", name);
	return r;
}

static int run_program(char *const *argv)
{
	int status;
	pid_t pid;

	errno = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (errno)
		return failed("run", argv[0]);
	if (waitpid(pid, &status, 0) < 0)
		return failed("wait for", argv[0]);
	if (status == 0)
		return 0;

	fprintf(stderr, "work: '%s' ended with status %d\n", argv[0],
		WIFEXITED(status) ? WEXITSTATUS(status)
				  : 128 + WTERMSIG(status));
	return -EIO;
}

static int exec_each(const struct args *a, uint64_t *ns)
{
	uint64_t count = arg_num(a, 0, 1);
	int r = 0;

	*ns = now_ns();
	while (count-- && r >= 0)
		r = run_program(a->v + 1);
	*ns = now_ns() - *ns;
	return r;
}

static int stat_file(const char *name)
{
	struct stat st;

	return stat(name, &st) < 0 ? failed("stat", name) : 0;
}

/* first_answer() - run a mount command, then stat FILE through the mount */
static int first_answer(const struct args *a, uint64_t *ns)
{
	int r;

	*ns = now_ns();
	r = run_program(a->v + 1);
	if (r >= 0)
		r = stat_file(a->v[0]);
	*ns = now_ns() - *ns;
	return r;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int open_read_close(const char *path, uint64_t *ns)
{
	ssize_t n;
	int fd;

	*ns = now_ns();
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return failed("open", path);
	n = read(fd, block, 8191);
	close(fd);
	*ns = now_ns() - *ns;
	return n < 0 ? failed("read", path) : 0;
}

/* latency() - FILE COUNT: median of open + one read + close */
static int latency(const struct args *a, uint64_t *ns)
{
	uint64_t count = arg_num(a, 1, 1000);
	uint64_t *all = calloc(count ? count : 1, sizeof(*all));
	int r = all && count ? 0 : failed("no memory for", a->v[0]);

	for (uint64_t i = 0; i < count && r >= 0; i++)
		r = open_read_close(a->v[0], &all[i]);
	if (r >= 0) {
		qsort(all, count, sizeof(*all), compare_u64);
		*ns = all[count / 2];
	}
	free(all);
	return r;
}

static const struct workload {
	const char *name, *usage;
	int min_args;
	int (*run)(const struct args *a, uint64_t *ns);
} workloads[] = {
	{ "create", "DIR COUNT [PER_DIR [BYTES [FIRST [STEP]]]]", 2, create },
	{ "create-links", "DIR COUNT [PER_DIR]", 2, create_links },
	{ "create-unlink", "DIR COUNT", 2, create_unlink },
	{ "create-threads", "DIR COUNT THREADS", 3, create_threads },
	{ "append-each", "DIR COUNT", 2, append_each },
	{ "open-close", "DIR COUNT PASSES", 2, open_close_each },
	{ "stat", "DIR COUNT PASSES", 2, stat_each },
	{ "missing", "DIR COUNT PASSES", 2, missing_each },
	{ "readlink", "DIR COUNT PASSES", 2, readlink_each },
	{ "seq-read", "FILE", 1, seq_read },
	{ "seq-write", "FILE BYTES", 2, seq_write },
	{ "mmap-read", "FILE", 1, mmap_read },
	{ "rand-read", "FILE COUNT", 2, rand_read },
	{ "rand-write", "FILE COUNT", 2, rand_write },
	{ "sync-append", "FILE COUNT", 2, sync_append },
	{ "first-write", "FILE", 1, first_write },
	{ "copy", "FILE NEW", 2, copy },
	{ "scratch", "FILE BYTES", 2, scratch },
	{ "read-tree", "DIR PROCESSES", 2, read_tree },
	{ "sweep", "DIR", 1, sweep },
	{ "exec", "COUNT COMMAND...", 2, exec_each },
	{ "first-answer", "FILE COMMAND...", 2, first_answer },
	{ "latency", "FILE COUNT", 1, latency },
};

#define WORKLOADS (sizeof(workloads) / sizeof(workloads[0]))

static int usage(void)
{
	fputs("Usage: work WORKLOAD ARGUMENT...\n", stderr);
	for (size_t i = 0; i < WORKLOADS; i++)
		fprintf(stderr, "  %s %s\n", workloads[i].name,
			workloads[i].usage);
	return 2;
}

int main(int argc, char **argv)
{
	const struct args a = { argc - 2, argv + 2 };
	uint64_t ns = 0;

	memset(block, 'x', sizeof(block));
	for (size_t i = 0; i < WORKLOADS && argc > 1; i++) {
		if (strcmp(workloads[i].name, argv[1]) != 0)
			continue;
		if (a.n < workloads[i].min_args)
			return usage();
		if (workloads[i].run(&a, &ns) < 0)
			return 1;
		printf("%llu\n", (unsigned long long)ns);
		return 0;
	}
	return usage();
}
