/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/image_import.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "launcher/image_hash.h"
#include "launcher/image_import_impl.h"
#include "launcher/image_overlay.h"
#include "launcher/image_store_impl.h"
#include "launcher/tree.h"

struct importer {
	struct image_store *store;
	struct image_source *source;
	struct image_progress progress;
	struct unpack_losses *losses;
	struct image_records known;	/* images there were before */
	struct fault *fault;
};

/* The layers of one image, the lowest first, each held by a lock. */
struct imported {
	struct image_record record;
	int *fds;
};

static void imported_done(struct imported *im)
{
	for (size_t i = 0; im->fds && i < im->record.layer_count; i++)
		close(im->fds[i]);
	free(im->fds);
	image_record_done(&im->record);
}

static void say_waiting(void)
{
	log_info("another import is under way, waiting for it");
}

int import_begin(struct image_store *store, struct fault *f)
{
	return store_begin_import(store, say_waiting, f);
}

/* --- one layer ----------------------------------------------------------------------- */

/* A layer that was there: some image that has it knows its size. */
static int64_t known_size(const struct importer *im, const struct digest *chain)
{
	for (size_t i = 0; i < im->known.count; i++)
		for (size_t k = 0; k < im->known.items[i].layer_count; k++)
			if (digest_equal(&im->known.items[i].layers[k].chain, chain))
				return im->known.items[i].layers[k].size_bytes;
	return -1;
}

static int unpack_into(struct importer *im, const struct imported *image, int dir_fd,
		       const struct import_layer *layer, const char *label, int64_t *ret_bytes)
{
	cleanup_free int *lowers = calloc(image->record.layer_count + 1, sizeof(*lowers));
	struct image_stack stack = { lowers, image->record.layer_count, overlay_prefix(dir_fd) };
	struct unpack_job job = { dir_fd, &stack, label, im->losses };
	struct image_stream *stream = NULL;
	int r;

	if (!lowers)
		return fault_set(im->fault, -ENOMEM, "%s: cannot be unpacked", label);
	if (!stack.prefix)
		return fault_set(im->fault, -EOPNOTSUPP, "'%s' is on a file system without extended attributes, which layers need",
				 im->store->path);
	for (size_t i = 0; i < stack.count; i++)
		lowers[i] = image->fds[stack.count - 1 - i];
	r = layer->file ? image_source_stream(im->source, layer->file, &stream, im->fault)
			: image_stream_from_fd(layer->fd, &stream);
	if (r < 0)
		return fault_set(im->fault, r, "%s: cannot be read", label);
	progress_begin(&im->progress, image_stream_size(stream), "%s", label);
	r = image_layer_unpack(stream, &layer->blob, &job, &im->progress, ret_bytes, im->fault);
	progress_end(&im->progress, r < 0 ? "failed" : "done");
	image_stream_free(stream);
	return r;
}

/* Return: the new layer's directory, held. */
static int make_layer(struct importer *im, const struct imported *image,
		      const struct import_layer *layer, const struct digest *chain,
		      const char *label, int64_t *ret_bytes)
{
	char name[32];
	int fd = store_temp_dir(im->store, name);
	int r;

	if (fd < 0)
		return fault_set(im->fault, fd, "cannot make a directory in '%s/tmp'",
				 im->store->path);
	r = unpack_into(im, image, fd, layer, label, ret_bytes);
	if (r >= 0) {
		r = store_publish_layer(im->store, name, fd, chain);
		if (r < 0)
			fault_set(im->fault, r, "%s: cannot be stored", label);
	}
	if (r < 0) {
		close(fd);
		(void)tree_remove(im->store->tmp_fd, name);	/* report r; the next import sweeps */
		return r;
	}
	return fd;
}

/* A layer that has no record yet may be orphaned, and then removed, while we look. */
static int hold_existing(struct importer *im, const struct digest *chain)
{
	int r = store_lock(im->store, LOCK_SH, im->fault);

	if (r < 0)
		return r;
	r = store_hold_layer(im->store, chain);
	(void)store_lock(im->store, LOCK_UN, im->fault);
	return r;
}

static int import_layer(struct importer *im, struct imported *image,
			const struct import_layer *layer, size_t count)
{
	struct image_record *record = &image->record;
	struct image_layer *stored = &record->layers[record->layer_count];
	char label[64];
	int fd;
	int r;

	r = digest_chain(record->layer_count ? &stored[-1].chain : &(struct digest){ "" },
			 &layer->blob.diff, &stored->chain);
	if (r < 0)
		return fault_set(im->fault, r, "cannot compute a layer's name");
	stored->diff = layer->blob.diff;
	snprintf(label, sizeof(label), "layer %zu of %zu (%.12s)", record->layer_count + 1, count,
		 digest_hex(&layer->blob.diff));

	stored->size_bytes = known_size(im, &stored->chain);
	fd = hold_existing(im, &stored->chain);
	if (fd == -ENOENT)
		fd = make_layer(im, image, layer, &stored->chain, label, &stored->size_bytes);
	if (fd < 0)
		return fault_set(im->fault, fd, "%s: cannot be opened in the store", label);
	image->fds[record->layer_count++] = fd;
	return 0;
}

/* --- one image -------------------------------------------------------------------------- */

static int write_records(struct importer *im, const struct import_job *job,
			 struct image_record *record, struct image_records *records)
{
	char *own = record->name;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < job->names.count; i++) {
		struct image_record *items = realloc(records->items,
						     (records->count + 1) * sizeof(*items));

		if (!items)
			return fault_set(im->fault, -ENOMEM, "cannot store the image");
		records->items = items;
		record->name = job->names.items[i];
		r = store_write_record(im->store, record, im->fault);
		if (r >= 0 && record_copy(record, &items[records->count]) < 0)
			r = fault_set(im->fault, -ENOMEM, "cannot store the image");
		if (r >= 0)
			records->count++;
		record->name = own;
	}
	return r;
}

/* Blobs before the records that name them; all under the lock that keeps collectors out. */
static int publish(struct importer *im, const struct import_job *job, struct imported *image,
		   struct image_records *records)
{
	int r = store_lock(im->store, LOCK_EX, im->fault);

	if (r < 0)
		return r;
	r = store_write_blob(im->store, &job->id, &job->config_text);
	if (r >= 0 && digest_is_set(&job->manifest_digest))
		r = store_write_blob(im->store, &job->manifest_digest, &job->manifest_text);
	if (r < 0)
		fault_set(im->fault, r, "cannot store the image's config in '%s'", im->store->path);
	else
		r = write_records(im, job, &image->record, records);
	/* A name that moved on may have left layers behind. */
	if (r >= 0)
		r = store_collect_locked(im->store, im->fault);
	(void)store_lock(im->store, LOCK_UN, im->fault);
	return r;
}

static int import_image(struct importer *im, const struct import_job *job,
			struct image_records *records)
{
	struct imported image = { 0 };
	int r = 0;

	image.record.id = job->id;
	image.record.manifest = job->manifest_digest;
	image.record.imported_s = time(NULL);
	image.record.layers = calloc(job->layer_count + 1, sizeof(*image.record.layers));
	image.fds = calloc(job->layer_count + 1, sizeof(*image.fds));
	if (!image.record.layers || !image.fds)
		r = fault_set(im->fault, -ENOMEM, "cannot import the image");
	for (size_t i = 0; r >= 0 && i < job->layer_count; i++)
		r = import_layer(im, &image, &job->layers[i], job->layer_count);
	if (r >= 0)
		r = publish(im, job, &image, records);
	imported_done(&image);
	return r;
}

int import_job_run(struct image_store *store, struct image_source *source, int lock,
		   const struct import_job *job, bool quiet, struct image_records *records,
		   struct unpack_losses *losses, struct fault *f)
{
	struct importer im = { .store = store, .source = source, .losses = losses, .fault = f };
	int r;

	(void)lock;		/* only shows that the caller has it */
	progress_init(&im.progress, quiet);
	r = image_store_list(store, &im.known, f);
	if (r >= 0)
		r = import_image(&im, job, records);
	image_records_done(&im.known);
	return r;
}

/* --- all of them -------------------------------------------------------------------------- */

int image_import(struct image_store *store, const struct import_options *options,
		 struct image_records *ret_records, struct unpack_losses *losses,
		 struct fault *f)
{
	cleanup_fd int lock = import_begin(store, f);
	struct image_source *source = NULL;
	struct image_records records = { 0 };
	struct import_jobs jobs = { 0 };
	int r;

	if (lock < 0)
		return lock;
	r = image_source_open(options->path, store->tmp_fd, &source, f);
	if (r >= 0)
		r = import_jobs_read(source, options, &jobs, f);
	for (size_t i = 0; r >= 0 && i < jobs.count; i++)
		r = import_job_run(store, source, lock, &jobs.items[i], options->quiet, &records,
				   losses, f);
	import_jobs_done(&jobs);
	image_source_free(source);
	if (r < 0)
		image_records_done(&records);
	else
		*ret_records = records;
	return r;
}
