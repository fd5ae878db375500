/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/image_progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL_MS 100

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void show(struct image_progress *p)
{
	double mib = (double)p->done_bytes / (1 << 20);

	p->last_ms = now_ms();
	if (p->total_bytes > 0)
		fprintf(stderr, "\r%s: %3.0f%% of %.1f MiB\033[K", p->what,
			100.0 * (double)p->done_bytes / (double)p->total_bytes,
			(double)p->total_bytes / (1 << 20));
	else
		fprintf(stderr, "\r%s: %.1f MiB\033[K", p->what, mib);
	fflush(stderr);
}

void progress_init(struct image_progress *p, bool quiet)
{
	*p = (struct image_progress){ .shown = !quiet && isatty(STDERR_FILENO) };
}

void progress_begin(struct image_progress *p, int64_t total_bytes, const char *format, ...)
{
	va_list args;

	if (!p->shown)
		return;
	va_start(args, format);
	vsnprintf(p->what, sizeof(p->what), format, args);
	va_end(args);
	p->done_bytes = 0;
	p->total_bytes = total_bytes;
	show(p);
}

void progress_add(struct image_progress *p, int64_t bytes)
{
	if (!p || !p->shown)
		return;
	p->done_bytes += bytes;
	if (now_ms() - p->last_ms >= INTERVAL_MS)
		show(p);
}

void progress_end(struct image_progress *p, const char *result)
{
	if (!p->shown)
		return;
	if (result)
		fprintf(stderr, "\r%s: %s\033[K\n", p->what, result);
	else
		fputs("\r\033[K", stderr);
	fflush(stderr);
}
