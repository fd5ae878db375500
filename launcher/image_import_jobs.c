/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/image_import_jobs.c - what both kinds of sources have in common */
#include "config.h"
#include "launcher/image_import_impl.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "common/cleanup.h"
#include "launcher/image_hash.h"

const char *image_architecture(void)
{
	static const struct { const char *machine, *name; } known[] = {
		{ "x86_64", "amd64" },	  { "aarch64", "arm64" }, { "armv7l", "arm" },
		{ "armv6l", "arm" },	  { "i686", "386" },	  { "i586", "386" },
		{ "ppc64le", "ppc64le" }, { "s390x", "s390x" },	  { "riscv64", "riscv64" },
		{ "mips64", "mips64le" }, { "loongarch64", "loong64" },
	};
	static struct utsname u;

	if (uname(&u) < 0)
		return "unknown";
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(u.machine, known[i].machine) == 0)
			return known[i].name;
	return u.machine;
}

struct import_job *import_jobs_add(struct import_jobs *jobs)
{
	struct import_job *items = realloc(jobs->items, (jobs->count + 1) * sizeof(*items));

	if (!items)
		return NULL;
	jobs->items = items;
	items[jobs->count] = (struct import_job){ 0 };
	return &items[jobs->count++];
}

void import_jobs_done(struct import_jobs *jobs)
{
	for (size_t i = 0; i < jobs->count; i++) {
		struct import_job *job = &jobs->items[i];

		for (size_t k = 0; k < job->layer_count; k++)
			free(job->layers[k].file);
		free(job->layers);
		opt_list_done(&job->names);
		buf_done(&job->config_text);
		buf_done(&job->manifest_text);
		image_config_done(&job->config);
	}
	free(jobs->items);
	*jobs = (struct import_jobs){ 0 };
}

static int check_platform(const struct image_config *c, struct fault *f)
{
	if (c->os && *c->os && strcmp(c->os, "linux") != 0)
		return fault_set(f, -EOPNOTSUPP, "the image is for %s, not for Linux", c->os);
	return 0;
}

int import_job_finish(struct import_job *job, struct fault *f)
{
	int r = digest_of(buf_text(&job->config_text), job->config_text.length, &job->id);

	if (r < 0)
		return fault_set(f, r, "cannot compute the image's id");
	r = image_config_parse(&job->config_text, "the image's config", &job->config, f);
	if (r >= 0)
		r = check_platform(&job->config, f);
	if (r < 0)
		return r;
	if (job->config.diff_count != job->layer_count)
		return fault_set(f, 0, "the image has %zu layers, and its config names %zu",
				 job->layer_count, job->config.diff_count);
	for (size_t i = 0; i < job->layer_count; i++)
		job->layers[i].blob.diff = job->config.diffs[i];
	return 0;
}

/* "dir/My App.tar.gz" gives "my-app". */
static char *name_of_file(const char *path)
{
	static const char *const ends[] = { ".gz", ".zst", ".xz", ".bz2", ".tar", ".tgz", ".oci" };
	cleanup_free char *copy = strdup(strcmp(path, "-") == 0 ? "stdin" : path);
	size_t n = copy ? strlen(copy) : 0;
	const char *base;
	char *name;

	if (!copy)
		return NULL;
	while (n > 1 && copy[n - 1] == '/')
		copy[--n] = '\0';
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t m = strlen(ends[i]);

		if (n > m && strcmp(copy + n - m, ends[i]) == 0)
			copy[n -= m] = '\0';
	}
	base = strrchr(copy, '/') ? strrchr(copy, '/') + 1 : copy;
	base += strspn(base, "._-");
	name = strdup(*base ? base : "image");
	for (char *p = name; p && *p; p++)
		*p = isalnum((unsigned char)*p) || strchr("._-", *p) ? (char)tolower(*p) : '-';
	return name;
}

/* A layout's "latest" or "1.0" is a tag: the file's name stands before it. */
static char *full_name(const char *name, const struct import_options *options)
{
	cleanup_free char *base = NULL;
	char *whole;

	if (name && strpbrk(name, "/:"))
		return image_name_complete(name);
	base = name_of_file(options->path);
	if (!base || asprintf(&whole, "%s:%s", base, name && *name ? name : "latest") < 0)
		return NULL;
	return whole;
}

int import_job_name(struct import_job *job, const char *name, const struct import_options *options,
		    struct fault *f)
{
	cleanup_free char *whole = options->name ? image_name_complete(options->name)
						 : full_name(name, options);

	if (!whole)
		return fault_set(f, -ENOMEM, "cannot name the image");
	if (!image_name_is_valid(whole))
		return fault_set(f, 0, "'%.200s' is no name for an image: use letters, digits and "
				 "._-/:@+\nGive it another: nacre import PATH NAME.", whole);
	for (size_t i = 0; i < job->names.count; i++)
		if (strcmp(job->names.items[i], whole) == 0)
			return 0;
	return opt_list_add(&job->names, whole) < 0 ? fault_set(f, -ENOMEM, "cannot name the image")
						    : 0;
}

int import_jobs_read(struct image_source *source, const struct import_options *options,
		     struct import_jobs *ret_jobs, struct fault *f)
{
	struct import_jobs jobs = { 0 };
	int r;

	if (image_source_has(source, "index.json"))
		r = import_oci_read(source, options, &jobs, f);
	else if (image_source_has(source, "manifest.json"))
		r = import_docker_read(source, options, &jobs, f);
	else
		r = fault_set(f, 0, "'%s' holds no image: neither index.json nor manifest.json\n"
			      "Give an OCI layout (directory or tar), or what \"docker save\" wrote.",
			      options->path);
	if (r >= 0 && jobs.count > 1 && options->name)
		r = fault_set(f, 0, "'%s' holds %zu images, which cannot all be named '%s'\n"
			      "Choose one with --ref, or import them under their own names.",
			      options->path, jobs.count, options->name);
	if (r < 0)
		import_jobs_done(&jobs);
	else
		*ret_jobs = jobs;
	return r;
}
