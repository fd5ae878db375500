/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/churn_file.h - one file of churn's, and the bytes it must have */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct churn_file {
	bool is_there;
	size_t size;
	unsigned char *data;	/* CHURN_FILE_MAX bytes, made when first needed */
};

enum { CHURN_FILE_MAX = 20000 };

/** churn_random() - the next number of a sequence; @state is never 0 */
uint64_t churn_random(uint64_t *state);

/** churn_file_shape() - what a file is to hold, decided by @state; not on the disk */
void churn_file_shape(struct churn_file *f, uint64_t *state);

/*
 * Each does to the file at @path what it does to @f, or prints what went wrong and ends
 * the program.
 */
void churn_file_make(struct churn_file *f, const char *path);
void churn_file_write(struct churn_file *f, const char *path, uint64_t *state);
void churn_file_map(struct churn_file *f, const char *path, uint64_t *state);
void churn_file_truncate(struct churn_file *f, const char *path, uint64_t *state);

/** churn_file_check() - it must hold exactly what it was given */
void churn_file_check(const struct churn_file *f, const char *path);

/** churn_run() - execute the copy of test(1) at @path, which must say what test says */
void churn_run(const char *path, uint64_t *state);

/** churn_copy_program() - a copy of test(1) at @path */
void churn_copy_program(const char *path);

/** churn_wrong() - print it with errno, and end */
_Noreturn void churn_wrong(const char *what, const char *path);
