/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it works. Two readers of libarchive in a row: the first takes the blob's
 * bytes and undoes the compression, the second reads the tar archive that
 * comes out. Both streams are hashed as they pass. The tar ends before its
 * stream does (padding), so what remains is read and hashed as well.
 */
#include "config.h"
#include "launcher/image_layer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "launcher/image_archive.h"
#include "launcher/image_hash.h"

struct layer_reader {
	struct image_stream *stream;
	const struct layer_blob *blob;
	struct image_progress *progress;
	struct hash *blob_hash, *diff_hash;
	struct archive *plain;	/* gives the tar's bytes */
	bool tar_is_open;
	int64_t read_bytes;
	char *chunk;
	int error;		/* of the stream itself */
};

/* The blob's next bytes, for the first reader. */
static la_ssize_t read_blob(struct archive *a, void *data, const void **ret_chunk)
{
	struct layer_reader *l = data;
	int64_t n = image_stream_read(l->stream, l->chunk, ARCHIVE_CHUNK);

	*ret_chunk = l->chunk;
	if (n < 0) {
		l->error = (int)n;
		archive_set_error(a, (int)-n, "%s", n == -EBADMSG
				  ? "the archive it is in is truncated or damaged"
				  : strerror((int)-n));
		return -1;
	}
	hash_add(l->blob_hash, l->chunk, (size_t)n);
	l->read_bytes += n;
	progress_add(l->progress, n);
	if (l->blob->size_bytes >= 0 && l->read_bytes > l->blob->size_bytes) {
		archive_set_error(a, EFBIG, "it is longer than it should be");
		return -1;
	}
	return n;
}

/* The tar's next bytes, for the second reader. */
static la_ssize_t read_plain(struct archive *a, void *data, const void **ret_chunk)
{
	struct layer_reader *l = data;
	la_int64_t offset;
	size_t n;
	int r;

	do {
		r = archive_read_data_block(l->plain, ret_chunk, &n, &offset);
	} while (r == ARCHIVE_RETRY);
	if (r == ARCHIVE_EOF)
		return 0;
	if (r < ARCHIVE_WARN) {
		archive_set_error(a, archive_errno(l->plain), "%s", archive_why(l->plain));
		return -1;
	}
	hash_add(l->diff_hash, *ret_chunk, n);
	return (la_ssize_t)n;
}

static int open_plain(struct layer_reader *l, struct fault *f, const char *label)
{
	struct archive_entry *entry;
	int r;

	if (archive_read_support_format_raw(l->plain) != ARCHIVE_OK ||
	    archive_read_support_format_empty(l->plain) != ARCHIVE_OK)
		return fault_set(f, -ENOMEM, "%s: cannot be read", label);
	if (archive_read_open(l->plain, l, NULL, read_blob, NULL) != ARCHIVE_OK ||
	    archive_next(l->plain, &entry) < 0) {
		r = l->error ? l->error : -EBADMSG;
		fault_set(f, 0, "%s: cannot be read: %s", label, archive_why(l->plain));
		return r;
	}
	return 0;
}

/* What follows the end of the archive belongs to the digests all the same. */
static int read_rest(struct layer_reader *l, struct archive *a)
{
	const void *chunk;
	la_ssize_t plain = 0, blob;

	while (l->tar_is_open && (plain = read_plain(a, l, &chunk)) > 0)
		;
	while (!l->error && (blob = read_blob(a, l, &chunk)) > 0)
		;
	return l->error ? l->error : plain < 0 ? -EBADMSG : 0;
}

/* A damaged blob shows in many ways; its size and digest say it best. */
static int check_blob(struct layer_reader *l, const char *label, struct fault *f)
{
	struct digest digest;

	if (l->blob->size_bytes >= 0 && l->read_bytes != l->blob->size_bytes)
		return fault_set(f, 0, "%s: its blob is %s: %lld bytes instead of %lld", label,
				 l->read_bytes < l->blob->size_bytes ? "truncated" : "too long",
				 (long long)l->read_bytes, (long long)l->blob->size_bytes);
	if (hash_end(l->blob_hash, &digest) < 0)
		return fault_set(f, 0, "%s: its digest cannot be computed", label);
	if (digest_is_set(&l->blob->blob) && !digest_equal(&digest, &l->blob->blob))
		return fault_set(f, 0, "%s: its blob is damaged: it has the digest %s instead of %s",
				 label, digest.text, l->blob->blob.text);
	return 0;
}

static int check_diff(struct layer_reader *l, const char *label, struct fault *f)
{
	struct digest digest;

	if (hash_end(l->diff_hash, &digest) < 0)
		return fault_set(f, 0, "%s: its digest cannot be computed", label);
	if (!digest_equal(&digest, &l->blob->diff))
		return fault_set(f, 0, "%s: its content has the digest %s; the image says %s", label,
				 digest.text, l->blob->diff.text);
	return 0;
}

/*
 * Whether it is the blob's fault: then this says so better than what failed to
 * read it.
 */
static int judge(struct layer_reader *l, struct archive *a, const char *label, struct fault *inner,
		 struct fault *f)
{
	int rest = read_rest(l, a);

	if (!l->error && check_blob(l, label, f) < 0)
		return -EBADMSG;
	if (rest < 0)
		fault_set(inner, 0, "%s: cannot be read: %s", label, archive_why(a));
	if (inner->text[0]) {
		*f = *inner;
		return rest < 0 ? rest : -EBADMSG;
	}
	return check_diff(l, label, f);
}

static int unpack_and_check(struct layer_reader *l, const struct unpack_job *job,
			    int64_t *ret_bytes, struct fault *f)
{
	cleanup_archive struct archive *tar = archive_new_tar();
	struct fault inner = FAULT_INIT;
	bool bad_input = false;
	int r = 0;

	if (!tar || archive_read_support_format_empty(tar) != ARCHIVE_OK)
		return fault_set(f, -ENOMEM, "%s: cannot be read", job->label);
	l->tar_is_open = true;
	if (archive_read_open(tar, l, NULL, read_plain, NULL) != ARCHIVE_OK)
		fault_set(&inner, 0, "%s: is no tar archive: %s", job->label, archive_why(tar));
	else
		r = image_unpack(tar, job, ret_bytes, &bad_input, &inner);
	if (r >= 0 || bad_input)
		return judge(l, tar, job->label, &inner, f);
	*f = inner;
	return r;
}

int image_layer_unpack(struct image_stream *stream, const struct layer_blob *blob,
		       const struct unpack_job *job, struct image_progress *progress,
		       int64_t *ret_bytes, struct fault *f)
{
	struct layer_reader l = { .stream = stream, .blob = blob, .progress = progress };
	struct fault inner = FAULT_INIT;
	int r;

	l.chunk = malloc(ARCHIVE_CHUNK);
	l.plain = archive_new_filters();
	l.blob_hash = hash_new(&blob->blob);
	l.diff_hash = hash_new(&blob->diff);
	if (!l.chunk || !l.plain || !l.blob_hash || !l.diff_hash)
		r = fault_set(f, -ENOMEM, "%s: cannot be read", job->label);
	else if (open_plain(&l, &inner, job->label) < 0)
		r = judge(&l, l.plain, job->label, &inner, f);
	else
		r = unpack_and_check(&l, job, ret_bytes, f);
	if (l.plain)
		archive_read_free(l.plain);
	hash_free(l.blob_hash);
	hash_free(l.diff_hash);
	free(l.chunk);
	return r;
}
