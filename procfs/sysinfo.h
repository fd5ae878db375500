/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/sysinfo.h - what sysinfo(2) and sched_getaffinity(2) say in a container */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "procfs/view.h"

/* What sysinfo_write() needs of a view. */
#define SYSINFO_NEEDS (VIEW_CLOCK | VIEW_MEMORY | VIEW_MEMINFO | VIEW_LOAD)

#define SYSINFO_BYTES_64 112
#define SYSINFO_BYTES_32 64

/**
 * sysinfo_write() - a struct sysinfo as the kernel would fill it
 * @is_64:	for a program of 64 bits, else for one of 32
 * @out:	SYSINFO_BYTES_64 or SYSINFO_BYTES_32 bytes, by @is_64
 *
 * The figures are those of meminfo, uptime and loadavg. Sizes are in bytes; where
 * 32 bits do not hold them they are in larger units, up to 4 KiB, as the kernel
 * does it for such programs. Return: the bytes written.
 */
size_t sysinfo_write(const struct view *v, bool is_64, void *out);

/**
 * sysinfo_affinity() - CPUs that a thread may use, made those that it sees
 * @v:		with VIEW_CPUS
 * @mask:	as sched_getaffinity(2) gave it; changed in place
 *
 * What is left are visible ones. A thread that may use none of these shows as many
 * of its own as are visible, so that counting them gives no more.
 */
void sysinfo_affinity(const struct view *v, unsigned char *mask, size_t bytes);
