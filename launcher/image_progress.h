/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/image_progress.h - one line on a terminal that tells how far an import is */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct image_progress {
	bool shown;		/* stderr is a terminal, and no one asked for silence */
	char what[100];
	int64_t done_bytes, total_bytes;
	int64_t last_ms;	/* when the line was written */
};

/** progress_init() - @quiet: never show anything */
void progress_init(struct image_progress *p, bool quiet);

/** progress_begin() - something new, of so many bytes; -1: unknown */
void progress_begin(struct image_progress *p, int64_t total_bytes, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** progress_add() - some bytes more */
void progress_add(struct image_progress *p, int64_t bytes);

/** progress_end() - leave the line with a last word; NULL removes it */
void progress_end(struct image_progress *p, const char *result);
