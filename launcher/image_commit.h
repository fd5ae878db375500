/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/image_commit.h - a container's changes as a new image; images as files */
#pragma once

#include "launcher/image_import.h"
#include "launcher/image_pack.h"

struct commit_options {
	const char *upper;	/* the directory that holds the changes */
	const char *base;	/* the image below it; NULL: none */
	const char *name;	/* of the new image */
	const char *message;	/* for its history; or NULL */
	struct opt_list env;	/* "NAME=VALUE", in place of the base's */
	struct opt_list entrypoint, cmd;	/* empty: the base's */
	const char *workdir, *user;	/* NULL: the base's */
	bool quiet;
};

/**
 * image_commit() - make an image of a base and a directory of changes
 * @ret_records:	the new image
 *
 * A container that still writes there should be paused.
 *
 * Return: 0; negative errno with @fault.
 */
int image_commit(struct image_store *store, const struct commit_options *options,
		 struct image_records *ret_records, struct unpack_losses *losses,
		 struct fault *fault);

/**
 * image_export() - write an image as an OCI layout
 * @path:	a new directory; or a new archive, if it ends in ".tar"
 * @compression:	of the layers
 * @quiet:	no progress
 * @ret_digest:	of the manifest
 *
 * The layers are packed again: their content is the same, their digests are
 * only the old ones if nacre had packed them before.
 *
 * Return: 0; -EEXIST if there is something at @path; negative errno; @fault.
 */
int image_export(struct image_store *store, const char *name, const char *path,
		 enum pack_compression compression, bool quiet, struct digest *ret_digest,
		 struct fault *fault);
