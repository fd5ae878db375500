/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/image_manifest.h - what the JSON files of an image say
 *
 * Text in, structs out; nothing is opened. The texts may be hostile: sizes,
 * counts and digests are checked here, so that a digest can be used as a file
 * name and a size as a limit. @what names the text in messages.
 */
#pragma once

#include <stdint.h>

#include "common/buf.h"
#include "common/opt.h"
#include "launcher/fault.h"
#include "launcher/image_digest.h"

/* Larger texts and more layers are refused. */
#define IMAGE_JSON_MAX	 (4u << 20)
#define IMAGE_LAYERS_MAX 500	/* what kernel overlay can stack */

struct image_descriptor {
	char *media_type;	/* never NULL */
	struct digest digest;
	int64_t size_bytes;
	char *ref;		/* the name it was given, or NULL */
	char *os, *arch;	/* NULL: any */
};

/* An OCI index, or a manifest: the one lists manifests, the other layers. */
struct image_manifest {
	struct image_descriptor config;	/* a manifest's */
	struct image_descriptor *items;
	size_t count;
};

/* One entry of manifest.json, as "docker save" writes it. */
struct docker_image {
	char *config;
	struct opt_list tags;
	struct opt_list layers;
};

struct docker_images {
	struct docker_image *items;
	size_t count;
};

struct image_config {
	struct opt_list entrypoint, cmd, env, volumes;
	char *workdir, *user, *stop_signal;	/* NULL: not given */
	char *os, *arch, *created;
	struct digest *diffs;	/* uncompressed layers, the lowest first */
	size_t diff_count;
};

/** image_index_parse() - an index.json or a list of manifests; 0 or -EBADMSG with @fault */
int image_index_parse(const struct buf *text, const char *what,
		      struct image_manifest *ret_index, struct fault *fault);

/** image_manifest_parse() - a manifest; -EOPNOTSUPP for what is no container image */
int image_manifest_parse(const struct buf *text, const char *what,
			 struct image_manifest *ret_manifest, struct fault *fault);

/** image_manifest_done() - free what the struct owns */
void image_manifest_done(struct image_manifest *manifest);

/** image_is_index() - whether a descriptor names a list of manifests */
bool image_is_index(const struct image_descriptor *d);

/** docker_images_parse() - a docker archive's manifest.json */
int docker_images_parse(const struct buf *text, struct docker_images *ret_images,
			struct fault *fault);

void docker_images_done(struct docker_images *images);

/** image_config_parse() - an image's config */
int image_config_parse(const struct buf *text, const char *what,
		       struct image_config *ret_config, struct fault *fault);

void image_config_done(struct image_config *config);
