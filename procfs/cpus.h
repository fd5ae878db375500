/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/cpus.h - sets of CPUs (or memory nodes) and the two ways the kernel writes them */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

#define CPUS_MAX 4096	/* ids from 0; what CONFIG_NR_CPUS allows and a bit */

struct cpus {
	uint64_t bits[CPUS_MAX / 64];
};

static inline bool cpus_has(const struct cpus *set, unsigned cpu)
{
	return cpu < CPUS_MAX && (set->bits[cpu / 64] >> (cpu % 64) & 1);
}

static inline void cpus_add(struct cpus *set, unsigned cpu)
{
	if (cpu < CPUS_MAX)
		set->bits[cpu / 64] |= UINT64_C(1) << (cpu % 64);
}

/** cpus_count() - how many are in the set */
unsigned cpus_count(const struct cpus *set);

/** cpus_next() - the first member that is >= @from, or CPUS_MAX */
unsigned cpus_next(const struct cpus *set, unsigned from);

#define cpus_for_each(cpu, set)                                                \
	for (unsigned cpu = cpus_next(set, 0); cpu < CPUS_MAX;                 \
	     cpu = cpus_next(set, cpu + 1))

/** cpus_and() - keep in @set only what @other has too */
void cpus_and(struct cpus *set, const struct cpus *other);

/** cpus_minus() - remove from @set what @other has */
void cpus_minus(struct cpus *set, const struct cpus *other);

/** cpus_first() - keep only the @count lowest members */
void cpus_first(struct cpus *set, unsigned count);

/** cpus_renumber() - replace each member by its rank in @among; others vanish */
void cpus_renumber(struct cpus *set, const struct cpus *among);

/**
 * cpus_parse_list() - read "0-3,8", as cpuset.cpus and online write it
 *
 * Return: 0, also for an empty list; -EINVAL for anything else or ids out of range.
 */
int cpus_parse_list(const char *text, struct cpus *ret_set);

/** cpus_parse_words() - the same for "0 1 2", as cpufreq writes it */
int cpus_parse_words(const char *text, struct cpus *ret_set);

/** cpus_parse_mask() - read "ff,00000001", as topology masks write it; 0 or -EINVAL */
int cpus_parse_mask(const char *text, struct cpus *ret_set);

/** cpus_add_list() - append "0-3,8", nothing for an empty set; no newline */
void cpus_add_list(const struct cpus *set, struct buf *out);

/** cpus_add_mask() - append as a mask of as many digits and commas as @pattern has */
void cpus_add_mask(const struct cpus *set, const char *pattern, struct buf *out);
