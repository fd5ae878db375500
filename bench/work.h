/* SPDX-License-Identifier: Apache-2.0 */
/* bench/work.h - what the files of the workload program share */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define BLOCK_SIZE (128 * 1024)

/* The arguments after the workload's name. */
struct args {
	int n;
	char **v;
};

extern char block[BLOCK_SIZE]; /* what is written, and where reads go */

uint64_t now_ns(void);

/* failed() - say what failed and why. Return: the negative errno. */
int failed(const char *what, const char *which);

/* arg_num() - the numeric argument at @i, or @otherwise where there is none */
uint64_t arg_num(const struct args *a, int i, uint64_t otherwise);

int write_whole(int fd, size_t bytes, const char *name);

/* close_checked() - a file system may report a lost write only here */
int close_checked(int fd, int r, const char *name);

/* Workloads; each leaves the nanoseconds of its timed part in @ns. */
int create(const struct args *a, uint64_t *ns);
int create_links(const struct args *a, uint64_t *ns);
int create_unlink(const struct args *a, uint64_t *ns);
int create_threads(const struct args *a, uint64_t *ns);
int append_each(const struct args *a, uint64_t *ns);
int open_close_each(const struct args *a, uint64_t *ns);
int stat_each(const struct args *a, uint64_t *ns);
int missing_each(const struct args *a, uint64_t *ns);
int readlink_each(const struct args *a, uint64_t *ns);
int seq_read(const struct args *a, uint64_t *ns);
int seq_write(const struct args *a, uint64_t *ns);
int mmap_read(const struct args *a, uint64_t *ns);
int rand_read(const struct args *a, uint64_t *ns);
int rand_write(const struct args *a, uint64_t *ns);
int sync_append(const struct args *a, uint64_t *ns);
int first_write(const struct args *a, uint64_t *ns);
int copy(const struct args *a, uint64_t *ns);
int scratch(const struct args *a, uint64_t *ns);
int read_tree(const struct args *a, uint64_t *ns);
int sweep(const struct args *a, uint64_t *ns);
