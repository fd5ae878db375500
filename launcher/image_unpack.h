/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/image_unpack.h - a layer's tar archive becomes a directory for overlay
 *
 * The archive may be hostile. Its paths are resolved one component at a time
 * against the layer itself and the layers below, in our own code: a symlink is
 * followed as if the layer's root were "/", ".." is refused. Every system call
 * is on one name in a directory below the root. The directory being filled
 * belongs to us alone until it is complete, so nothing changes under us.
 *
 * Source of the rules: OCI image-spec, layer.md, "Applying Changesets".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "launcher/fault.h"
#include "launcher/image_stack.h"

struct archive;

/* What could not be kept and does not make an image useless. */
enum unpack_loss {
	LOSS_OWNER,		/* an id that is not mapped here */
	LOSS_DEVICE,		/* a device node that we may not make */
	LOSS_XATTR,
	LOSS_ACL,
	LOSS_COUNT,
};

struct unpack_losses {
	uint64_t count[LOSS_COUNT];
	char first[LOSS_COUNT][200];	/* an entry that it happened to */
};

struct unpack_job {
	int root_fd;			/* an empty directory, open for reading */
	const struct image_stack *lowers;	/* the layers below; may be empty */
	const char *label;		/* names the layer in messages */
	struct unpack_losses *losses;	/* counted up */
};

/**
 * image_unpack() - fill the directory
 * @archive:	opened by the caller; its warnings are passed over
 * @ret_bytes:	bytes of all files
 * @ret_bad_input:	set if it was @archive that failed to deliver
 *
 * Whiteouts become devices 0:0 and opaque marks. Directories that the archive
 * only implies look as they do in the layers below.
 *
 * Return: 0; negative errno with @fault, which names the entry.
 */
int image_unpack(struct archive *archive, const struct unpack_job *job, int64_t *ret_bytes,
		 bool *ret_bad_input, struct fault *fault);

/** unpack_loss_text() - what was lost, for "N entries: ..." */
const char *unpack_loss_text(enum unpack_loss loss);
