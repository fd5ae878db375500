/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/image_pack_impl.h - what the parts of image_pack share */
#pragma once

#include <limits.h>
#include <sys/stat.h>

#include "common/opt.h"
#include "launcher/image_archive.h"
#include "launcher/image_pack.h"

struct pack_link {
	dev_t dev;
	ino_t ino;
	char *path;		/* where the file was written first */
};

struct pack {
	struct archive *tar;
	const struct pack_job *job;
	const char *prefix;	/* of overlay's marks */
	struct pack_link *links;
	size_t link_count;
	struct fault *fault;
};

/* image_pack.c */

/** pack_fail() - a fault that names the file; returns @error or -EINVAL */
int pack_fail(struct pack *p, int error, const char *path, const char *why);

/**
 * pack_object() - write one object with its attributes
 * @fd:		O_PATH
 * @data_fd:	O_PATH of the file that has its data: the same, unless it is a
 *		file of which only the attributes were changed
 * @path:	its name in the archive; "" is the root
 */
int pack_object(struct pack *p, int fd, const struct stat *st, int data_fd, const char *path);

/** pack_whiteout() - write "DIR/.wh.NAME" */
int pack_whiteout(struct pack *p, const char *dir, const char *name);

/* image_pack_tree.c */

/** pack_tree() - write everything */
int pack_tree(struct pack *p);

/** pack_join() - "DIR/NAME", or NAME in the root; -ENAMETOOLONG */
int pack_join(char ret_path[static PATH_MAX], const char *dir, const char *name);
