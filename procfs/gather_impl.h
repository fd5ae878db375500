/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/gather_impl.h - between gather.c and the gather_*.c only */
#pragma once

#include "procfs/gather.h"

/** gather_miss() - count a source that is not there */
void gather_miss(const struct gather *g, enum gather_missing what);

/** gather_text() - group_read() into a buffer that is emptied first */
int gather_text(const struct gather *g, int place, unsigned level, const char *name,
		struct buf *out);

/** gather_set() - the effective cpuset or mems; -ENOENT where none applies */
int gather_set(struct gather *g, const char *v1_name, const char *v2_name,
	       struct cpus *ret_set);

int gather_cpus(struct gather *g, struct view *v);
int gather_times(struct gather *g, struct view *v, uint64_t now_ns);
int gather_memory(struct gather *g, struct view *v, bool want_text);

/** gather_huge() - huge pages of one size, from the host's figures and the limits */
int gather_huge(struct gather *g, uint64_t size_bytes, uint64_t host_total,
		uint64_t host_free, struct huge_figures *ret);
int gather_io(struct gather *g, struct view *v);
int gather_nodes(struct gather *g, struct view *v);
int gather_numa(struct gather *g, struct view *v);
int gather_huge_file(struct gather *g, const char *path, struct view *v);
