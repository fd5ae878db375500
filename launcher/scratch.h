/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/scratch.h - directories for a container's changes */
#pragma once

#include <stdbool.h>

#include "launcher/fault.h"
#include "launcher/plan.h"

struct scratch {
	char *upper;		/* the layer that takes changes */
	char *work;		/* the overlay's work directory */
	char *mountpoints;	/* the lowest layer: what mounts cover, if no other has it */
	char *vanishes;		/* what to remove at the end; holds all of it but a given upper */
};

/**
 * scratch_paths() - where they will be; makes nothing, so it can be written down first
 * @data:	directory for scratch layers
 */
int scratch_paths(const struct plan_rootfs *root, const char *data, const char *id,
		  struct scratch *ret_scratch, struct fault *fault);

/**
 * scratch_make() - make them; a given upper is made if it is missing
 * @with_upper:	false: whoever copies the layers there makes it
 */
int scratch_make(const struct scratch *scratch, bool with_upper, struct fault *fault);

/**
 * scratch_add_mountpoints() - have the mount points that no layer has
 *
 * Made in the union they would be in the upper layer, where only what the
 * container did belongs. So they are made in a layer of their own, which is
 * appended to the plan's lowers.
 */
int scratch_add_mountpoints(struct plan *plan, const struct scratch *scratch,
			    struct fault *fault);

/** scratch_done() - free the strings; nothing is removed */
void scratch_done(struct scratch *scratch);
