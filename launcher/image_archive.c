/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/image_archive.h"

#include <errno.h>

/*
 * Each returns ARCHIVE_WARN if it would run a program for it: what an image
 * says must not start programs, so such a filter is left out. The archive is
 * then of an unknown format.
 */
static int (*const filters[])(struct archive *) = {
	archive_read_support_filter_gzip,
	archive_read_support_filter_zstd,
	archive_read_support_filter_xz,
	archive_read_support_filter_bzip2,
};

struct archive *archive_new_filters(void)
{
	struct archive *a = archive_read_new();

	if (!a)
		return NULL;
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		if (filters[i](a) == ARCHIVE_OK)
			continue;
		archive_read_free(a);
		return NULL;
	}
	return a;
}

struct archive *archive_new_tar(void)
{
	struct archive *a = archive_read_new();

	if (a && archive_read_support_format_tar(a) != ARCHIVE_OK) {
		archive_read_free(a);
		return NULL;
	}
	return a;
}

int archive_error(struct archive *a)
{
	int error = archive_errno(a);

	/* libarchive's own codes are negative; a wrong format is EILSEQ to it. */
	return error > 0 && error < 4096 && error != EILSEQ ? -error : -EBADMSG;
}

const char *archive_why(struct archive *a)
{
	const char *why = archive_error_string(a);

	return why ? why : "unknown error";
}

int archive_next(struct archive *a, struct archive_entry **ret_entry)
{
	for (;;) {
		switch (archive_read_next_header(a, ret_entry)) {
		case ARCHIVE_OK:
		case ARCHIVE_WARN:
			return 1;
		case ARCHIVE_RETRY:
			continue;
		case ARCHIVE_EOF:
			return 0;
		default:
			return archive_error(a);
		}
	}
}
