/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/verbs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "launcher/json.h"
#include "launcher/runtime.h"

struct list_config {
	char *format;
	bool quiet;
	bool json;
	bool help;
};

#define FIELD(name) offsetof(struct list_config, name)

static const struct opt rows[] = {
	{ "format", 'f', OPT_STRING, FIELD(format), "table|json", "how to print" },
	{ "json", 0, OPT_FLAG, FIELD(json), NULL, "the same as --format json" },
	{ "quiet", 'q', OPT_FLAG, FIELD(quiet), NULL, "print the names alone" },
	{ "help", 'h', OPT_FLAG, FIELD(help), NULL, "print this" },
};
static const struct opt_table table = OPT_TABLE(rows);

static bool wants_json(const struct list_config *c)
{
	return c->json || (c->format && strcmp(c->format, "json") == 0);
}

static void print_row(struct runtime *r)
{
	const struct state *s = r->state;
	enum state_status status = runtime_status(r);

	printf("%-24s %-8d %-9s %-31s %s\n", s->id, status == STATE_STOPPED ? 0 : s->pid,
	       state_status_name(status), s->created ? s->created : "",
	       s->command ? s->command : "");
}

static void add_json(struct json_object *array, struct runtime *r)
{
	cleanup_free char *text = state_to_json(r->state, runtime_status(r));
	struct json_object *o = text ? json_parse(text, NULL) : NULL;

	if (o)
		json_object_array_add(array, o);
}

static int list_all(const struct globals *g, const struct list_config *config, struct fault *f)
{
	cleanup_json struct json_object *array = json_object_new_array();
	struct state_dir root = STATE_DIR_INIT;
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;
	int fd, r = state_root_open(g->root, &root, f);

	if (r >= 0 && array) {
		fd = openat(root.root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		dir = fd < 0 ? NULL : fdopendir(fd);
	}
	if (dir && !config->quiet && !wants_json(config))
		printf("%-24s %-8s %-9s %-31s %s\n", "ID", "PID", "STATUS", "CREATED", "COMMAND");
	while (dir && (entry = readdir(dir))) {
		struct runtime one = RUNTIME_INIT;
		struct fault ignored = FAULT_INIT;

		/* One that vanishes meanwhile is not there. */
		if (!plan_id_is_valid(entry->d_name) ||
		    runtime_open(&one, g, entry->d_name, false, &ignored) < 0) {
			runtime_close(&one);
			continue;
		}
		if (config->quiet)
			puts(one.state->id);
		else if (wants_json(config))
			add_json(array, &one);
		else
			print_row(&one);
		runtime_close(&one);
	}
	if (r >= 0 && wants_json(config))
		puts(json_object_to_json_string_ext(array, JSON_C_TO_STRING_NOSLASHESCAPE));
	state_dir_done(&root);
	return r;
}

int verb_list(const struct globals *g, int argc, char **argv)
{
	struct list_config config = { 0 };
	struct opt_list operands = { 0 };
	struct fault f = FAULT_INIT;
	int r = runtime_parse(&table, argc, argv, &config, &operands, 0, 0,
			      "nacre list [OPTION]...", &config.help, &f);

	if (r == 0)
		r = list_all(g, &config, &f);
	opt_config_done(&table, &config);
	opt_list_done(&operands);
	return r < 0 ? runtime_fail(g, &f, 1) : 0;
}
