/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/image_import.h - bring images into the store
 *
 * From an OCI image layout (a directory, or a tar archive of one) or from a
 * docker archive ("docker save", "podman save").
 */
#pragma once

#include "launcher/image_layer.h"
#include "launcher/image_store.h"

struct import_options {
	const char *path;	/* "-": an archive on stdin */
	const char *name;	/* the image's new name; NULL: what it says itself */
	const char *ref;	/* of several images: the one with this name; or NULL */
	bool quiet;		/* no progress */
};

/**
 * image_import() - import what @options->path holds
 * @ret_records:	the new images; free with image_records_done()
 * @losses:	counts what could not be kept
 *
 * Layers that the store has are not read again. A killed import leaves whole
 * layers and, until the next import, a directory in tmp/.
 *
 * Return: 0; negative errno with @fault: no image of this call is stored then,
 * unless it came with others before the one that failed.
 */
int image_import(struct image_store *store, const struct import_options *options,
		 struct image_records *ret_records, struct unpack_losses *losses,
		 struct fault *fault);

/** image_architecture() - this machine, as images name it: "amd64" */
const char *image_architecture(void);
