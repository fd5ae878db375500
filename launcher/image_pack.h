/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/image_pack.h - overlay's upper directory becomes a layer's tar archive
 *
 * Devices 0:0 and opaque marks become .wh. files. What overlay stores as a
 * reference to the layers below, a renamed directory or a file whose data were
 * never changed, is written in full, for a layer cannot refer to another.
 *
 * The same tree gives the same bytes: names are sorted, and nothing of this
 * host or this moment is written.
 */
#pragma once

#include <stdint.h>

#include "launcher/fault.h"
#include "launcher/image_digest.h"
#include "launcher/image_progress.h"
#include "launcher/image_stack.h"

enum pack_compression {
	PACK_PLAIN,
	PACK_GZIP,
	PACK_ZSTD,
};

struct pack_job {
	int upper_fd;			/* open for reading */
	const struct image_stack *lowers;	/* the layers below */
	enum pack_compression compression;
	const char *label;		/* names the tree in messages */
	struct image_progress *progress;	/* told of bytes read; may be NULL */
};

struct pack_result {
	struct digest diff, blob;	/* of the tar, and of what was written */
	int64_t size_bytes;
};

/**
 * image_pack() - write a directory as a layer
 * @out_fd:	where to; an empty file
 *
 * Return: 0; -EOPNOTSUPP, -ESTALE for a file that changes meanwhile, other
 * negative errno; with @fault, which names the file.
 */
int image_pack(const struct pack_job *job, int out_fd, struct pack_result *ret_result,
	       struct fault *fault);
