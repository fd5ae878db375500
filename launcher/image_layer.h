/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/image_layer.h - a layer's blob: decompressed, checked and unpacked in one pass */
#pragma once

#include "launcher/image_digest.h"
#include "launcher/image_progress.h"
#include "launcher/image_source.h"
#include "launcher/image_unpack.h"

struct layer_blob {
	struct digest blob;	/* of the bytes as they come; not set: not checked */
	int64_t size_bytes;	/* of these bytes; -1: not checked */
	struct digest diff;	/* of the tar inside */
};

/**
 * image_layer_unpack() - fill the job's directory with the layer
 * @progress:	told how many bytes were read; may be NULL
 * @ret_bytes:	bytes of all files
 *
 * The directory is only good if this succeeds: the digests are known at the end.
 *
 * Return: 0; -EBADMSG for what is damaged; negative errno; with @fault.
 */
int image_layer_unpack(struct image_stream *stream, const struct layer_blob *blob,
		       const struct unpack_job *job, struct image_progress *progress,
		       int64_t *ret_bytes, struct fault *fault);
