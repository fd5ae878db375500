/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it works. Two writers of libarchive in a row, the reverse of reading a
 * layer: the first makes the tar's bytes, the second compresses them. Both
 * streams are hashed as they pass.
 */
#include "config.h"
#include "launcher/image_pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/image_hash.h"
#include "launcher/image_overlay.h"
#include "launcher/image_pack_impl.h"

#define XATTR_LIST_MAX	65536
#define XATTR_VALUE_MAX 65536

struct output {
	int fd;
	struct archive *packed;		/* compresses; NULL: as it is */
	struct hash *diff_hash, *blob_hash;
	int64_t size_bytes;
};

/* --- where the bytes go ------------------------------------------------------------- */

static la_ssize_t write_blob(struct archive *a, void *data, const void *bytes, size_t size)
{
	struct output *o = data;

	for (size_t done = 0; done < size;) {
		ssize_t n = write(o->fd, (const char *)bytes + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			archive_set_error(a, errno, "%s", strerror(errno));
			return -1;
		}
		done += (size_t)n;
	}
	hash_add(o->blob_hash, bytes, size);
	o->size_bytes += (int64_t)size;
	return (la_ssize_t)size;
}

static la_ssize_t write_plain(struct archive *a, void *data, const void *bytes, size_t size)
{
	struct output *o = data;

	hash_add(o->diff_hash, bytes, size);
	if (!o->packed)
		return write_blob(a, o, bytes, size);
	if (archive_write_data(o->packed, bytes, size) == (la_ssize_t)size)
		return (la_ssize_t)size;
	archive_set_error(a, archive_errno(o->packed), "%s", archive_why(o->packed));
	return -1;
}

static int open_packed(struct output *o, enum pack_compression compression)
{
	struct archive_entry *entry;
	int r;

	if (compression == PACK_PLAIN)
		return 0;
	o->packed = archive_write_new();
	entry = archive_entry_new();
	if (!o->packed || !entry) {
		archive_entry_free(entry);
		return -ENOMEM;
	}
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_pathname(entry, "layer");
	r = compression == PACK_GZIP ? archive_write_add_filter_gzip(o->packed)
				     : archive_write_add_filter_zstd(o->packed);
	if (r == ARCHIVE_OK && compression == PACK_GZIP)
		r = archive_write_set_filter_option(o->packed, "gzip", "timestamp", NULL);
	if (r == ARCHIVE_OK)
		r = archive_write_set_format_raw(o->packed);
	if (r == ARCHIVE_OK)
		r = archive_write_set_bytes_in_last_block(o->packed, 1);
	if (r == ARCHIVE_OK)
		r = archive_write_open(o->packed, o, NULL, write_blob, NULL);
	if (r == ARCHIVE_OK)
		r = archive_write_header(o->packed, entry);
	archive_entry_free(entry);
	return r == ARCHIVE_OK ? 0 : archive_error(o->packed);
}

static int open_tar(struct pack *p, struct output *o)
{
	p->tar = archive_write_new();
	if (!p->tar)
		return -ENOMEM;
	if (archive_write_set_format_pax(p->tar) != ARCHIVE_OK ||
	    archive_write_set_format_option(p->tar, "pax", "xattrheader", "SCHILY") != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(p->tar, 64 << 10) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(p->tar, 512) != ARCHIVE_OK ||
	    archive_write_open(p->tar, o, NULL, write_plain, NULL) != ARCHIVE_OK)
		return archive_error(p->tar);
	return 0;
}

/* --- one object ------------------------------------------------------------------------- */

int pack_fail(struct pack *p, int error, const char *path, const char *why)
{
	return fault_set(p->fault, error, "%s: '%.300s': %s", p->job->label, *path ? path : "/", why);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_xattrs(const char *fd_path, struct opt_list *names)
{
	cleanup_free char *list = malloc(XATTR_LIST_MAX);
	ssize_t n = list ? listxattr(fd_path, list, XATTR_LIST_MAX) : -1;

	if (!list)
		return -ENOMEM;
	if (n < 0)
		return errno == ENOTSUP ? 0 : -errno;
	for (char *name = list; name < list + n; name += strlen(name) + 1)
		if (opt_list_add(names, name) < 0)
			return -ENOMEM;
	if (names->count)
		qsort(names->items, names->count, sizeof(*names->items), compare_names);
	return 0;
}

static int add_xattr(struct pack *p, struct archive_entry *entry, const char *fd_path,
		     const char *stored)
{
	cleanup_free char *value = NULL;
	char buffer[256];
	const char *name = overlay_unescape(stored, p->prefix, buffer);
	ssize_t n;

	/* The host's label says nothing about the image. */
	if (!name || strcmp(name, "security.selinux") == 0)
		return 0;
	value = malloc(XATTR_VALUE_MAX);
	if (!value)
		return -ENOMEM;
	n = getxattr(fd_path, stored, value, XATTR_VALUE_MAX);
	if (n < 0)
		return errno == ENODATA ? 0 : -errno;
	archive_entry_xattr_add_entry(entry, name, value, (size_t)n);
	return 0;
}

static int add_xattrs(struct pack *p, struct archive_entry *entry, int fd)
{
	struct opt_list names = { 0 };
	char fd_path[32];
	int r;

	overlay_fd_path(fd, fd_path);
	r = list_xattrs(fd_path, &names);
	/* libarchive puts each one before the others. */
	for (size_t i = names.count; r >= 0 && i-- > 0;)
		r = add_xattr(p, entry, fd_path, names.items[i]);
	opt_list_done(&names);
	return r;
}

/* Where the file has data; without this a hole would be written as zeros. */
static void add_holes(struct archive_entry *entry, int fd, const struct stat *st)
{
	off_t data = 0, hole;

	if (st->st_blocks * 512 >= st->st_size)
		return;
	for (;; data = hole) {
		data = lseek(fd, data, SEEK_DATA);
		if (data < 0)
			break;
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole < 0)
			break;
		archive_entry_sparse_add_entry(entry, data, hole - data);
	}
	/* Nothing but a hole: say where it ends. */
	if (archive_entry_sparse_count(entry) == 0)
		archive_entry_sparse_add_entry(entry, st->st_size, 0);
}

static int write_data(struct pack *p, int fd, int64_t size, const char *path)
{
	cleanup_free char *chunk = malloc(ARCHIVE_CHUNK);
	int64_t done = 0;

	if (!chunk)
		return -ENOMEM;
	while (done < size) {
		size_t want = size - done < ARCHIVE_CHUNK ? (size_t)(size - done) : ARCHIVE_CHUNK;
		ssize_t n = pread(fd, chunk, want, done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return pack_fail(p, -ESTALE, path, "it became shorter while it was read");
		if (archive_write_data(p->tar, chunk, (size_t)n) != n)
			return fault_set(p->fault, 0, "%s: cannot be written: %s", p->job->label,
					 archive_why(p->tar));
		done += n;
		progress_add(p->job->progress, n);
	}
	return 0;
}

/* Return: 1 if the file was written before, under the name now in the entry. */
static int add_link(struct pack *p, struct archive_entry *entry, const struct stat *st,
		    const char *path)
{
	struct pack_link *links;

	if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
		return 0;
	for (size_t i = 0; i < p->link_count; i++) {
		if (p->links[i].ino != st->st_ino || p->links[i].dev != st->st_dev)
			continue;
		archive_entry_set_hardlink(entry, p->links[i].path);
		return 1;
	}
	links = realloc(p->links, (p->link_count + 1) * sizeof(*links));
	if (!links)
		return -ENOMEM;
	p->links = links;
	links[p->link_count] = (struct pack_link){ st->st_dev, st->st_ino, strdup(path) };
	if (!links[p->link_count].path)
		return -ENOMEM;
	p->link_count++;
	return 0;
}

static void set_stat(struct archive_entry *entry, const struct stat *st)
{
	archive_entry_set_filetype(entry, st->st_mode & S_IFMT);
	archive_entry_set_perm(entry, st->st_mode & 07777);
	archive_entry_set_uid(entry, st->st_uid);
	archive_entry_set_gid(entry, st->st_gid);
	archive_entry_set_mtime(entry, st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
	archive_entry_set_size(entry, S_ISREG(st->st_mode) ? st->st_size : 0);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		archive_entry_set_rdev(entry, st->st_rdev);
}

static int set_symlink(struct archive_entry *entry, int fd)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	archive_entry_set_symlink(entry, target);
	return 0;
}

static int write_header(struct pack *p, struct archive_entry *entry)
{
	int r = archive_write_header(p->tar, entry);

	return r == ARCHIVE_OK || r == ARCHIVE_WARN ? 0 : archive_error(p->tar);
}

static int open_data(int data_fd)
{
	char fd_path[32];

	overlay_fd_path(data_fd, fd_path);
	return neg_errno(open(fd_path, O_RDONLY | O_CLOEXEC));
}

static int write_object(struct pack *p, struct archive_entry *entry, int fd,
			const struct stat *st, int data_fd, const char *path)
{
	cleanup_fd int data = -1;
	int r;

	set_stat(entry, st);
	r = add_link(p, entry, st, path);
	if (r < 0)
		return r;
	if (r > 0) {
		archive_entry_set_size(entry, 0);
		return write_header(p, entry);
	}
	r = add_xattrs(p, entry, fd);
	if (r >= 0 && S_ISLNK(st->st_mode))
		r = set_symlink(entry, fd);
	if (r < 0 || !S_ISREG(st->st_mode))
		return r < 0 ? r : write_header(p, entry);

	data = open_data(data_fd);
	if (data < 0)
		return data;
	if (data_fd == fd)
		add_holes(entry, data, st);
	r = write_header(p, entry);
	return r < 0 ? r : write_data(p, data, st->st_size, path);
}

int pack_object(struct pack *p, int fd, const struct stat *st, int data_fd, const char *path)
{
	struct archive_entry *entry = archive_entry_new();
	int r;

	if (!entry)
		return pack_fail(p, -ENOMEM, path, "cannot be written");
	archive_entry_set_pathname(entry, *path ? path : "./");
	r = write_object(p, entry, fd, st, data_fd, path);
	archive_entry_free(entry);
	return r < 0 ? pack_fail(p, r, path, "cannot be written") : 0;
}

int pack_whiteout(struct pack *p, const char *dir, const char *name)
{
	struct archive_entry *entry = archive_entry_new();
	char hidden[NAME_MAX + 8], path[PATH_MAX];
	int r;

	snprintf(hidden, sizeof(hidden), ".wh.%s", name);
	if (!entry)
		return pack_fail(p, -ENOMEM, name, "cannot be written");
	r = strlen(hidden) > NAME_MAX ? -ENAMETOOLONG : pack_join(path, dir, hidden);
	if (r >= 0) {
		archive_entry_set_pathname(entry, path);
		archive_entry_set_filetype(entry, AE_IFREG);
		archive_entry_set_perm(entry, 0);
		archive_entry_set_mtime(entry, 0, 0);
		archive_entry_set_size(entry, 0);
		r = write_header(p, entry);
	}
	archive_entry_free(entry);
	return r < 0 ? pack_fail(p, r, name, "its removal cannot be written") : 0;
}

/* --- all of it ------------------------------------------------------------------------------ */

static int close_archive(struct pack *p, struct archive *a)
{
	if (!a || archive_write_close(a) == ARCHIVE_OK)
		return 0;
	return fault_set(p->fault, archive_error(a), "%s: cannot be written", p->job->label);
}

static int write_all(struct pack *p, struct output *o)
{
	int r = open_packed(o, p->job->compression);

	if (r >= 0)
		r = open_tar(p, o);
	if (r < 0)
		return fault_set(p->fault, r, "%s: cannot be written", p->job->label);
	r = pack_tree(p);
	if (r >= 0)
		r = close_archive(p, p->tar);
	return r < 0 ? r : close_archive(p, o->packed);
}

int image_pack(const struct pack_job *job, int out_fd, struct pack_result *ret_result,
	       struct fault *f)
{
	struct pack p = { .job = job, .prefix = job->lowers->prefix, .fault = f };
	struct output o = { .fd = out_fd };
	int r;

	o.diff_hash = hash_new(&(struct digest){ "" });
	o.blob_hash = hash_new(&(struct digest){ "" });
	if (!o.diff_hash || !o.blob_hash)
		r = fault_set(f, -ENOMEM, "%s: cannot be written", job->label);
	else
		r = write_all(&p, &o);
	/* archive_write_free() may still write, so before the digests are read. */
	if (p.tar)
		archive_write_free(p.tar);
	if (o.packed)
		archive_write_free(o.packed);
	if (r >= 0 && (hash_end(o.diff_hash, &ret_result->diff) < 0 ||
		       hash_end(o.blob_hash, &ret_result->blob) < 0))
		r = fault_set(f, -EIO, "%s: cannot compute its digest", job->label);
	ret_result->size_bytes = o.size_bytes;
	hash_free(o.diff_hash);
	hash_free(o.blob_hash);
	for (size_t i = 0; i < p.link_count; i++)
		free(p.links[i].path);
	free(p.links);
	return r;
}
