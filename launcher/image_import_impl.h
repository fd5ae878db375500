/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/image_import_impl.h - from what an archive says to what is to be done */
#pragma once

#include "launcher/image_import.h"

struct import_layer {
	char *file;		/* in the source; or NULL */
	int fd;			/* without `file`: an open file; lent */
	struct layer_blob blob;
};

/* An image to be imported: everything but the layers' bytes is known. */
struct import_job {
	struct opt_list names;
	struct digest id, manifest_digest;
	struct buf config_text, manifest_text;	/* no manifest in docker archives */
	struct image_config config;
	struct import_layer *layers;	/* the lowest first */
	size_t layer_count;
};

struct import_jobs {
	struct import_job *items;
	size_t count;
};

/**
 * import_jobs_read() - what a source holds
 *
 * Digests and sizes of manifests and configs are checked, platforms of others
 * are passed over.
 */
int import_jobs_read(struct image_source *source, const struct import_options *options,
		     struct import_jobs *ret_jobs, struct fault *fault);

void import_jobs_done(struct import_jobs *jobs);

/** import_jobs_add() - an empty job more; NULL without memory */
struct import_job *import_jobs_add(struct import_jobs *jobs);

/** import_job_finish() - read the config, match it with the layers; used by both readers */
int import_job_finish(struct import_job *job, struct fault *fault);

/** import_job_name() - add a name: complete a short one; -EINVAL for what is no name */
int import_job_name(struct import_job *job, const char *name, const struct import_options *options,
		    struct fault *fault);

/** import_begin() - store_begin_import(), which says that it waits */
int import_begin(struct image_store *store, struct fault *fault);

/**
 * import_job_run() - unpack a job's layers and store it
 * @source:	where its files are; NULL if all its layers are open files
 * @lock:	of import_begin()
 */
int import_job_run(struct image_store *store, struct image_source *source, int lock,
		   const struct import_job *job, bool quiet, struct image_records *records,
		   struct unpack_losses *losses, struct fault *fault);

/** import_oci_read(), import_docker_read() - the two kinds of sources */
int import_oci_read(struct image_source *source, const struct import_options *options,
		    struct import_jobs *jobs, struct fault *fault);
int import_docker_read(struct image_source *source, const struct import_options *options,
		       struct import_jobs *jobs, struct fault *fault);
