/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/lib/fsops - filesystem operations written as text, and their results
 *
 * How it works. A list has one operation a line: a verb and its arguments, see
 * verbs[] in each fsops_*.c. Running it prints one line for each, with the
 * result or the errno and what the operation showed. Nothing printed depends
 * on where or when the list is run, so the same list run on two file systems
 * must print the same: what was set to a time in the past is printed exactly,
 * later times as "now"; inode numbers only as kept or changed.
 *
 * Random lists are lists, too: they are generated as text, so that what failed
 * can be kept, read and shortened.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#define FSOPS_SLOTS   8		/* files that a list can hold open */
#define FSOPS_LABELS  16	/* inode numbers that it can remember */
#define FSOPS_MAX_ARG 6
#define FSOPS_NOW_S   1500000000	/* times after this are printed as "now" */

struct arg {
	const char *text;
	long number;
};

struct fsops {
	int fds[FSOPS_SLOTS];		/* -1 where closed */
	struct { char name[32]; ino_t ino; } labels[FSOPS_LABELS];
	char *detail;			/* what the running operation showed */
	size_t detail_size;
	FILE *detail_out;
};

/*
 * One operation. @kinds has a letter for each argument: p path, t text,
 * s slot, n number, m mode in octal, u user or group id, f open flags. Those
 * after a '?' may be left out (0 or ""). A verb returns what the system call
 * did, with -errno for failure.
 */
struct verb {
	const char *name;
	const char *kinds;
	long (*run)(struct fsops *ops, const struct arg *a);
};

extern const struct verb fsops_name_verbs[];	/* fsops_names.c */
extern const struct verb fsops_file_verbs[];	/* fsops_files.c */
extern const struct verb fsops_attr_verbs[];	/* fsops_attrs.c */
extern const struct verb fsops_xattr_verbs[];	/* fsops_xattrs.c */
extern const struct verb fsops_misc_verbs[];	/* fsops_misc.c */
extern const struct verb fsops_rare_verbs[];	/* fsops_rare.c */

/** show() - add to what the running operation prints */
void show(struct fsops *ops, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** show_quoted() - bytes as in C, without blanks, so that a line stays a line */
void show_quoted(FILE *out, const char *bytes, size_t size);

/** show_stat() - type, mode, owner, links, size, device, mtime; not st_ino */
void show_stat(FILE *out, const struct stat *st);

/** show_time() - seconds.nanoseconds, or "now" */
void show_time(FILE *out, const struct timespec *ts);

/** neg() - what a system call returned, with -errno for failure */
long neg(long rc);

/** hash_bytes() - FNV-1a, continued from @hash; begin with HASH_START */
#define HASH_START 0xcbf29ce484222325ull
uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size);

/** fill_pattern() - bytes that tell where in a file they belong */
void fill_pattern(char *buf, size_t size, long byte, long offset);

/**
 * is_ghost() - a name that readdir gave and stat does not find, to be left out
 *
 * Only with FSOPS_KERNEL in the environment: kernel overlay lists the
 * whiteouts of a lower directory that is not merged with any other.
 */
bool is_ghost(int dir_fd, const char *name);

/** parse_flags() - "wronly|creat|excl" as for open(2); -1 if unknown */
long parse_flags(const char *text);

/** read_hash() - read @fd from @offset, up to @size bytes; -errno or how many */
long read_hash(int fd, off_t offset, size_t size, uint64_t *ret_hash);

/** fsops_run() - run the list @in, print results; false if a line is wrong */
bool fsops_run(FILE *in);

enum generate_kind {
	GENERATE_OPS,		/* what a user of a union does */
	GENERATE_MOVES,		/* mostly renames of directories */
	GENERATE_LAYER,		/* what builds a lower layer on a plain directory */
	GENERATE_REDIRECTS,	/* one of directories that lead elsewhere */
};

/** fsops_generate() - print a random list, always the same for a seed */
void fsops_generate(enum generate_kind kind, uint64_t seed, long count);

enum dump_kind {
	DUMP_TREE,		/* what a user sees */
	DUMP_UPPER,		/* a layer on disk, without what may differ */
	DUMP_LAYER,		/* a layer on disk with all there is, ctime too */
};

/** fsops_dump() - print the tree in the current directory; 0 or -errno */
int fsops_dump(enum dump_kind kind);
