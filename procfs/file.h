/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs/file.h - what renders each served file
 *
 * Every one appends the whole file to @out, as the host's kernel would write
 * it, from the view alone. Return: 0; -EINVAL if the host's own text, where one
 * is needed, makes no sense; else buf_error().
 */
#pragma once

#include "common/buf.h"
#include "procfs/view.h"

int file_meminfo(const struct view *v, struct buf *out);
int file_swaps(const struct view *v, struct buf *out);
int file_stat(const struct view *v, struct buf *out);
int file_uptime(const struct view *v, struct buf *out);
int file_loadavg(const struct view *v, struct buf *out);
int file_cpuinfo(const struct view *v, struct buf *out);
int file_diskstats(const struct view *v, struct buf *out);
int file_partitions(const struct view *v, struct buf *out);
int file_vmstat(const struct view *v, struct buf *out);
int file_slabinfo(const struct view *v, struct buf *out);
int file_product_uuid(const struct view *v, struct buf *out);
int file_pressure(const struct view *v, struct buf *out);
int file_schedstat(const struct view *v, struct buf *out);
int file_irq_columns(const struct view *v, struct buf *out);
int file_pid_max(const struct view *v, struct buf *out);

/* Below /sys: the host's file, cut down to what the container has. */
int file_copy(const struct view *v, struct buf *out);
int file_cpu_all(const struct view *v, struct buf *out);
int file_cpu_none(const struct view *v, struct buf *out);
int file_cpu_one(const struct view *v, struct buf *out);
int file_cpu_list(const struct view *v, struct buf *out);
int file_cpu_mask(const struct view *v, struct buf *out);
int file_cpu_words(const struct view *v, struct buf *out);
int file_node_list(const struct view *v, struct buf *out);
int file_node_distance(const struct view *v, struct buf *out);
int file_node_meminfo(const struct view *v, struct buf *out);
int file_node_vmstat(const struct view *v, struct buf *out);
int file_huge_total(const struct view *v, struct buf *out);
int file_huge_free(const struct view *v, struct buf *out);
int file_huge_reserved(const struct view *v, struct buf *out);
int file_huge_surplus(const struct view *v, struct buf *out);
