/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/cmd_image.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/opt.h"
#include "launcher/cmd_inspect.h"
#include "launcher/daemon.h"
#include "launcher/image_json.h"
#include "launcher/image_store.h"
#include "launcher/rootless.h"

struct image_args {
	bool json, quiet, help;
	char *layers;
};

static const struct opt images_rows[] = {
	{ "json", 0, OPT_FLAG, offsetof(struct image_args, json), NULL, "print JSON" },
	{ "quiet", 'q', OPT_FLAG, offsetof(struct image_args, quiet), NULL, "print names only" },
	{ "layers", 0, OPT_STRING, offsetof(struct image_args, layers), "IMAGE",
	  "print the directories of an image's layers, the top first" },
	{ "help", 0, OPT_FLAG, offsetof(struct image_args, help), NULL, "print this" },
};
static const struct opt_table images_table = OPT_TABLE(images_rows);

static const struct opt rmi_rows[] = {
	{ "help", 0, OPT_FLAG, offsetof(struct image_args, help), NULL, "print this" },
};
static const struct opt_table rmi_table = OPT_TABLE(rmi_rows);

/* Return: 1 to go on; 0 after the help; -EINVAL after a message. */
static int parse(const struct opt_table *table, const char *usage, int argc, char **argv,
		 struct image_args *args, struct opt_list *operands)
{
	struct opt_error error = { "" };
	int r = opt_parse_args(table, argc, argv, args, operands, &error);

	if (r < 0) {
		log_error("%s\nUsage: %s", error.text, usage);
		return -EINVAL;
	}
	if (!args->help)
		return 1;
	printf("Usage: %s\n", usage);
	opt_print_help(table, "--", stdout);
	return 0;
}

/* --- images --------------------------------------------------------------------------- */

static void print_time(int64_t seconds, char *text, size_t size)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(text, size, "-");
}

static void print_table(const struct image_records *records)
{
	int width = 4;

	for (size_t i = 0; i < records->count; i++)
		if ((int)strlen(records->items[i].name) > width)
			width = (int)strlen(records->items[i].name);
	printf("%-*s  %-12s  %6s  %10s  %s\n", width, "NAME", "ID", "LAYERS", "SIZE", "IMPORTED");
	for (size_t i = 0; i < records->count; i++) {
		const struct image_record *r = &records->items[i];
		char when[32];

		print_time(r->imported_s, when, sizeof(when));
		printf("%-*s  %.12s  %6zu  %6.1f MiB  %s\n", width, r->name, digest_hex(&r->id),
		       r->layer_count, (double)image_record_size(r) / (1 << 20), when);
	}
}

static struct json_object *record_to_json(const struct image_record *record)
{
	struct json_object *o = json_object_new_object();
	struct json_object *layers = json_object_new_array();
	char when[32];

	print_time(record->imported_s, when, sizeof(when));
	json_object_object_add(o, "name", json_object_new_string(record->name));
	json_object_object_add(o, "id", json_object_new_string(record->id.text));
	if (digest_is_set(&record->manifest))
		json_object_object_add(o, "digest", json_object_new_string(record->manifest.text));
	json_object_object_add(o, "size", json_object_new_int64(image_record_size(record)));
	json_object_object_add(o, "imported", json_object_new_string(when));
	for (size_t i = 0; i < record->layer_count; i++)
		json_object_array_add(layers, json_object_new_string(record->layers[i].chain.text));
	json_object_object_add(o, "layers", layers);
	return o;
}

static void print_json(const struct image_records *records)
{
	cleanup_json struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < records->count; i++)
		json_object_array_add(array, record_to_json(&records->items[i]));
	puts(json_object_to_json_string_ext(array, JSON_C_TO_STRING_PRETTY |
						   JSON_C_TO_STRING_NOSLASHESCAPE));
}

static int print_layers(struct image_store *store, const char *name, struct fault *f)
{
	struct image *image = NULL;
	int r = image_store_get(store, name, &image, f);

	for (size_t i = 0; r >= 0 && i < image->layers.count; i++)
		puts(image->layers.items[i]);
	image_release(image);
	return r;
}

static int print_images(struct image_store *store, const struct image_args *args,
			struct fault *f)
{
	struct image_records records = { 0 };
	int r = image_store_list(store, &records, f);

	if (r >= 0 && args->json)
		print_json(&records);
	else if (r >= 0 && !args->quiet)
		print_table(&records);
	else if (r >= 0)
		for (size_t i = 0; i < records.count; i++)
			puts(records.items[i].name);
	image_records_done(&records);
	return r;
}

static int list_images(const struct image_args *args, struct fault *f)
{
	struct image_store *store;
	int r = image_store_open(NULL, &store, f);

	if (r < 0)
		return r;
	r = args->layers ? print_layers(store, args->layers, f) : print_images(store, args, f);
	image_store_close(store);
	return r;
}

int verb_images(const struct globals *g, int argc, char **argv)
{
	struct opt_list operands = { 0 };
	struct image_args args = { 0 };
	struct fault f = FAULT_INIT;
	int r = parse(&images_table, "nacre images [OPTION]...", argc, argv, &args, &operands);

	if (r > 0 && operands.count)
		r = fault_set(&f, 0, "images takes no operand '%s'\nSee: nacre images --help",
			      operands.items[0]);
	if (r > 0)
		r = list_images(&args, &f);
	opt_list_done(&operands);
	opt_config_done(&images_table, &args);
	if (f.text[0])
		fault_print(&f);
	return r < 0 ? STATUS_FAILED : 0;
}

/* --- rmi -------------------------------------------------------------------------------- */

struct image_user {
	const char *image;
	char *container;
};

static int find_user(struct runtime *r, void *arg)
{
	struct image_user *user = arg;

	if (!user->container && r->state->image && strcmp(r->state->image, user->image) == 0)
		user->container = strdup(r->state->id);
	return 0;
}

/* A container that was kept has nobody who holds the layers it would start on. */
static int check_unused(const struct globals *g, struct image_store *store, const char *name,
			struct fault *f)
{
	struct image_user user = { 0 };
	struct fault ignored = FAULT_INIT;
	struct image *image = NULL;
	int r = 0;

	if (image_store_get(store, name, &image, &ignored) < 0)
		return 0;	/* removing will say why */
	user.image = image->record.name;
	if (inspect_each(g, find_user, &user, &ignored) >= 0 && user.container)
		r = fault_set(f, 0, "the image '%s' is used by container '%s'\n"
			      "Remove that first: nacre rm %s", image->record.name,
			      user.container, user.container);
	free(user.container);
	image_release(image);
	return r;
}

static int remove_images(const struct globals *g, const struct opt_list *names)
{
	struct fault f = FAULT_INIT;
	struct image_store *store;
	int result = image_store_open(NULL, &store, &f);

	if (result < 0) {
		fault_print(&f);
		return result;
	}
	for (size_t i = 0; i < names->count; i++) {
		struct fault one = FAULT_INIT;
		cleanup_free char *name = NULL;
		int r = check_unused(g, store, names->items[i], &one);

		if (r >= 0)
			r = image_store_remove(store, names->items[i], &name, &one);
		if (r < 0) {
			fault_print(&one);
			result = r;
		}
		if (name)
			puts(name);
	}
	image_store_close(store);
	return result;
}

int verb_rmi(const struct globals *g, int argc, char **argv)
{
	struct opt_list operands = { 0 };
	struct image_args args = { 0 };
	struct fault f = FAULT_INIT;
	int r = parse(&rmi_table, "nacre rmi IMAGE...", argc, argv, &args, &operands);
	int status;

	if (r > 0 && !operands.count)
		r = fault_set(&f, 0, "rmi needs the name of an image\nSee: nacre images");
	if (r > 0 && rootless_is_needed()) {
		r = rootless_reenter(&f);
		status = r;
	} else if (r > 0) {
		r = remove_images(g, &operands);
		status = r < 0 ? STATUS_FAILED : 0;
	} else {
		status = r < 0 ? STATUS_FAILED : 0;
	}
	opt_list_done(&operands);
	if (f.text[0])
		fault_print(&f);
	return r < 0 ? STATUS_FAILED : status;
}

/* --- what nacre-image does ------------------------------------------------------------------ */

int cmd_image_program(const char *verb, int argc, char **argv)
{
	cleanup_free const char **words = calloc((size_t)argc + 3, sizeof(*words));
	cleanup_free char *program = daemon_find("nacre-image");
	struct fault f = FAULT_INIT;
	int r;

	if (rootless_is_needed()) {
		r = rootless_reenter(&f);
		if (r >= 0)
			return r;
	} else if (!program || !words) {
		fault_set(&f, words ? -ENOENT : -ENOMEM, "cannot find nacre-image, which does '%s'\n"
			  "Install it, or name its directory in NACRE_BINDIR.", verb);
	} else {
		words[0] = "nacre-image";
		words[1] = verb;
		memcpy(words + 2, argv, (size_t)argc * sizeof(*argv));
		execv(program, (char *const *)words);
		fault_set(&f, -errno, "cannot execute '%s'", program);
	}
	fault_print(&f);
	return STATUS_FAILED;
}

int verb_import(const struct globals *g, int argc, char **argv)
{
	return cmd_image_program("import", argc, argv);
}

int verb_export(const struct globals *g, int argc, char **argv)
{
	return cmd_image_program("export", argc, argv);
}
