/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/image_edit.h - new configs from old ones */
#pragma once

#include "launcher/image_commit.h"
#include "launcher/json.h"

/** edit_now() - this moment as RFC 3339 */
void edit_now(char *text, size_t size);

/**
 * edit_commit() - the config of a committed image
 * @base:	the base's config as text; empty for none
 * @diff:	the new layer
 */
int edit_commit(const struct buf *base, const struct commit_options *options,
		const struct digest *diff, struct buf *ret_text, struct fault *fault);

/** edit_diffs() - a config with other digests for the same layers */
int edit_diffs(const struct buf *old, const struct digest *diffs, size_t count,
	       struct buf *ret_text, struct fault *fault);
