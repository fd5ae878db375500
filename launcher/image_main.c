/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/image_main.c - nacre-image: bring images in and out
 *
 * A program of its own, because libarchive and libcrypto take several
 * milliseconds to load, and "nacre run" has none to spare. "nacre import",
 * "nacre commit" and "nacre export" run it.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/opt.h"
#include "launcher/image_commit.h"

struct globals {
	char *store;
	bool help, version;
};

static const struct opt global_rows[] = {
	{ "store", 0, OPT_STRING, offsetof(struct globals, store), "DIR",
	  "directory of the images" },
	{ "help", 0, OPT_FLAG, offsetof(struct globals, help), NULL, "print this" },
	{ "version", 0, OPT_FLAG, offsetof(struct globals, version), NULL, "print the version" },
};
static const struct opt_table global_table = OPT_TABLE(global_rows);

struct args {
	bool quiet, help;
	char *ref;
	char *upper, *base, *message, *workdir, *user;
	struct opt_list env, entrypoint, cmd;
	enum pack_compression compression;
};

/* --- import ------------------------------------------------------------------------------ */

static const struct opt import_rows[] = {
	{ "ref", 0, OPT_STRING, offsetof(struct args, ref), "NAME",
	  "of several images, import the one with this name" },
	{ "quiet", 'q', OPT_FLAG, offsetof(struct args, quiet), NULL, "show no progress" },
	{ "help", 0, OPT_FLAG, offsetof(struct args, help), NULL, "print this" },
};

static void warn_losses(const struct unpack_losses *losses)
{
	for (int i = 0; i < LOSS_COUNT; i++)
		if (losses->count[i])
			log_warn("%" PRIu64 " entries ('%s'%s): %s", losses->count[i],
				 losses->first[i], losses->count[i] > 1 ? ", ..." : "",
				 unpack_loss_text(i));
}

static void print_records(const struct image_records *records)
{
	for (size_t i = 0; i < records->count; i++)
		printf("%s %s\n", records->items[i].name, records->items[i].id.text);
}

static int run_import(struct image_store *store, const struct args *args,
		      const struct opt_list *operands, struct fault *f)
{
	struct import_options options = {
		.path = operands->items[0],
		.name = operands->count > 1 ? operands->items[1] : NULL,
		.ref = args->ref,
		.quiet = args->quiet,
	};
	struct unpack_losses losses = { 0 };
	struct image_records records = { 0 };
	int r = image_import(store, &options, &records, &losses, f);

	if (r < 0)
		return r;
	warn_losses(&losses);
	print_records(&records);
	image_records_done(&records);
	return 0;
}

/* --- commit ------------------------------------------------------------------------------ */

static const struct opt commit_rows[] = {
	{ "upper", 0, OPT_STRING, offsetof(struct args, upper), "DIR",
	  "the directory that holds the changes" },
	{ "image", 0, OPT_STRING, offsetof(struct args, base), "IMAGE",
	  "the image that they were made on; without it the changes are all" },
	{ "message", 'm', OPT_STRING, offsetof(struct args, message), "TEXT",
	  "a comment for the image's history" },
	{ "env", 'e', OPT_LIST, offsetof(struct args, env), "NAME=VALUE",
	  "a variable of the image's environment" },
	{ "entrypoint", 0, OPT_LIST, offsetof(struct args, entrypoint), "WORD",
	  "a word of the image's entrypoint; may be repeated" },
	{ "cmd", 0, OPT_LIST, offsetof(struct args, cmd), "WORD",
	  "a word of the image's command; may be repeated" },
	{ "workdir", 'w', OPT_STRING, offsetof(struct args, workdir), "DIR",
	  "where the command starts" },
	{ "user", 'u', OPT_STRING, offsetof(struct args, user), "USER[:GROUP]",
	  "who the command runs as" },
	{ "quiet", 'q', OPT_FLAG, offsetof(struct args, quiet), NULL, "show no progress" },
	{ "help", 0, OPT_FLAG, offsetof(struct args, help), NULL, "print this" },
};

static int run_commit(struct image_store *store, const struct args *args,
		      const struct opt_list *operands, struct fault *f)
{
	struct commit_options options = {
		.upper = args->upper,
		.base = args->base,
		.name = operands->items[0],
		.message = args->message,
		.env = args->env,
		.entrypoint = args->entrypoint,
		.cmd = args->cmd,
		.workdir = args->workdir,
		.user = args->user,
		.quiet = args->quiet,
	};
	struct unpack_losses losses = { 0 };
	struct image_records records = { 0 };
	int r;

	if (!args->upper)
		return fault_set(f, 0, "commit needs the directory of changes: --upper DIR");
	r = image_commit(store, &options, &records, &losses, f);
	if (r < 0)
		return r;
	warn_losses(&losses);
	print_records(&records);
	image_records_done(&records);
	return 0;
}

/* --- export ------------------------------------------------------------------------------ */

static int parse_compression(const char *value, void *field, struct opt_error *error)
{
	static const char *const names[] = {
		[PACK_PLAIN] = "none",
		[PACK_GZIP] = "gzip",
		[PACK_ZSTD] = "zstd",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i]) != 0)
			continue;
		*(enum pack_compression *)field = (enum pack_compression)i;
		return 0;
	}
	return opt_error_set(error, "'%s' is none of none, gzip, zstd", value);
}

static const struct opt export_rows[] = {
	{ "compress", 0, OPT_PARSE, offsetof(struct args, compression), "none|gzip|zstd",
	  "how to compress the layers", parse_compression },
	{ "quiet", 'q', OPT_FLAG, offsetof(struct args, quiet), NULL, "show no progress" },
	{ "help", 0, OPT_FLAG, offsetof(struct args, help), NULL, "print this" },
};

static int run_export(struct image_store *store, const struct args *args,
		      const struct opt_list *operands, struct fault *f)
{
	struct digest digest;
	int r = image_export(store, operands->items[0], operands->items[1], args->compression,
			     args->quiet, &digest, f);

	if (r >= 0)
		puts(digest.text);
	return r;
}

/* --- verbs --------------------------------------------------------------------------------- */

static const struct verb {
	const char *name;
	const char *usage;
	const char *help;
	struct opt_table options;
	size_t operands_min, operands_max;
	int (*run)(struct image_store *store, const struct args *args,
		   const struct opt_list *operands, struct fault *fault);
} verbs[] = {
	{ "import", "nacre import [OPTION]... PATH [NAME]",
	  "Bring an image in from PATH: an OCI layout (a directory or a tar archive),\n"
	  "what \"docker save\" wrote, or such an archive on stdin (-).",
	  OPT_TABLE(import_rows), 1, 2, run_import },
	{ "commit", "nacre commit [OPTION]... --upper DIR NAME",
	  "Make an image of a container's changes and the image they were made on.",
	  OPT_TABLE(commit_rows), 1, 1, run_commit },
	{ "export", "nacre export [OPTION]... IMAGE PATH",
	  "Write an image as an OCI layout: a directory, or an archive if PATH ends in .tar.",
	  OPT_TABLE(export_rows), 2, 2, run_export },
};

#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

static int run_in_store(const struct globals *g, const struct verb *verb, const struct args *args,
			const struct opt_list *operands)
{
	struct image_store *store = NULL;
	struct fault f = FAULT_INIT;
	int r = image_store_open(g->store, &store, &f);

	if (r >= 0)
		r = verb->run(store, args, operands, &f);
	image_store_close(store);
	if (r >= 0 && fflush(stdout) == 0)
		return 0;
	if (r >= 0)
		fault_set(&f, -errno, "cannot write to stdout");
	fault_print(&f);
	return fault_status(&f);
}

static int run_verb(const struct globals *g, const struct verb *verb, int argc, char **argv)
{
	struct opt_list operands = { 0 };
	struct opt_error error = { "" };
	struct args args = { .compression = PACK_GZIP };
	int status = STATUS_FAILED;

	if (opt_parse_args(&verb->options, argc, argv, &args, &operands, &error) < 0) {
		log_error("%s\nSee: nacre %s --help", error.text, verb->name);
	} else if (args.help) {
		printf("Usage: %s\n%s\n\n", verb->usage, verb->help);
		opt_print_help(&verb->options, "--", stdout);
		status = 0;
	} else if (operands.count < verb->operands_min || operands.count > verb->operands_max) {
		log_error("%s operands\nUsage: %s", operands.count < verb->operands_min
			  ? "missing" : "too many", verb->usage);
	} else {
		status = run_in_store(g, verb, &args, &operands);
	}
	opt_list_done(&operands);
	opt_config_done(&verb->options, &args);
	return status;
}

static int choose_verb(const struct globals *g, int argc, char **argv)
{
	if (g->help) {
		puts("Usage: nacre-image [OPTION]... VERB [ARGUMENT]...\n"
		     "Bring container images in and out: what nacre does for its own verbs.\n");
		for (size_t i = 0; i < VERB_COUNT; i++)
			printf("  %s\n", verbs[i].usage);
		puts("");
		opt_print_help(&global_table, "--", stdout);
		return 0;
	}
	if (g->version) {
		printf("nacre-image version %s\n", PACKAGE_VERSION);
		return 0;
	}
	for (size_t i = 0; argc && i < VERB_COUNT; i++)
		if (strcmp(verbs[i].name, argv[0]) == 0)
			return run_verb(g, &verbs[i], argc - 1, argv + 1);
	log_error(argc ? "unknown verb '%s'\nSee: nacre-image --help"
		       : "no verb is given\nSee: nacre-image --help", argc ? argv[0] : "");
	return STATUS_FAILED;
}

int main(int argc, char **argv)
{
	struct globals globals = { 0 };
	struct opt_error error = { "" };
	int status = STATUS_FAILED;
	int r;

	log_open("nacre", LOG_LEVEL_INFO);
	/*
	 * No setlocale(): where the locale is UTF-8, libarchive composes the
	 * characters of names. In the C locale bytes stay as they are.
	 */
	r = opt_parse_args(&global_table, argc - 1, argv + 1, &globals, NULL, &error);
	if (r < 0)
		log_error("%s\nSee: nacre-image --help", error.text);
	else
		status = choose_verb(&globals, argc - 1 - r, argv + 1 + r);
	opt_config_done(&global_table, &globals);
	return status;
}
