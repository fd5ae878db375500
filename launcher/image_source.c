/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/image_source.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/image_archive.h"
#include "launcher/image_manifest.h"

#define MEMBERS_MAX 100000
#define LINKS_MAX   8		/* a layer that is a link to another layer's file */

/* A file in the archive. */
struct member {
	char *name;
	char *target;		/* of a link, as a name in the archive; or NULL */
	int64_t size_bytes;
};

struct image_source {
	char *path;		/* for messages */
	int fd;			/* the directory or the archive */
	bool is_archive;
	struct member *members;	/* in the archive's order */
	size_t count;
};

struct image_stream {
	int fd;			/* of its own, or lent with `archive` NULL */
	bool lent;
	struct archive *archive;
	int64_t size_bytes;
	int64_t offset;
};

/* --- a stream -------------------------------------------------------------------- */

static struct image_stream *stream_new(int64_t size_bytes)
{
	struct image_stream *s = calloc(1, sizeof(*s));

	if (s) {
		s->fd = -1;
		s->size_bytes = size_bytes;
	}
	return s;
}

int image_stream_from_fd(int fd, struct image_stream **ret_stream)
{
	struct image_stream *s;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	s = stream_new(st.st_size);
	if (!s)
		return -ENOMEM;
	s->fd = fd;
	s->lent = true;
	*ret_stream = s;
	return 0;
}

int64_t image_stream_read(struct image_stream *s, void *data, size_t size)
{
	int64_t n;

	if (s->archive)
		n = archive_read_data(s->archive, data, size);
	else
		n = neg_errno64(pread(s->fd, data, size, s->offset));
	if (n < 0)
		return s->archive ? archive_error(s->archive) : n;
	s->offset += n;
	return n;
}

int64_t image_stream_size(const struct image_stream *s)
{
	return s->size_bytes;
}

struct image_stream *image_stream_free(struct image_stream *s)
{
	if (!s)
		return NULL;
	if (s->archive)
		archive_read_free(s->archive);
	if (s->fd >= 0 && !s->lent)
		close(s->fd);
	free(s);
	return NULL;
}

/* --- an archive ------------------------------------------------------------------- */

/* "./a//b/../c" as "a/c". Only compared with other names, never opened. */
static char *clean_name(const char *name)
{
	char *clean = malloc(strlen(name) + 2);
	size_t length = 0;

	if (!clean)
		return NULL;
	while (*(name += strspn(name, "/"))) {
		size_t n = strcspn(name, "/");

		if (n == 2 && strncmp(name, "..", 2) == 0) {
			while (length && clean[--length] != '/')
				;
		} else if (n != 1 || *name != '.') {
			if (length)
				clean[length++] = '/';
			memcpy(clean + length, name, n);
			length += n;
		}
		name += n;
	}
	clean[length] = '\0';
	return clean;
}

/* A symlink's target is relative to its directory, a hard link's to the top. */
static char *clean_target(const char *name, const char *symlink, const char *hardlink)
{
	const char *slash = strrchr(name, '/');
	cleanup_free char *joined = NULL;

	if (hardlink)
		return clean_name(hardlink);
	if (!slash || symlink[0] == '/')
		return clean_name(symlink);
	if (asprintf(&joined, "%.*s/%s", (int)(slash - name), name, symlink) < 0)
		return NULL;
	return clean_name(joined);
}

static int add_member(struct image_source *s, struct archive_entry *entry)
{
	const char *name = archive_entry_pathname(entry);
	const char *symlink = archive_entry_symlink(entry);
	const char *hardlink = archive_entry_hardlink(entry);
	struct member *m;

	if (!(s->count & (s->count + 1))) {	/* 0, 1, 3, 7: full */
		m = realloc(s->members, 2 * (s->count + 1) * sizeof(*m));
		if (!m)
			return -ENOMEM;
		s->members = m;
	}
	m = &s->members[s->count];
	*m = (struct member){ .size_bytes = archive_entry_size(entry) };
	m->name = clean_name(name ? name : "");
	if (!m->name)
		return -ENOMEM;
	s->count++;
	if (symlink || hardlink) {
		m->target = clean_target(m->name, symlink ? symlink : "", hardlink);
		if (!m->target)
			return -ENOMEM;
	}
	return 0;
}

/* A new reader of the archive, with a file offset of its own. */
static int archive_open_again(struct image_source *s, int *ret_fd, struct archive **ret_archive)
{
	cleanup_archive struct archive *a = archive_new_filters();
	cleanup_fd int fd = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
	fd = neg_errno(open(path, O_RDONLY | O_CLOEXEC));
	if (fd < 0)
		return fd;
	if (!a || archive_read_support_format_tar(a) != ARCHIVE_OK)
		return -ENOMEM;
	if (archive_read_open_fd(a, fd, ARCHIVE_CHUNK) != ARCHIVE_OK)
		return archive_error(a);
	*ret_fd = take_fd(&fd);
	*ret_archive = take_ptr(a);
	return 0;
}

static int not_an_image(const struct image_source *s, int error, const char *why, struct fault *f)
{
	fault_set(f, 0, "'%s' cannot be read as an archive: %s\n"
		  "Give an OCI layout (directory or tar), or what \"docker save\" wrote.",
		  s->path, why);
	return error;
}

static int list_archive(struct image_source *s, struct fault *f)
{
	cleanup_archive struct archive *a = NULL;
	cleanup_fd int fd = -1;
	struct archive_entry *entry;
	int r = archive_open_again(s, &fd, &a);

	if (r < 0)
		return not_an_image(s, r, strerror(-r), f);
	while ((r = archive_next(a, &entry)) > 0) {
		if (s->count >= MEMBERS_MAX)
			return not_an_image(s, -EFBIG, "it holds too many files", f);
		r = add_member(s, entry);
		if (r < 0)
			return fault_set(f, r, "cannot list '%s'", s->path);
	}
	return r < 0 ? not_an_image(s, r, archive_why(a), f) : 0;
}

/* The position of a file; of several with the name the last counts. */
static int64_t find_member(const struct image_source *s, const char *name)
{
	cleanup_free char *clean = clean_name(name);

	for (int links = 0; clean && links < LINKS_MAX; links++) {
		size_t i = s->count;

		while (i && strcmp(s->members[i - 1].name, clean) != 0)
			i--;
		if (!i)
			return -ENOENT;
		if (!s->members[i - 1].target)
			return (int64_t)i - 1;
		free(clean);
		clean = strdup(s->members[i - 1].target);
	}
	return clean ? -ELOOP : -ENOMEM;
}

static int stream_member(struct image_source *s, const char *name,
			 struct image_stream **ret_stream)
{
	int64_t position = find_member(s, name);
	struct archive_entry *entry;
	struct image_stream *stream;
	int r;

	if (position < 0)
		return (int)position;
	stream = stream_new(s->members[position].size_bytes);
	if (!stream)
		return -ENOMEM;
	r = archive_open_again(s, &stream->fd, &stream->archive);
	for (int64_t i = 0; r >= 0 && i <= position; i++) {
		r = archive_next(stream->archive, &entry);
		if (r == 0)
			r = -EBADMSG;	/* shorter than when it was listed */
	}
	if (r < 0) {
		image_stream_free(stream);
		return r;
	}
	*ret_stream = stream;
	return 0;
}

/* --- a directory ------------------------------------------------------------------- */

static int stream_file(struct image_source *s, const char *name,
		       struct image_stream **ret_stream)
{
	/* O_NONBLOCK: a fifo in the place of a file must not make us wait. */
	struct open_how how = {
		.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	cleanup_fd int fd = neg_errno((int)syscall(SYS_openat2, s->fd, name, &how, sizeof(how)));
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	r = image_stream_from_fd(fd, ret_stream);
	if (r < 0)
		return r;
	(*ret_stream)->lent = false;
	take_fd(&fd);
	return 0;
}

/* --- both ---------------------------------------------------------------------------- */

static int copy_all(int from, int to)
{
	cleanup_free char *data = malloc(ARCHIVE_CHUNK);
	ssize_t n;

	if (!data)
		return -ENOMEM;
	while ((n = read(from, data, ARCHIVE_CHUNK)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (ssize_t done = 0; done < n;) {
			ssize_t written = write(to, data + done, n - done);

			if (written < 0)
				return -errno;
			done += written;
		}
	}
	return 0;
}

/* What comes through a pipe can be read only once: keep a nameless copy. */
static int spool(struct image_source *s, int spool_fd, struct fault *f)
{
	cleanup_fd int copy = neg_errno(openat(spool_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
	int r = copy < 0 ? copy : copy_all(s->fd, copy);

	if (r < 0)
		return fault_set(f, r, "cannot keep a copy of '%s'", s->path);
	close(s->fd);
	s->fd = take_fd(&copy);
	return 0;
}

static int open_path(struct image_source *s, const char *path, int spool_fd, struct fault *f)
{
	bool is_stdin = strcmp(path, "-") == 0;
	struct stat st;

	s->fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
			 : open(path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0 || fstat(s->fd, &st) < 0)
		return fault_set(f, -errno, "cannot open the image '%s'", path);
	if (S_ISDIR(st.st_mode))
		return 0;
	s->is_archive = true;
	if (!S_ISREG(st.st_mode)) {
		int r = spool(s, spool_fd, f);

		if (r < 0)
			return r;
	}
	return list_archive(s, f);
}

int image_source_open(const char *path, int spool_fd, struct image_source **ret_source,
		      struct fault *f)
{
	struct image_source *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return fault_set(f, -ENOMEM, "cannot open '%s'", path);
	s->fd = -1;
	s->path = strdup(path);
	r = s->path ? open_path(s, path, spool_fd, f) : fault_set(f, -ENOMEM, "cannot open '%s'", path);
	if (r < 0) {
		image_source_free(s);
		return r;
	}
	*ret_source = s;
	return 0;
}

struct image_source *image_source_free(struct image_source *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < s->count; i++) {
		free(s->members[i].name);
		free(s->members[i].target);
	}
	free(s->members);
	free(s->path);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
	return NULL;
}

bool image_source_has(struct image_source *s, const char *name)
{
	struct image_stream *stream = NULL;

	if (s->is_archive)
		return find_member(s, name) >= 0;
	if (stream_file(s, name, &stream) < 0)
		return false;
	image_stream_free(stream);
	return true;
}

int image_source_stream(struct image_source *s, const char *name,
			struct image_stream **ret_stream, struct fault *f)
{
	int r = s->is_archive ? stream_member(s, name, ret_stream)
			      : stream_file(s, name, ret_stream);

	return r < 0 ? fault_set(f, r, "'%s': cannot read '%.200s'", s->path, name) : 0;
}

int image_source_read(struct image_source *s, const char *name, struct buf *text,
		      struct fault *f)
{
	struct image_stream *stream = NULL;
	char data[16384];
	int64_t n = 0;
	int r = image_source_stream(s, name, &stream, f);

	if (r < 0)
		return r;
	while (text->length <= IMAGE_JSON_MAX &&
	       (n = image_stream_read(stream, data, sizeof(data))) > 0)
		buf_add(text, data, (size_t)n);
	image_stream_free(stream);

	r = n < 0 ? (int)n : text->length > IMAGE_JSON_MAX ? -EFBIG : buf_error(text);
	return r < 0 ? fault_set(f, r, "'%s': cannot read '%.200s'", s->path, name) : 0;
}
