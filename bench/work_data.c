/* SPDX-License-Identifier: Apache-2.0 */
/* bench/work_data.c - workloads on the bytes of one file */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "work.h"

#define PAGE 4096

/* next_random() - xorshift: the same sequence in every run */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* open_file() - the file of the first argument and its size */
static int open_file(const struct args *a, int flags, uint64_t *ret_size)
{
	int fd = open(a->v[0], flags | O_CLOEXEC, 0644);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return failed("open", a->v[0]);
	*ret_size = (uint64_t)st.st_size;
	return fd;
}

static int read_file(int fd, uint64_t size, const char *name)
{
	uint64_t done = 0;
	ssize_t n;

	while ((n = read(fd, block, BLOCK_SIZE)) > 0)
		done += (uint64_t)n;
	if (n < 0 || done != size) {
		errno = n < 0 ? errno : EIO;
		return failed("read", name);
	}
	return 0;
}

int seq_read(const struct args *a, uint64_t *ns)
{
	uint64_t size;
	int fd, r;

	*ns = now_ns();
	fd = open_file(a, O_RDONLY, &size);
	if (fd < 0)
		return fd;
	r = close_checked(fd, read_file(fd, size, a->v[0]), a->v[0]);
	*ns = now_ns() - *ns;
	return r;
}

int seq_write(const struct args *a, uint64_t *ns)
{
	uint64_t bytes = arg_num(a, 1, 0), size;
	int fd, r = 0;

	*ns = now_ns();
	fd = open_file(a, O_WRONLY | O_CREAT | O_TRUNC, &size);
	if (fd < 0)
		return fd;
	for (uint64_t done = 0; done < bytes && r >= 0; done += BLOCK_SIZE)
		r = write_whole(fd, BLOCK_SIZE, a->v[0]);
	r = close_checked(fd, r, a->v[0]);
	*ns = now_ns() - *ns;
	return r;
}

int mmap_read(const struct args *a, uint64_t *ns)
{
	uint64_t size, sum = 0;
	const char *p;
	int fd;

	*ns = now_ns();
	fd = open_file(a, O_RDONLY, &size);
	if (fd < 0)
		return fd;
	p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return failed("mmap", a->v[0]);
	for (uint64_t at = 0; at < size; at += PAGE)
		sum += *(const volatile unsigned char *)(p + at);
	munmap((void *)p, size);
	close(fd);
	*ns = now_ns() - *ns;
	return sum == UINT64_MAX ? -EIO : 0; /* keeps the loop alive */
}

/* at_random() - COUNT (second argument) page-sized transfers all over a file */
static int at_random(const struct args *a, uint64_t *ns, int flags,
		     int (*transfer)(int fd, off_t at))
{
	uint64_t count = arg_num(a, 1, 0), size, random = 88172645463325252u;
	int fd = open_file(a, flags, &size), r = 0;

	if (fd < 0)
		return fd;
	if (size < PAGE) {
		errno = EINVAL;
		return failed("too small", a->v[0]);
	}

	*ns = now_ns();
	while (count-- && r >= 0)
		r = transfer(fd, (off_t)(next_random(&random) % (size / PAGE)) *
					 PAGE);
	r = close_checked(fd, r, a->v[0]);
	*ns = now_ns() - *ns;
	return r;
}

static int read_page(int fd, off_t at)
{
	return pread(fd, block, PAGE, at) == PAGE ? 0 : failed("read", "page");
}

static int write_page(int fd, off_t at)
{
	return pwrite(fd, block, PAGE, at) == PAGE ? 0
						   : failed("write", "page");
}

int rand_read(const struct args *a, uint64_t *ns)
{
	return at_random(a, ns, O_RDONLY, read_page);
}

int rand_write(const struct args *a, uint64_t *ns)
{
	return at_random(a, ns, O_RDWR, write_page);
}

int sync_append(const struct args *a, uint64_t *ns)
{
	uint64_t count = arg_num(a, 1, 0), size;
	int fd = open_file(a, O_WRONLY | O_CREAT | O_APPEND, &size), r = 0;

	if (fd < 0)
		return fd;

	*ns = now_ns();
	while (count-- && r >= 0) {
		r = write_whole(fd, PAGE, a->v[0]);
		if (r >= 0 && fdatasync(fd) < 0)
			r = failed("fdatasync", a->v[0]);
	}
	*ns = now_ns() - *ns;
	return close_checked(fd, r, a->v[0]);
}

/* first_write() - open for writing, change one byte, close: pays the copy-up */
int first_write(const struct args *a, uint64_t *ns)
{
	uint64_t size;
	int fd, r = 0;

	*ns = now_ns();
	fd = open_file(a, O_WRONLY, &size);
	if (fd < 0)
		return fd;
	if (pwrite(fd, "x", 1, 0) != 1)
		r = failed("write", a->v[0]);
	r = close_checked(fd, r, a->v[0]);
	*ns = now_ns() - *ns;
	return r;
}

/* copy() - what a copy-up is measured against: copy_file_range(2), whole file
 */
int copy(const struct args *a, uint64_t *ns)
{
	uint64_t size, done = 0;
	ssize_t n = 1;
	int from, to;

	*ns = now_ns();
	from = open_file(a, O_RDONLY, &size);
	if (from < 0)
		return from;
	to = open(a->v[1], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (to < 0)
		return failed("create", a->v[1]);
	while (done < size && n > 0) {
		n = copy_file_range(from, NULL, to, NULL, size - done, 0);
		done += n > 0 ? (uint64_t)n : 0;
	}
	*ns = now_ns() - *ns;
	return done == size ? close_checked(to, 0, a->v[1])
			    : failed("copy", a->v[0]);
}

/*
 * scratch() - FILE BYTES: write a file and remove it. Its pages are the next
 * that a page cache gets, and they are really there: pages that have been free
 * for a while may exist only in a hypervisor's promise, and the next user would
 * wait for them. (Touching anonymous memory does not help: other pages are
 * taken first.)
 */
int scratch(const struct args *a, uint64_t *ns)
{
	int r = seq_write(a, ns);

	if (unlink(a->v[0]) < 0 && r >= 0)
		return failed("unlink", a->v[0]);
	return r;
}
