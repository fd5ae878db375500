/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/explain.h - where a file's figures come from, for people */
#pragma once

#include "procfs/container.h"

/**
 * explain() - render a file, and tell what was read for it
 * @path:	as in table.h
 * @field:	only this line and its formula; NULL: the whole file
 * @out:	appended to
 *
 * Return: 0; -ENOENT if there is no such file; -ENODATA if it has no such
 * field; as tree_render().
 */
int explain(struct host *host, struct container *c, const char *path, const char *field,
	    struct buf *out);
