/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/image_import_docker.c - the images of a docker archive */
#include "config.h"
#include "launcher/image_import_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

static int add_layers(struct import_job *job, const struct docker_image *image, struct fault *f)
{
	job->layers = calloc(image->layers.count + 1, sizeof(*job->layers));
	if (!job->layers)
		return fault_set(f, -ENOMEM, "cannot list the image's layers");
	for (; job->layer_count < image->layers.count; job->layer_count++) {
		struct import_layer *layer = &job->layers[job->layer_count];

		layer->file = strdup(image->layers.items[job->layer_count]);
		layer->blob.size_bytes = -1;
		if (!layer->file)
			return fault_set(f, -ENOMEM, "cannot list the image's layers");
	}
	return 0;
}

/* "DIGITS.json" or "blobs/sha256/DIGITS": what the config's digest should be. */
static int check_id(const struct import_job *job, const char *file, struct fault *f)
{
	const char *slash = strrchr(file, '/');
	const char *base = slash ? slash + 1 : file;
	char text[DIGEST_SIZE] = "sha256:";
	struct digest said;

	if (strcspn(base, ".") != 64)
		return 0;
	strncat(text, base, 64);
	if (!digest_parse(text, &said) || digest_equal(&said, &job->id))
		return 0;
	return fault_set(f, 0, "the config '%s' is damaged: it has the digest %s", file,
			 job->id.text);
}

static bool is_wanted(const struct import_options *options, const struct docker_image *image)
{
	for (size_t i = 0; options->ref && i < image->tags.count; i++)
		if (strcmp(image->tags.items[i], options->ref) == 0)
			return true;
	return !options->ref;
}

static int add_names(struct import_job *job, const struct docker_image *image,
		     const struct import_options *options, struct fault *f)
{
	int r = image->tags.count ? 0 : import_job_name(job, NULL, options, f);

	for (size_t i = 0; r >= 0 && i < image->tags.count; i++)
		r = import_job_name(job, image->tags.items[i], options, f);
	return r;
}

static int read_image(struct image_source *source, const struct docker_image *image,
		      const struct import_options *options, struct import_jobs *jobs,
		      struct fault *f)
{
	struct import_job *job = import_jobs_add(jobs);
	int r;

	if (!job)
		return fault_set(f, -ENOMEM, "cannot list the images");
	r = image_source_read(source, image->config, &job->config_text, f);
	if (r >= 0)
		r = add_layers(job, image, f);
	if (r >= 0)
		r = import_job_finish(job, f);
	if (r >= 0)
		r = check_id(job, image->config, f);
	return r < 0 ? r : add_names(job, image, options, f);
}

int import_docker_read(struct image_source *source, const struct import_options *options,
		       struct import_jobs *jobs, struct fault *f)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct docker_images images = { 0 };
	int r = image_source_read(source, "manifest.json", &text, f);

	if (r >= 0)
		r = docker_images_parse(&text, &images, f);
	for (size_t i = 0; r >= 0 && i < images.count; i++)
		if (is_wanted(options, &images.items[i]))
			r = read_image(source, &images.items[i], options, jobs, f);
	docker_images_done(&images);
	if (r >= 0 && !jobs->count)
		r = options->ref ? fault_set(f, 0, "'%s' holds no image with the name '%s'",
					     options->path, options->ref)
				 : fault_set(f, 0, "'%s' holds no image: its manifest.json is empty",
					     options->path);
	return r;
}
