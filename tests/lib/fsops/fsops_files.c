/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on open files and on what is in them. */
#include "config.h"

#include "tests/lib/fsops/fsops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"

#define CHUNK 65536

uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
	const unsigned char *p = bytes;

	for (; size; size--, p++)
		hash = (hash ^ *p) * 0x100000001b3ull;
	return hash;
}

void fill_pattern(char *buf, size_t size, long byte, long offset)
{
	size_t i;

	for (i = 0; i < size; i++)
		buf[i] = (char)(byte + (offset + (long)i) / 512);
}

long read_hash(int fd, off_t offset, size_t size, uint64_t *ret_hash)
{
	uint64_t hash = HASH_START;
	char buf[CHUNK];
	long total = 0;
	ssize_t n;

	while ((size_t)total < size) {
		size_t want = size - (size_t)total;

		n = pread(fd, buf, want < CHUNK ? want : CHUNK, offset + total);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		hash = hash_bytes(hash, buf, (size_t)n);
		total += n;
	}
	*ret_hash = hash;
	return total;
}

static long write_pattern(int fd, long offset, long length, long byte)
{
	char buf[CHUNK];
	long total = 0;

	while (total < length) {
		long want = length - total < CHUNK ? length - total : CHUNK;
		ssize_t n;

		fill_pattern(buf, (size_t)want, byte, offset + total);
		n = pwrite(fd, buf, (size_t)want, offset + total);
		if (n < 0)
			return -errno;
		total += n;
	}
	return total;
}

/* A fifo without a reader must not stop the list, hence O_NONBLOCK. */
static long do_open(struct fsops *ops, const struct arg *a)
{
	int *slot = &ops->fds[a[0].number];
	int fd = open(a[1].text, (int)a[2].number | O_NONBLOCK, (mode_t)a[3].number);

	if (fd < 0)
		return -errno;
	if (*slot >= 0)
		close(*slot);
	*slot = fd;
	return 0;
}

static long do_close(struct fsops *ops, const struct arg *a)
{
	int *slot = &ops->fds[a[0].number];
	int rc = close(*slot);

	*slot = -1;
	return neg(rc);
}

/* Another description of the same file, also when it has no name any more. */
static long do_reopen(struct fsops *ops, const struct arg *a)
{
	int *slot = &ops->fds[a[0].number];
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", ops->fds[a[1].number]);
	fd = open(path, (int)a[2].number | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (*slot >= 0)
		close(*slot);
	*slot = fd;
	return 0;
}

static long show_hash(struct fsops *ops, long n, uint64_t hash)
{
	if (n > 0)
		show(ops, "hash=%016llx", (unsigned long long)hash);
	return n;
}

static long do_pread(struct fsops *ops, const struct arg *a)
{
	uint64_t hash;
	long n = read_hash(ops->fds[a[0].number], a[1].number, (size_t)a[2].number, &hash);

	return show_hash(ops, n, hash);
}

static long do_pwrite(struct fsops *ops, const struct arg *a)
{
	return write_pattern(ops->fds[a[0].number], a[1].number, a[2].number, a[3].number);
}

/* At the file position, or at the end with O_APPEND. */
static long do_write(struct fsops *ops, const struct arg *a)
{
	char buf[CHUNK];
	size_t length = a[1].number < CHUNK ? (size_t)a[1].number : CHUNK;

	fill_pattern(buf, length, a[2].number, 0);
	return neg(write(ops->fds[a[0].number], buf, length));
}

static long do_ftruncate(struct fsops *ops, const struct arg *a)
{
	return neg(ftruncate(ops->fds[a[0].number], a[1].number));
}

static long do_fsync(struct fsops *ops, const struct arg *a)
{
	return neg(fsync(ops->fds[a[0].number]));
}

static long do_fdatasync(struct fsops *ops, const struct arg *a)
{
	return neg(fdatasync(ops->fds[a[0].number]));
}

static long do_fallocate(struct fsops *ops, const struct arg *a)
{
	static const struct { const char *name; int mode; } modes[] = {
		{ "plain", 0 },
		{ "keep", FALLOC_FL_KEEP_SIZE },
		{ "punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE },
		{ "zero", FALLOC_FL_ZERO_RANGE },
		{ "collapse", FALLOC_FL_COLLAPSE_RANGE },
		{ "insert", FALLOC_FL_INSERT_RANGE },
	};
	size_t i;

	for (i = 0; i < sizeof(modes) / sizeof(*modes); i++)
		if (!strcmp(a[1].text, modes[i].name))
			return neg(fallocate(ops->fds[a[0].number], modes[i].mode,
					     a[2].number, a[3].number));
	return -ENOSYS;
}

/*
 * Where data begins depends on the file system's blocks; that it begins at all
 * and that no hole hides any is what is compared.
 */
static long do_seek(struct fsops *ops, const struct arg *a)
{
	int fd = ops->fds[a[0].number];
	off_t data = lseek(fd, a[1].number, SEEK_DATA), hole;

	if (data < 0)
		return -errno;
	hole = lseek(fd, a[1].number, SEEK_HOLE);
	if (hole < 0)
		return -errno;
	show(ops, "hole=%lld", (long long)hole);
	return data;
}

static long do_copy(struct fsops *ops, const struct arg *a)
{
	off_t from = a[1].number, to = a[3].number;

	return neg(copy_file_range(ops->fds[a[0].number], &from, ops->fds[a[2].number],
				   &to, (size_t)a[4].number, 0));
}

static long do_mmap_write(struct fsops *ops, const struct arg *a)
{
	long page = a[1].number & ~4095L;
	size_t length = (size_t)(a[1].number - page + a[2].number);
	struct stat st;
	char *map;
	int rc;

	if (fstat(ops->fds[a[0].number], &st) < 0)
		return -errno;
	if (a[1].number + a[2].number > st.st_size)
		return -ERANGE;		/* beyond the end it would be SIGBUS */
	map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED,
		   ops->fds[a[0].number], page);
	if (map == MAP_FAILED)
		return -errno;
	fill_pattern(map + (a[1].number - page), (size_t)a[2].number, a[3].number, a[1].number);
	rc = msync(map, length, MS_SYNC);
	munmap(map, length);
	return neg(rc);
}

static long map_hash(struct fsops *ops, int fd)
{
	struct stat st;
	uint64_t hash;
	char *map;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	hash = hash_bytes(HASH_START, map, (size_t)st.st_size);
	munmap(map, (size_t)st.st_size);
	return show_hash(ops, st.st_size, hash);
}

/*
 * Not in random lists: through a descriptor opened before the copy-up, kernel
 * overlay maps the lower file, as it documents.
 */
static long do_mmap_read(struct fsops *ops, const struct arg *a)
{
	return map_hash(ops, ops->fds[a[0].number]);
}

static long do_map(struct fsops *ops, const struct arg *a)
{
	cleanup_fd int fd = open(a[0].text, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return map_hash(ops, fd);
}

/* The next read comes from the file system, not from memory. */
static long do_drop_cache(struct fsops *ops, const struct arg *a)
{
	int fd = ops->fds[a[0].number];

	return fsync(fd) < 0 ? -errno : -(long)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

static long do_link_open(struct fsops *ops, const struct arg *a)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", ops->fds[a[0].number]);
	return neg(linkat(AT_FDCWD, path, AT_FDCWD, a[1].text, AT_SYMLINK_FOLLOW));
}

/* --- whole files by name --- */

static long do_read(struct fsops *ops, const struct arg *a)
{
	cleanup_fd int fd = open(a[0].text, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	uint64_t hash;
	long n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	n = read_hash(fd, 0, SIZE_MAX, &hash);
	return show_hash(ops, n, hash);
}

static long store(const struct arg *a, int flags)
{
	cleanup_fd int fd = open(a[0].text, O_WRONLY | O_NONBLOCK | O_CLOEXEC | flags, 0644);
	long n;

	if (fd < 0)
		return -errno;
	n = write_pattern(fd, a[1].number, a[2].number, a[3].number);
	if (n >= 0 && close(take_fd(&fd)) < 0)
		return -errno;
	return n;
}

static long do_put(struct fsops *ops, const struct arg *a)
{
	return store(a, O_CREAT | O_TRUNC);
}

static long do_patch(struct fsops *ops, const struct arg *a)
{
	return store(a, 0);
}

static long do_append(struct fsops *ops, const struct arg *a)
{
	cleanup_fd int fd = open(a[0].text, O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC);
	char buf[CHUNK];
	size_t length = a[1].number < CHUNK ? (size_t)a[1].number : CHUNK;

	if (fd < 0)
		return -errno;
	fill_pattern(buf, length, a[2].number, 0);
	return neg(write(fd, buf, length));
}

const struct verb fsops_file_verbs[] = {
	{ "open", "spf?m", do_open },
	{ "close", "s", do_close },
	{ "reopen", "ssf", do_reopen },
	{ "pread", "snn", do_pread },
	{ "pwrite", "snnn", do_pwrite },
	{ "write", "snn", do_write },
	{ "ftruncate", "sn", do_ftruncate },
	{ "fsync", "s", do_fsync },
	{ "fdatasync", "s", do_fdatasync },
	{ "fallocate", "stnn", do_fallocate },
	{ "seek", "sn", do_seek },
	{ "copy", "snsnn", do_copy },
	{ "mmap_write", "snnn", do_mmap_write },
	{ "mmap_read", "s", do_mmap_read },
	{ "map", "p", do_map },
	{ "drop_cache", "s", do_drop_cache },
	{ "link_open", "sp", do_link_open },
	{ "read", "p", do_read },
	{ "put", "pnnn", do_put },
	{ "patch", "pnnn", do_patch },
	{ "append", "pnn", do_append },
	{ 0 },
};
