/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/image_archive.h - libarchive, with our idioms */
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <stddef.h>

/* Bytes read at once: enough that system calls do not count. */
#define ARCHIVE_CHUNK (256u << 10)

static inline void cleanup_archive_(struct archive **a)
{
	if (*a)
		archive_read_free(*a);
}

#define cleanup_archive __attribute__((cleanup(cleanup_archive_)))

/** archive_new_filters() - a reader that undoes gzip, zstd, ...; NULL without memory */
struct archive *archive_new_filters(void);

/** archive_new_tar() - a reader of tar archives; NULL without memory */
struct archive *archive_new_tar(void);

/** archive_error() - what libarchive's last failure was, as negative errno */
int archive_error(struct archive *a);

/** archive_why() - the same in words */
const char *archive_why(struct archive *a);

/**
 * archive_next() - the next header, warnings passed over
 *
 * Names that are not in the locale's charset only warn: their bytes are kept.
 *
 * Return: 1; 0 at the end; negative errno.
 */
int archive_next(struct archive *a, struct archive_entry **ret_entry);
