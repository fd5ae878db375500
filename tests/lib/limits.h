/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/limits.h - between the files of tests/lib/limits only */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEVELS	  2		/* the container, and its parent */
#define UNLIMITED UINT64_MAX
#define PERIOD_US 100000

/* What the limits are. An odd @moment says that one of them is being changed. */
struct truth {
	_Atomic uint64_t moment;
	_Atomic uint64_t memory[LEVELS];	/* bytes */
	_Atomic uint64_t quota_us[LEVELS];
	_Atomic uint64_t cpus;			/* a bit for each */
};

/* Between the writer, the readers and who kills. */
struct shared {
	struct truth truth;
	atomic_bool stop;
	atomic_ulong reads, compared, lscpu, kills;
};

struct setting {
	const char *view;	/* the container's directory */
	const char *dir[3];	/* of the parent: memory, cpu, cpuset */
	const char *holder;	/* whose worker is killed, or NULL */
	uint64_t seed;
	unsigned changes;
	bool v2[3];
	uint64_t host_bytes, host_cpus;
	int token[2];		/* a pipe; who has its one byte keeps the limits as they are */
	struct shared *shared;
};

enum { MEMORY, CPU, CPUSET };

/** check_for_ever() - read until told to stop; ends the process where something
 *	is wrong, after saying what */
void check_for_ever(const struct setting *set);

/** check_lscpu() - the same with lscpu, while the limits stand still */
void check_lscpu(const struct setting *set);

/** take_token() - wait until nobody else changes limits or counts on them */
void take_token(const struct setting *set);

/** give_token() - let the next one have it */
void give_token(const struct setting *set);

/** list_bits() - "0,2-3" as bits */
uint64_t list_bits(const char *list);

/** read_whole() - a file below @dir; @size bytes of room. Ends the process if it
 *	cannot be read. */
char *read_whole(const char *dir, const char *name, char *text, size_t size);

/** complain() - say what is wrong, and end the process */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
