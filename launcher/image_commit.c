/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/image_commit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/image_edit.h"
#include "launcher/image_import_impl.h"
#include "launcher/image_overlay.h"
#include "launcher/image_store_impl.h"

struct committer {
	struct image_store *store;
	const struct commit_options *options;
	struct image *base;	/* NULL: none */
	int upper_fd;
	int tar_fd;		/* the new layer, nameless in tmp/ */
	struct pack_result packed;
	struct fault *fault;
};

/* The upper directory lies on the base's layers, the top first. */
static int pack_upper(struct committer *c)
{
	size_t count = c->base ? c->base->record.layer_count : 0;
	cleanup_free int *fds = calloc(count + 1, sizeof(*fds));
	struct image_stack lowers = { fds, count, overlay_prefix(c->store->tmp_fd) };
	struct image_progress progress;
	struct pack_job job = { c->upper_fd, &lowers, PACK_PLAIN, c->options->upper, &progress };
	int r;

	if (!fds)
		return fault_set(c->fault, -ENOMEM, "cannot commit '%s'", c->options->upper);
	if (!lowers.prefix)
		return fault_set(c->fault, -EOPNOTSUPP, "'%s' is on a file system without extended attributes, which layers need",
				 c->store->path);
	for (size_t i = 0; i < count; i++)
		fds[i] = c->base->holds[count - 1 - i];
	progress_init(&progress, c->options->quiet);
	progress_begin(&progress, -1, "packing the changes");
	r = image_pack(&job, c->tar_fd, &c->packed, c->fault);
	progress_end(&progress, NULL);
	return r;
}

static int fill_layers(struct committer *c, struct import_job *job)
{
	size_t count = c->base ? c->base->record.layer_count : 0;

	job->layers = calloc(count + 1, sizeof(*job->layers));
	if (!job->layers)
		return fault_set(c->fault, -ENOMEM, "cannot commit '%s'", c->options->upper);
	job->layer_count = count + 1;
	for (size_t i = 0; i <= count; i++) {
		job->layers[i].fd = -1;	/* the base's are in the store, and held */
		job->layers[i].blob.size_bytes = -1;
	}
	job->layers[count].fd = c->tar_fd;
	return 0;
}

static int fill_job(struct committer *c, struct import_job *job)
{
	const struct import_options naming = { .path = "", .name = c->options->name };
	cleanup_buf struct buf base = BUF_INIT;
	int r = 0;

	if (c->base)
		r = store_read_blob(c->store, &c->base->record.id, &base, c->fault);
	if (r >= 0)
		r = edit_commit(&base, c->options, &c->packed.diff, &job->config_text, c->fault);
	if (r >= 0)
		r = fill_layers(c, job);
	if (r >= 0)
		r = import_job_finish(job, c->fault);
	return r < 0 ? r : import_job_name(job, NULL, &naming, c->fault);
}

static int open_all(struct committer *c)
{
	int r = 0;

	c->upper_fd = neg_errno(open(c->options->upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (c->upper_fd < 0)
		return fault_set(c->fault, c->upper_fd, "cannot open the directory of changes '%s'",
				 c->options->upper);
	if (c->options->base)
		r = image_store_get(c->store, c->options->base, &c->base, c->fault);
	if (r < 0)
		return r;
	c->tar_fd = neg_errno(openat(c->store->tmp_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
	return c->tar_fd < 0 ? fault_set(c->fault, c->tar_fd, "cannot make a file in '%s/tmp'",
					 c->store->path) : 0;
}

int image_commit(struct image_store *store, const struct commit_options *options,
		 struct image_records *ret_records, struct unpack_losses *losses,
		 struct fault *f)
{
	struct committer c = { .store = store, .options = options, .upper_fd = -1, .tar_fd = -1,
			       .fault = f };
	cleanup_fd int lock = import_begin(store, f);
	struct image_records records = { 0 };
	struct import_jobs jobs = { 0 };
	struct import_job *job;
	int r = lock < 0 ? lock : open_all(&c);

	if (r >= 0)
		r = pack_upper(&c);
	if (r >= 0) {
		job = import_jobs_add(&jobs);
		r = job ? fill_job(&c, job) : fault_set(f, -ENOMEM, "cannot commit '%s'",
							options->upper);
	}
	if (r >= 0)
		r = import_job_run(store, NULL, lock, jobs.items, options->quiet, &records, losses, f);
	if (r < 0)
		image_records_done(&records);
	else
		*ret_records = records;

	import_jobs_done(&jobs);
	image_release(c.base);
	if (c.tar_fd >= 0)
		close(c.tar_fd);
	if (c.upper_fd >= 0)
		close(c.upper_fd);
	return r;
}
