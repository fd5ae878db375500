/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/lib/cutdisk - a disk that remembers in which order it was written
 *
 *	cutdisk serve BASE LOG DIRECTORY	DIRECTORY/disk begins as BASE; for a loop device
 *	cutdisk mark FILE TEXT	put a mark into the log: FILE is DIRECTORY/mark
 *	cutdisk count LOG	how many records there are
 *	cutdisk find LOG TEXT	how many records there are up to this mark
 *	cutdisk marks LOG CUT	the marks among the first CUT records
 *	cutdisk replay BASE LOG CUT SEED IMAGE	what a power cut after CUT records may leave
 *
 * A disk keeps what was written before the last flush. Of what came after it each
 * sector is on the disk or not, as SEED says.
 */
#define FUSE_USE_VERSION 31
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a disk of today writes as one; ext4 relies on it for its superblock. */
#define SECTOR 4096

enum record_type { RECORD_WRITE = 1, RECORD_FLUSH, RECORD_MARK };

struct record {
	uint32_t type;
	uint32_t length;	/* of the data that follows */
	uint64_t offset;
};

static void die(const char *what)
{
	fprintf(stderr, "cutdisk: %s: %m\n", what);
	exit(EXIT_FAILURE);
}

/* ---- serving ---- */

static char *disk;
static size_t disk_size;
static int log_fd;

/* One thread serves, so the order here is the order of the disk. */
static int add(enum record_type type, uint64_t offset, const void *data, size_t length)
{
	const struct record r = { type, length, offset };

	if (write(log_fd, &r, sizeof(r)) != sizeof(r) ||
	    write(log_fd, data, length) != (ssize_t)length)
		return -EIO;
	return 0;
}

static bool is_disk(const char *path)
{
	return strcmp(path, "/disk") == 0;
}

static int disk_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	(void)fi;
	*st = (struct stat){ .st_mode = S_IFREG | 0600, .st_nlink = 1 };
	if (strcmp(path, "/") == 0)
		st->st_mode = S_IFDIR | 0700;
	else if (is_disk(path))
		st->st_size = disk_size;
	else if (strcmp(path, "/mark") != 0)
		return -ENOENT;
	return 0;
}

static int disk_open(const char *path, struct fuse_file_info *fi)
{
	(void)path;
	fi->direct_io = 1;
	return 0;
}

static int disk_read(const char *path, char *buf, size_t size, off_t offset,
		     struct fuse_file_info *fi)
{
	(void)fi;
	if (!is_disk(path) || (size_t)offset >= disk_size)
		return 0;
	if (size > disk_size - offset)
		size = disk_size - offset;
	memcpy(buf, disk + offset, size);
	return size;
}

static int disk_write(const char *path, const char *buf, size_t size, off_t offset,
		      struct fuse_file_info *fi)
{
	int r;

	(void)fi;
	if (!is_disk(path)) {
		r = add(RECORD_MARK, 0, buf, size);
		return r < 0 ? r : (int)size;
	}
	if ((size_t)offset > disk_size || size > disk_size - offset)
		return -ENOSPC;
	memcpy(disk + offset, buf, size);
	r = add(RECORD_WRITE, offset, buf, size);
	return r < 0 ? r : (int)size;
}

static int disk_fsync(const char *path, int datasync, struct fuse_file_info *fi)
{
	(void)path;
	(void)datasync;
	(void)fi;
	return add(RECORD_FLUSH, 0, NULL, 0);
}

static int disk_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	(void)path;
	(void)size;
	(void)fi;
	return 0;		/* the mark is opened as shells do */
}

static char *map(const char *path, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *p;

	if (fd < 0 || fstat(fd, &st) < 0)
		die(path);
	p = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		die(path);
	close(fd);
	*ret_size = st.st_size;
	return p;
}

static int serve(const char *base, const char *log, char *directory)
{
	static const struct fuse_operations ops = {
		.getattr = disk_getattr,
		.open = disk_open,
		.read = disk_read,
		.write = disk_write,
		.fsync = disk_fsync,
		.truncate = disk_truncate,
	};
	char program[] = "cutdisk", single[] = "-s";
	char *argv[] = { program, single, directory, NULL };

	disk = map(base, &disk_size);
	log_fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (log_fd < 0)
		die(log);
	return fuse_main(3, argv, &ops, NULL);
}

/* ---- looking at the log ---- */

static const struct record *next(const char *log, size_t size, size_t *at)
{
	const struct record *r = (const void *)(log + *at);

	if (size - *at < sizeof(*r) || size - *at - sizeof(*r) < r->length)
		return NULL;
	*at += sizeof(*r) + r->length;
	return r;
}

static int count(const char *path)
{
	size_t size, at = 0, n = 0;
	const char *log = map(path, &size);

	while (next(log, size, &at))
		n++;
	printf("%zu\n", n);
	return EXIT_SUCCESS;
}

static int marks(const char *path, size_t cut)
{
	size_t size, at = 0;
	const char *log = map(path, &size);
	const struct record *r;

	while (cut-- > 0 && (r = next(log, size, &at)))
		if (r->type == RECORD_MARK)
			printf("%.*s\n", (int)r->length, (const char *)(r + 1));
	return EXIT_SUCCESS;
}

static int find(const char *path, const char *text)
{
	size_t size, at = 0, n = 0;
	const char *log = map(path, &size);
	const struct record *r;

	while ((r = next(log, size, &at))) {
		n++;
		if (r->type == RECORD_MARK && r->length == strlen(text) &&
		    memcmp(r + 1, text, r->length) == 0) {
			printf("%zu\n", n);
			return EXIT_SUCCESS;
		}
	}
	fprintf(stderr, "cutdisk: no mark '%s'\n", text);
	return EXIT_FAILURE;
}

static uint64_t state;

static bool heads(void)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return state >> 63;
}

static void put(int fd, const struct record *r, bool is_sure)
{
	for (size_t done = 0; done < r->length; done += SECTOR) {
		size_t n = r->length - done < SECTOR ? r->length - done : SECTOR;

		if ((is_sure || heads()) &&
		    pwrite(fd, (const char *)(r + 1) + done, n, r->offset + done) != (ssize_t)n)
			die("image");
	}
}

static int replay(const char *base, const char *path, size_t cut, uint64_t seed,
		  const char *image)
{
	size_t size, base_size, at = 0, flushed = 0;
	const char *log = map(path, &size), *from = map(base, &base_size);
	int fd = open(image, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	const struct record *r;

	if (fd < 0 || ftruncate(fd, base_size) < 0)
		die(image);
	for (size_t i = 0; i < base_size; i += 4096) {
		static const char zeros[4096];

		if (memcmp(from + i, zeros, 4096) != 0 &&
		    pwrite(fd, from + i, 4096, i) != 4096)
			die(image);
	}
	for (size_t i = 0; i < cut && (r = next(log, size, &at)); i++)
		if (r->type == RECORD_FLUSH)
			flushed = i;
	state = seed;
	at = 0;
	for (size_t i = 0; i < cut && (r = next(log, size, &at)); i++)
		if (r->type == RECORD_WRITE)
			put(fd, r, i < flushed);
	return close(fd) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int mark(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die(path);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "serve") == 0 && argc == 5)
		return serve(argv[2], argv[3], argv[4]);
	if (strcmp(what, "mark") == 0 && argc == 4)
		return mark(argv[2], argv[3]);
	if (strcmp(what, "count") == 0 && argc == 3)
		return count(argv[2]);
	if (strcmp(what, "find") == 0 && argc == 4)
		return find(argv[2], argv[3]);
	if (strcmp(what, "marks") == 0 && argc == 4)
		return marks(argv[2], strtoull(argv[3], NULL, 10));
	if (strcmp(what, "replay") == 0 && argc == 7)
		return replay(argv[2], argv[3], strtoull(argv[4], NULL, 10),
			      strtoull(argv[5], NULL, 10), argv[6]);
	fprintf(stderr, "cutdisk: see tests/lib/cutdisk.c\n");
	return 2;
}
