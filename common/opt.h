/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/opt.h - options as tables: parsing, defaults and --help read the same rows
 *
 * A row names a field of the program's config struct. The same kinds serve the
 * command line ("--memory 1G", "--memory=1G", "-m 1G") and mount options
 * ("-o lowerdir=A:B,ro").
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum opt_kind {
	OPT_FLAG,		/* bool: set to true; "name=0" or "=1" also set it */
	OPT_STRING,		/* char *, owned: the last one given wins */
	OPT_LIST,		/* struct opt_list: each one given is appended */
	OPT_UINT,		/* unsigned, decimal */
	OPT_PARSE,		/* any field: the row's own function reads the value */
	OPT_PARSE_FLAG,		/* the same without a value: called with NULL */
	OPT_IGNORE,		/* accepted, with or without a value, and unused */
};

struct opt_list {
	char **items;		/* owned, as is each item */
	size_t count;
};

struct opt_error {
	char text[512];		/* names the option and what was expected */
};

struct opt {
	const char *name;	/* without dashes */
	char letter;		/* the short form, or 0 */
	enum opt_kind kind;
	size_t offset;		/* of the field in the config struct */
	const char *arg;	/* the value's name in --help, or NULL */
	const char *help;	/* NULL hides the row from --help */
	/* OPT_PARSE: reads @value into @field; 0, or -EINVAL with @error filled. */
	int (*parse)(const char *value, void *field, struct opt_error *error);
};

struct opt_table {
	const struct opt *rows;
	size_t count;
};

#define OPT_TABLE(array) { (array), sizeof(array) / sizeof((array)[0]) }

/**
 * opt_parse_args() - read a command line
 * @table:	the options known
 * @argc:	number of words in @argv
 * @argv:	the words, without the program's own name; lent
 * @config:	struct that the rows' offsets are into
 * @operands:	where words that are no options go; NULL stops at the first
 *		such word instead, for programs that run a command
 * @error:	filled on -EINVAL
 *
 * "--" ends the options.
 *
 * Return: the index of the first word not read; -EINVAL; -ENOMEM.
 */
int opt_parse_args(const struct opt_table *table, int argc, char *const *argv,
		   void *config, struct opt_list *operands,
		   struct opt_error *error);

/**
 * opt_parse_mount() - read one "-o" string of mount options
 * @text:	comma separated; a value may stand in double quotes, and a
 *		backslash keeps the next character from ending the option; the
 *		quotes are removed, and so is a backslash before a comma or a
 *		quote. All other backslashes are left for the value's own reader.
 * @unknown:	called for an option that has no row; NULL makes it an error
 *
 * Empty options ("a,,b") are skipped.
 *
 * Return: 0; -EINVAL with @error filled; -ENOMEM.
 */
int opt_parse_mount(const struct opt_table *table, const char *text, void *config,
		    void (*unknown)(const char *option, void *config),
		    struct opt_error *error);

/** opt_error_set() - for OPT_PARSE functions; returns -EINVAL */
int opt_error_set(struct opt_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * opt_parse_size() - an OPT_PARSE function: bytes, with K, M, G or T for
 *	powers of 1024; the field is a uint64_t
 */
int opt_parse_size(const char *value, void *field, struct opt_error *error);

/**
 * opt_print_help() - print a table, one option a line
 * @prefix:	what stands before a name: "--" for words, "" for mount options
 */
void opt_print_help(const struct opt_table *table, const char *prefix, FILE *out);

/** opt_config_done() - free what the rows' fields own */
void opt_config_done(const struct opt_table *table, void *config);

/** opt_list_add() - append a copy of @text; 0 or -ENOMEM */
int opt_list_add(struct opt_list *list, const char *text);

/** opt_list_addf() - append a text made as by printf(3); 0 or -ENOMEM */
int opt_list_addf(struct opt_list *list, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** opt_list_done() - free the items; the list is empty and usable again */
void opt_list_done(struct opt_list *list);
