/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs/sizes.h - what stat(2) says of the size of rendered files
 *
 * A size of 0, as procfs has it, would be best, but sendfile(2) and splice(2)
 * of a FUSE file (busybox cat) take the kernel's page cache, which ends at that
 * size. So a file is as many whole pages as its text, as in sysfs: tools that
 * know sysfs read on to the real end, and tail finds text on the last page.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIZES_PAGE 4096

struct sizes;

/** sizes_new() - NULL when out of memory */
struct sizes *sizes_new(void);

/** sizes_free() - accepts NULL, returns NULL */
struct sizes *sizes_free(struct sizes *s);

/** sizes_get() - the size of a node, or 0 if it was not rendered yet */
uint64_t sizes_get(struct sizes *s, uint64_t node);

/** sizes_set() - a node's text is @length long; true if that changes a size that
 *	was told */
bool sizes_set(struct sizes *s, uint64_t node, size_t length);
