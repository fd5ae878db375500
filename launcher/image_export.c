/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/image_export.c - an image as an OCI layout, a directory or an archive of one */
#include "config.h"
#include "launcher/image_commit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/image_edit.h"
#include "launcher/image_hash.h"
#include "launcher/image_json.h"
#include "launcher/image_overlay.h"
#include "launcher/image_store_impl.h"
#include "launcher/tree.h"

#define OCI_TYPE(what) "application/vnd.oci.image." what

static const char *const layer_types[] = {
	[PACK_PLAIN] = OCI_TYPE("layer.v1.tar"),
	[PACK_GZIP] = OCI_TYPE("layer.v1.tar+gzip"),
	[PACK_ZSTD] = OCI_TYPE("layer.v1.tar+zstd"),
};

struct exporter {
	struct image_store *store;
	struct image *image;
	enum pack_compression compression;
	const char *path;
	int dir_fd;		/* the layout being made */
	int blobs_fd;
	struct digest *diffs;
	struct json_object *layers;	/* descriptors */
	struct image_progress progress;
	struct fault *fault;
};

/* --- blobs ---------------------------------------------------------------------------- */

static struct json_object *new_descriptor(const char *type, const struct digest *digest,
					  int64_t size)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "mediaType", json_object_new_string(type));
	json_object_object_add(o, "digest", json_object_new_string(digest->text));
	json_object_object_add(o, "size", json_object_new_int64(size));
	return o;
}

static int cannot_write(struct exporter *e, int error)
{
	return fault_set(e->fault, error, "cannot write '%s'", e->path);
}

static int write_file(struct exporter *e, int dir_fd, const char *name, const char *text,
		      size_t size)
{
	cleanup_fd int fd = neg_errno(openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
					     0644));
	int r = fd < 0 ? fd : 0;

	for (size_t done = 0; r >= 0 && done < size;) {
		ssize_t n = write(fd, text + done, size - done);

		r = n < 0 ? -errno : 0;
		done += n < 0 ? 0 : (size_t)n;
	}
	return r < 0 ? cannot_write(e, r) : 0;
}

/* Return: a descriptor, or NULL with the fault. */
static struct json_object *write_text_blob(struct exporter *e, const char *type,
					   const char *text, struct digest *ret_digest)
{
	size_t size = strlen(text);

	if (digest_of(text, size, ret_digest) < 0) {
		cannot_write(e, -EIO);
		return NULL;
	}
	if (write_file(e, e->blobs_fd, digest_hex(ret_digest), text, size) < 0)
		return NULL;
	return new_descriptor(type, ret_digest, (int64_t)size);
}

static int pack_layer(struct exporter *e, size_t i, int out_fd, struct pack_result *ret_result)
{
	cleanup_free int *lowers = calloc(i + 1, sizeof(*lowers));
	struct image_stack stack = { lowers, i, overlay_prefix(e->store->tmp_fd) };
	struct pack_job job = { e->image->holds[i], &stack, e->compression, e->image->record.name,
				&e->progress };
	int r;

	if (!lowers || !stack.prefix)
		return cannot_write(e, lowers ? -EOPNOTSUPP : -ENOMEM);
	for (size_t k = 0; k < i; k++)
		lowers[k] = e->image->holds[i - 1 - k];
	progress_begin(&e->progress, e->image->record.layers[i].size_bytes, "layer %zu of %zu", i + 1,
		       e->image->record.layer_count);
	r = image_pack(&job, out_fd, ret_result, e->fault);
	progress_end(&e->progress, r < 0 ? "failed" : "done");
	return r;
}

static int write_layer(struct exporter *e, size_t i)
{
	static const char temp[] = ".layer";
	cleanup_fd int fd = neg_errno(openat(e->blobs_fd, temp, O_WRONLY | O_CREAT | O_EXCL |
					     O_CLOEXEC, 0644));
	struct pack_result packed;
	int r = fd < 0 ? cannot_write(e, fd) : pack_layer(e, i, fd, &packed);

	if (r < 0)
		return r;
	if (renameat(e->blobs_fd, temp, e->blobs_fd, digest_hex(&packed.blob)) < 0)
		return cannot_write(e, -errno);
	e->diffs[i] = packed.diff;
	json_object_array_add(e->layers, new_descriptor(layer_types[e->compression], &packed.blob,
							packed.size_bytes));
	return 0;
}

/* --- the layout ------------------------------------------------------------------------- */

static int write_index(struct exporter *e, struct json_object *manifest)
{
	cleanup_json struct json_object *index = json_object_new_object();
	struct json_object *notes = json_object_new_object();
	struct json_object *list = json_object_new_array();
	const char *text;

	json_object_object_add(notes, "org.opencontainers.image.ref.name",
			       json_object_new_string(e->image->record.name));
	json_object_object_add(manifest, "annotations", notes);
	json_object_array_add(list, manifest);
	json_object_object_add(index, "schemaVersion", json_object_new_int(2));
	json_object_object_add(index, "mediaType", json_object_new_string(OCI_TYPE("index.v1+json")));
	json_object_object_add(index, "manifests", list);
	text = json_object_to_json_string_ext(index, JSON_C_TO_STRING_NOSLASHESCAPE);
	return write_file(e, e->dir_fd, "index.json", text, strlen(text));
}

static int write_manifest(struct exporter *e, struct json_object *config,
			  struct digest *ret_digest)
{
	cleanup_json struct json_object *o = json_object_new_object();
	struct json_object *descriptor;

	json_object_object_add(o, "schemaVersion", json_object_new_int(2));
	json_object_object_add(o, "mediaType",
			       json_object_new_string(OCI_TYPE("manifest.v1+json")));
	json_object_object_add(o, "config", config);
	json_object_object_add(o, "layers", json_object_get(e->layers));
	descriptor = write_text_blob(e, OCI_TYPE("manifest.v1+json"),
				     json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE),
				     ret_digest);
	return descriptor ? write_index(e, descriptor) : -EIO;
}

static int write_config(struct exporter *e, struct json_object **ret_descriptor)
{
	cleanup_buf struct buf old = BUF_INIT, text = BUF_INIT;
	struct image_record *record = &e->image->record;
	struct digest digest;
	bool same = true;
	int r = store_read_blob(e->store, &record->id, &old, e->fault);

	for (size_t i = 0; i < record->layer_count; i++)
		same &= digest_equal(&record->layers[i].diff, &e->diffs[i]);
	if (r >= 0 && same)
		buf_add(&text, old.data, old.length);
	else if (r >= 0)
		r = edit_diffs(&old, e->diffs, record->layer_count, &text, e->fault);
	if (r < 0)
		return r;
	*ret_descriptor = write_text_blob(e, OCI_TYPE("config.v1+json"), buf_text(&text), &digest);
	return *ret_descriptor ? 0 : -EIO;
}

static int write_layout(struct exporter *e, struct digest *ret_digest)
{
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	struct json_object *config = NULL;
	int r;

	if (mkdirat(e->dir_fd, "blobs", 0755) < 0 || mkdirat(e->dir_fd, "blobs/sha256", 0755) < 0)
		return cannot_write(e, -errno);
	e->blobs_fd = neg_errno(openat(e->dir_fd, "blobs/sha256", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	e->diffs = calloc(e->image->record.layer_count + 1, sizeof(*e->diffs));
	e->layers = json_object_new_array();
	if (e->blobs_fd < 0 || !e->diffs || !e->layers)
		return cannot_write(e, e->blobs_fd < 0 ? e->blobs_fd : -ENOMEM);

	r = write_file(e, e->dir_fd, "oci-layout", version, strlen(version));
	for (size_t i = 0; r >= 0 && i < e->image->record.layer_count; i++)
		r = write_layer(e, i);
	if (r >= 0)
		r = write_config(e, &config);
	return r < 0 ? r : write_manifest(e, config, ret_digest);
}

/* --- where it goes ------------------------------------------------------------------------ */

/* The directory that holds @path, and its last component. */
static int open_parent(const char *path, char **ret_name)
{
	cleanup_free char *copy = strdup(path);
	size_t n = copy ? strlen(copy) : 0;
	char *slash;

	if (!copy)
		return -ENOMEM;
	while (n > 1 && copy[n - 1] == '/')
		copy[--n] = '\0';
	slash = strrchr(copy, '/');
	*ret_name = strdup(slash ? slash + 1 : copy);
	if (!*ret_name)
		return -ENOMEM;
	if (slash)
		slash[slash == copy] = '\0';
	return neg_errno(open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int archive_layout(struct exporter *e, int parent_fd, const char *temp)
{
	struct image_stack nothing = { NULL, 0, overlay_prefix(e->store->tmp_fd) };
	struct pack_job job = { e->dir_fd, &nothing, PACK_PLAIN, e->path, NULL };
	cleanup_fd int fd = neg_errno(openat(parent_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
					     0644));
	struct pack_result packed;

	if (!nothing.prefix)
		return cannot_write(e, -EOPNOTSUPP);
	return fd < 0 ? cannot_write(e, fd) : image_pack(&job, fd, &packed, e->fault);
}

static bool is_archive_name(const char *path)
{
	size_t n = strlen(path);

	return n > 4 && strcmp(path + n - 4, ".tar") == 0;
}

/* Made beside the place it goes to, and renamed when it is whole. */
static int write_beside(struct exporter *e, int parent_fd, const char *name,
			struct digest *ret_digest)
{
	char temp[32], temp_tar[64];
	bool is_archive = is_archive_name(e->path);
	int r;

	snprintf(temp, sizeof(temp), ".nacre-export-%d", getpid());
	snprintf(temp_tar, sizeof(temp_tar), "%s.tar", temp);
	if (mkdirat(parent_fd, temp, 0755) < 0)
		return cannot_write(e, -errno);
	e->dir_fd = neg_errno(openat(parent_fd, temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	r = e->dir_fd < 0 ? cannot_write(e, e->dir_fd) : write_layout(e, ret_digest);
	if (r >= 0 && is_archive)
		r = archive_layout(e, parent_fd, temp_tar);
	if (r >= 0) {
		r = neg_errno(renameat2(parent_fd, is_archive ? temp_tar : temp, parent_fd, name,
					RENAME_NOREPLACE));
		if (r < 0)
			cannot_write(e, r);
	}
	if (r < 0 && is_archive)
		(void)unlinkat(parent_fd, temp_tar, 0);	/* report r, not this */
	if (r < 0 || is_archive)
		(void)tree_remove(parent_fd, temp);
	return r;
}

static int export_to(struct exporter *e, struct digest *ret_digest)
{
	cleanup_free char *name = NULL;
	cleanup_fd int parent = open_parent(e->path, &name);
	struct stat st;

	if (parent < 0)
		return cannot_write(e, parent);
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		fault_set(e->fault, 0, "'%s' exists already\nRemove it, or choose another name.",
			  e->path);
		return -EEXIST;
	}
	return write_beside(e, parent, name, ret_digest);
}

int image_export(struct image_store *store, const char *name, const char *path,
		 enum pack_compression compression, bool quiet, struct digest *ret_digest,
		 struct fault *f)
{
	struct exporter e = { .store = store, .compression = compression, .path = path,
			      .dir_fd = -1, .blobs_fd = -1, .fault = f };
	int r = image_store_get(store, name, &e.image, f);

	progress_init(&e.progress, quiet);
	if (r >= 0)
		r = export_to(&e, ret_digest);
	image_release(e.image);
	json_object_put(e.layers);
	free(e.diffs);
	if (e.blobs_fd >= 0)
		close(e.blobs_fd);
	if (e.dir_fd >= 0)
		close(e.dir_fd);
	return r;
}
