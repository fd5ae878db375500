/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/image_store.c - the store's directories and locks */
#include "config.h"
#include "launcher/image_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/image_store_impl.h"
#include "launcher/paths.h"
#include "launcher/tree.h"

static int make_dir(int dir_fd, const char *name)
{
	/* 0700: a setuid file in an image is none of the host's users' business. */
	if (mkdirat(dir_fd, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	return neg_errno(openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

static int make_dir_in(int dir_fd, const char *outer, const char *inner)
{
	cleanup_fd int fd = make_dir(dir_fd, outer);

	return fd < 0 ? fd : make_dir(fd, inner);
}

static int open_dirs(struct image_store *s)
{
	s->fd = neg_errno(open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (s->fd < 0)
		return s->fd;
	s->layers_fd = make_dir_in(s->fd, "layers", "sha256");
	if (s->layers_fd < 0)
		return s->layers_fd;
	s->blobs_fd = make_dir(s->fd, "blobs");
	if (s->blobs_fd < 0)
		return s->blobs_fd;
	s->images_fd = make_dir(s->fd, "images");
	if (s->images_fd < 0)
		return s->images_fd;
	s->tmp_fd = make_dir(s->fd, "tmp");
	if (s->tmp_fd < 0)
		return s->tmp_fd;
	s->lock_fd = neg_errno(openat(s->fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
				      0600));
	return s->lock_fd;
}

int image_store_open(const char *root, struct image_store **ret_store, struct fault *f)
{
	struct image_store *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return fault_set(f, -ENOMEM, "cannot open the image store");
	s->fd = s->layers_fd = s->blobs_fd = s->images_fd = s->tmp_fd = s->lock_fd = -1;
	s->path = root ? paths_absolute(root) : paths_data();
	if (!s->path) {
		image_store_close(s);
		return fault_set(f, -ENOMEM, "cannot open the image store");
	}
	r = paths_make(s->path, 0755);
	if (r >= 0)
		r = open_dirs(s);
	if (r < 0) {
		fault_set(f, r, "cannot open the image store '%s'", s->path);
		image_store_close(s);
		return r;
	}
	*ret_store = s;
	return 0;
}

struct image_store *image_store_close(struct image_store *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < 6; i++) {
		int fd = (int[]){ s->fd, s->layers_fd, s->blobs_fd, s->images_fd, s->tmp_fd,
				  s->lock_fd }[i];

		if (fd >= 0)
			close(fd);
	}
	free(s->path);
	free(s);
	return NULL;
}

static int lock_file(int fd, int how)
{
	int r;

	do {
		r = neg_errno(flock(fd, how));
	} while (r == -EINTR);
	return r;
}

int store_lock(struct image_store *s, int how, struct fault *f)
{
	int r = lock_file(s->lock_fd, how);

	return r < 0 ? fault_set(f, r, "cannot lock the image store '%s'", s->path) : 0;
}

/* --- imports ----------------------------------------------------------------------- */

static int sweep(struct image_store *s)
{
	cleanup_dir DIR *dir = NULL;
	cleanup_fd int fd = neg_errno(openat(s->tmp_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *entry;
	int r = 0;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return fd < 0 ? fd : -errno;
	take_fd(&fd);
	while (r >= 0 && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = tree_remove(s->tmp_fd, entry->d_name);
	return r;
}

int store_begin_import(struct image_store *s, void (*waiting)(void), struct fault *f)
{
	cleanup_fd int fd = neg_errno(openat(s->fd, "import.lock", O_RDWR | O_CREAT | O_NOFOLLOW |
					     O_CLOEXEC, 0600));
	int r = fd < 0 ? fd : lock_file(fd, LOCK_EX | LOCK_NB);

	if (r == -EWOULDBLOCK) {
		waiting();
		r = lock_file(fd, LOCK_EX);
	}
	if (r < 0)
		return fault_set(f, r, "cannot lock the image store '%s'", s->path);
	r = sweep(s);
	if (r < 0)
		return fault_set(f, r, "cannot remove what an earlier import left in '%s/tmp'",
				 s->path);
	return take_fd(&fd);
}

int store_temp_dir(struct image_store *s, char ret_name[static 32])
{
	for (unsigned i = 0;; i++) {
		snprintf(ret_name, 32, "%d-%u", getpid(), i);
		if (mkdirat(s->tmp_fd, ret_name, 0700) == 0)
			break;
		if (errno != EEXIST)
			return -errno;
	}
	return neg_errno(openat(s->tmp_fd, ret_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

/* --- layers ------------------------------------------------------------------------- */

char *store_layer_path(const struct image_store *s, const struct digest *chain)
{
	char *path;

	return asprintf(&path, "%s/layers/sha256/%s", s->path, digest_hex(chain)) < 0 ? NULL : path;
}

int store_hold_layer(struct image_store *s, const struct digest *chain)
{
	cleanup_fd int fd = neg_errno(openat(s->layers_fd, digest_hex(chain),
					     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
	int r = fd < 0 ? fd : lock_file(fd, LOCK_SH | LOCK_NB);

	return r < 0 ? r : take_fd(&fd);
}

int store_publish_layer(struct image_store *s, const char *name, int dir_fd,
			const struct digest *chain)
{
	int r = lock_file(dir_fd, LOCK_SH | LOCK_NB);

	/*
	 * Its data must be on disk before its name is: after a power failure a
	 * layer that exists counts as complete.
	 */
	if (r >= 0)
		r = neg_errno(syncfs(dir_fd));
	if (r >= 0)
		r = neg_errno(renameat2(s->tmp_fd, name, s->layers_fd, digest_hex(chain),
					RENAME_NOREPLACE));
	return r < 0 ? r : neg_errno(fsync(s->layers_fd));
}

/* --- small files ---------------------------------------------------------------------- */

/* Whole or not at all: made in tmp/, on disk, then renamed. */
static int write_file(struct image_store *s, int dir_fd, const char *name, const struct buf *text)
{
	cleanup_fd int fd = -1;
	char temp[32];
	int r = 0;

	snprintf(temp, sizeof(temp), "%d-file", getpid());
	fd = neg_errno(openat(s->tmp_fd, temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
			      0600));
	if (fd < 0)
		return fd;
	for (size_t done = 0; r >= 0 && done < text->length;) {
		ssize_t n = write(fd, text->data + done, text->length - done);

		r = n < 0 ? -errno : 0;
		done += n < 0 ? 0 : (size_t)n;
	}
	if (r >= 0)
		r = neg_errno(fsync(fd));
	if (r >= 0)
		r = neg_errno(renameat(s->tmp_fd, temp, dir_fd, name));
	if (r < 0)
		(void)unlinkat(s->tmp_fd, temp, 0);	/* report r, not this */
	return r < 0 ? r : neg_errno(fsync(dir_fd));
}

static int open_blob_dir(struct image_store *s, const struct digest *digest)
{
	char algorithm[DIGEST_SIZE];

	snprintf(algorithm, sizeof(algorithm), "%.6s", digest->text);
	return make_dir(s->blobs_fd, algorithm);
}

int store_write_blob(struct image_store *s, const struct digest *digest, const struct buf *text)
{
	cleanup_fd int dir = open_blob_dir(s, digest);

	return dir < 0 ? dir : write_file(s, dir, digest_hex(digest), text);
}

int store_read_blob(struct image_store *s, const struct digest *digest, struct buf *text,
		    struct fault *f)
{
	cleanup_fd int dir = open_blob_dir(s, digest);
	int r = dir < 0 ? dir : buf_read_file(text, dir, digest_hex(digest));

	return r < 0 ? fault_set(f, r, "the image store '%s' has lost '%s'\n"
				 "Import the image again.", s->path, digest->text) : 0;
}

int store_write_record(struct image_store *s, const struct image_record *record,
		       struct fault *f)
{
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_free char *file = record_file_name(record->name);
	int r = file ? record_to_text(record, &text) : -ENOMEM;

	if (r >= 0)
		r = write_file(s, s->images_fd, file, &text);
	return r < 0 ? fault_set(f, r, "cannot store the image '%s'", record->name) : 0;
}
