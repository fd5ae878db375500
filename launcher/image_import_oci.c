/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/image_import_oci.c - the images of an OCI layout */
#include "config.h"
#include "launcher/image_import_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "launcher/image_hash.h"

#define INDEX_DEPTH_MAX 4

struct oci_reader {
	struct image_source *source;
	const struct import_options *options;
	struct import_jobs *jobs;
	bool other_platforms;
	struct fault *fault;
};

static void blob_file(const struct digest *digest, char ret_file[static DIGEST_SIZE + 8])
{
	char path[DIGEST_SIZE];

	digest_path(digest, path);
	memcpy(ret_file, "blobs/", 7);
	strcat(ret_file, path);
}

/* A blob that is small enough to be read: its size and digest must be right. */
static int read_blob(struct oci_reader *o, const struct image_descriptor *d, struct buf *text)
{
	cleanup_hash struct hash *hash = hash_new(&d->digest);
	char file[DIGEST_SIZE + 8];
	struct digest digest;
	int r;

	if (!hash)
		return fault_set(o->fault, -ENOMEM, "cannot check '%s'", d->digest.text);
	blob_file(&d->digest, file);
	r = image_source_read(o->source, file, text, o->fault);
	if (r < 0)
		return r;
	if (text->length != (uint64_t)d->size_bytes)
		return fault_set(o->fault, 0, "'%s' is truncated or too long: %zu bytes instead of %lld",
				 file, text->length, (long long)d->size_bytes);
	hash_add(hash, buf_text(text), text->length);
	if (hash_end(hash, &digest) < 0 || !digest_equal(&digest, &d->digest))
		return fault_set(o->fault, 0, "'%s' is damaged: it has the digest %s", file,
				 digest.text);
	return 0;
}

static int add_layers(struct import_job *job, const struct image_manifest *m, struct fault *f)
{
	job->layers = calloc(m->count + 1, sizeof(*job->layers));
	if (!job->layers)
		return fault_set(f, -ENOMEM, "cannot list the image's layers");
	for (; job->layer_count < m->count; job->layer_count++) {
		struct import_layer *layer = &job->layers[job->layer_count];
		const struct image_descriptor *d = &m->items[job->layer_count];
		char file[DIGEST_SIZE + 8];

		blob_file(&d->digest, file);
		layer->file = strdup(file);
		layer->blob.blob = d->digest;
		layer->blob.size_bytes = d->size_bytes;
		if (!layer->file)
			return fault_set(f, -ENOMEM, "cannot list the image's layers");
	}
	return 0;
}

static int fill_job(struct oci_reader *o, struct import_job *job, const struct image_descriptor *d,
		    const char *name)
{
	struct image_manifest m = { 0 };
	int r = read_blob(o, d, &job->manifest_text);

	job->manifest_digest = d->digest;
	if (r >= 0)
		r = image_manifest_parse(&job->manifest_text, "the manifest", &m, o->fault);
	if (r < 0)
		return r;
	r = read_blob(o, &m.config, &job->config_text);
	if (r >= 0)
		r = add_layers(job, &m, o->fault);
	if (r >= 0)
		r = import_job_finish(job, o->fault);
	/* The store names an image by its config. */
	if (r >= 0)
		job->id = m.config.digest;
	image_manifest_done(&m);
	return r < 0 ? r : import_job_name(job, name, o->options, o->fault);
}

static struct import_job *find_job(struct oci_reader *o, const struct digest *manifest)
{
	for (size_t i = 0; i < o->jobs->count; i++)
		if (digest_equal(&o->jobs->items[i].manifest_digest, manifest))
			return &o->jobs->items[i];
	return NULL;
}

static bool is_for_us(const struct image_descriptor *d)
{
	if (d->os && strcmp(d->os, "linux") != 0)
		return false;
	return !d->arch || strcmp(d->arch, image_architecture()) == 0;
}

static bool is_wanted(const struct import_options *options, const char *name)
{
	return !options->ref || (name && strcmp(options->ref, name) == 0);
}

static int read_index(struct oci_reader *o, const struct buf *text, const char *what,
		      const char *outer_name, unsigned depth);

static int read_nested(struct oci_reader *o, const struct image_descriptor *d, const char *name,
		       unsigned depth)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r;

	if (depth >= INDEX_DEPTH_MAX)
		return fault_set(o->fault, 0, "an index in an index in an index is too much");
	r = read_blob(o, d, &text);
	return r < 0 ? r : read_index(o, &text, "a nested index", name, depth);
}

static int read_item(struct oci_reader *o, const struct image_descriptor *d, const char *name,
		     unsigned depth)
{
	struct import_job *job;

	if (image_is_index(d))
		return read_nested(o, d, name, depth + 1);
	if (!is_wanted(o->options, name))
		return 0;
	if (!is_for_us(d)) {
		o->other_platforms = true;
		return 0;
	}
	job = find_job(o, &d->digest);
	if (job)
		return import_job_name(job, name, o->options, o->fault);
	job = import_jobs_add(o->jobs);
	if (!job)
		return fault_set(o->fault, -ENOMEM, "cannot list the images");
	return fill_job(o, job, d, name);
}

static int read_index(struct oci_reader *o, const struct buf *text, const char *what,
		      const char *outer_name, unsigned depth)
{
	struct image_manifest index = { 0 };
	int r = image_index_parse(text, what, &index, o->fault);

	for (size_t i = 0; r >= 0 && i < index.count; i++) {
		const struct image_descriptor *d = &index.items[i];

		r = read_item(o, d, outer_name ? outer_name : d->ref, depth);
	}
	image_manifest_done(&index);
	return r;
}

int import_oci_read(struct image_source *source, const struct import_options *options,
		    struct import_jobs *jobs, struct fault *f)
{
	struct oci_reader o = { .source = source, .options = options, .jobs = jobs, .fault = f };
	cleanup_buf struct buf text = BUF_INIT;
	int r = image_source_read(source, "index.json", &text, f);

	if (r >= 0)
		r = read_index(&o, &text, "index.json", NULL, 0);
	if (r < 0 || jobs->count)
		return r;
	if (o.other_platforms)
		return fault_set(f, 0, "'%s' holds no image for linux/%s, only for other platforms",
				 options->path, image_architecture());
	if (options->ref)
		return fault_set(f, 0, "'%s' holds no image with the name '%s'", options->path,
				 options->ref);
	return fault_set(f, 0, "'%s' holds no image: its index is empty", options->path);
}
