/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/lib/churn_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"

#define PROGRAM "/usr/bin/test"

void churn_wrong(const char *what, const char *path)
{
	fprintf(stderr, "churn: %s '%s': %m\n", what, path);
	exit(EXIT_FAILURE);
}

uint64_t churn_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void fill(unsigned char *at, size_t bytes, uint64_t *state)
{
	uint64_t bits = churn_random(state);

	for (size_t i = 0; i < bytes; i++, bits = bits * 6364136223846793005u + 1)
		at[i] = (unsigned char)(bits >> 56);
}

void churn_file_shape(struct churn_file *f, uint64_t *state)
{
	if (!f->data)
		f->data = calloc(1, CHURN_FILE_MAX);
	if (!f->data)
		churn_wrong("no memory for", "a file");
	f->size = churn_random(state) % CHURN_FILE_MAX;
	fill(f->data, f->size, state);
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);

	if (fd < 0)
		churn_wrong("open", path);
	return fd;
}

static void put(int fd, const unsigned char *data, size_t bytes, size_t at, const char *path)
{
	if (pwrite(fd, data, bytes, (off_t)at) != (ssize_t)bytes)
		churn_wrong("write", path);
}

void churn_file_make(struct churn_file *f, const char *path)
{
	int fd = open_file(path, O_CREAT | O_EXCL | O_WRONLY);

	put(fd, f->data, f->size, 0, path);
	if (close(fd) < 0)
		churn_wrong("close", path);
	f->is_there = true;
}

void churn_file_write(struct churn_file *f, const char *path, uint64_t *state)
{
	size_t at = churn_random(state) % (f->size + 1);
	size_t bytes = churn_random(state) % (CHURN_FILE_MAX - at);
	int fd = open_file(path, O_WRONLY);

	fill(f->data + at, bytes, state);
	put(fd, f->data + at, bytes, at, path);
	if (close(fd) < 0)
		churn_wrong("close", path);
	if (at + bytes > f->size)
		f->size = at + bytes;
}

void churn_file_map(struct churn_file *f, const char *path, uint64_t *state)
{
	cleanup_fd int fd = -1;
	unsigned char *map;
	size_t at, bytes;

	if (f->size == 0)
		return;
	at = churn_random(state) % f->size;
	bytes = churn_random(state) % (f->size - at + 1);
	fd = open_file(path, O_RDWR);
	map = mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		churn_wrong("map", path);
	fill(f->data + at, bytes, state);
	memcpy(map + at, f->data + at, bytes);
	if (memcmp(map, f->data, f->size) != 0) {
		errno = 0;
		churn_wrong("a map shows other bytes than were written to", path);
	}
	/* Else the pages are written when the kernel likes. */
	if (churn_random(state) % 2 && msync(map, f->size, MS_SYNC) < 0)
		churn_wrong("msync", path);
	if (munmap(map, f->size) < 0)
		churn_wrong("munmap", path);
}

void churn_file_truncate(struct churn_file *f, const char *path, uint64_t *state)
{
	size_t size = churn_random(state) % CHURN_FILE_MAX;

	if (truncate(path, (off_t)size) < 0)
		churn_wrong("truncate", path);
	if (size > f->size)
		memset(f->data + f->size, 0, size - f->size);
	f->size = size;
}

void churn_file_check(const struct churn_file *f, const char *path)
{
	unsigned char data[CHURN_FILE_MAX + 1];
	cleanup_fd int fd = open_file(path, O_RDONLY);
	ssize_t n = read(fd, data, sizeof(data));

	if (n < 0)
		churn_wrong("read", path);
	if ((size_t)n == f->size && memcmp(data, f->data, f->size) == 0)
		return;
	for (size_t i = 0; i < f->size && i < (size_t)n; i++) {
		if (data[i] == f->data[i])
			continue;
		fprintf(stderr, "churn: the first wrong byte is %zu\n", i);
		break;
	}
	fprintf(stderr, "churn: '%s' has %zd bytes, or others than its %zu\n", path, n,
		f->size);
	exit(EXIT_FAILURE);
}

void churn_run(const char *path, uint64_t *state)
{
	int wanted = churn_random(state) % 2;
	char same[] = "1", other[] = "2", name[] = "test", equals[] = "-eq";
	char *argv[] = { name, same, equals, wanted ? other : same, NULL };
	int status;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		execv(path, argv);
		_exit(127);
	}
	if (pid < 0)
		churn_wrong("fork for", path);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			churn_wrong("wait for", path);
	if (WIFEXITED(status) && WEXITSTATUS(status) == wanted)
		return;
	fprintf(stderr, "churn: '%s' ended with wait status %#x\n", path, status);
	exit(EXIT_FAILURE);
}

void churn_copy_program(const char *path)
{
	cleanup_fd int from = open_file(PROGRAM, O_RDONLY);
	cleanup_fd int to = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0755);
	char data[65536];
	ssize_t n;

	if (to < 0)
		churn_wrong("create", path);
	while ((n = read(from, data, sizeof(data))) > 0)
		if (write(to, data, (size_t)n) != n)
			churn_wrong("write", path);
	if (n < 0)
		churn_wrong("read", PROGRAM);
}
