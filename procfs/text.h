/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/text.h - read the kernel's "name value" files */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

#define TEXT_UNLIMITED UINT64_MAX
#define TEXT_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A line's first word, and the uint64_t that its second word goes to. */
struct text_field {
	const char *name;
	size_t offset;
};

/**
 * text_fields() - fill a struct from lines of "NAME VALUE"
 *
 * Names that are not found leave their field as it is. Fast when the table
 * has the order of the file.
 */
void text_fields(const char *text, const struct text_field *fields, size_t count,
		 void *target);

/** text_value() - the number after "NAME " at the start of a line, or @otherwise */
uint64_t text_value(const char *text, const char *name, uint64_t otherwise);

/** text_limit() - a limit file's contents: a number; "max" and "-1" are TEXT_UNLIMITED */
uint64_t text_limit(const char *text);

/**
 * text_pread() - append what a file of the kernel says now
 *
 * For files that are written in one piece, as those of cgroups and single-record
 * seq_files are: one system call reads them whole, at offset 0.
 *
 * Return: 0; -ENOMEM; any pread(2) error.
 */
int text_pread(int fd, struct buf *out);

/** text_pread_all() - the same for files of many records: reads up to the end */
int text_pread_all(int fd, struct buf *out);
