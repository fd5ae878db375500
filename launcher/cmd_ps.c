/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/verbs.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "launcher/cmd_inspect.h"

struct ps_config {
	char *format;
	bool all, quiet, json, help;
};

#define FIELD(name) offsetof(struct ps_config, name)

static const struct opt rows[] = {
	{ "all", 'a', OPT_FLAG, FIELD(all), NULL, "those that have ended, too" },
	{ "quiet", 'q', OPT_FLAG, FIELD(quiet), NULL, "print the names alone" },
	{ "json", 0, OPT_FLAG, FIELD(json), NULL, "print JSON" },
	{ "format", 'f', OPT_STRING, FIELD(format), "table|json", "how to print" },
	{ "help", 'h', OPT_FLAG, FIELD(help), NULL, "print this" },
};
static const struct opt_table table = OPT_TABLE(rows);

struct listing {
	const struct ps_config *config;
	struct json_object *array;
};

static void print_row(struct runtime *r, enum state_status status)
{
	const struct state *s = r->state;
	char text[32];

	snprintf(text, sizeof(text), "%s", state_status_name(status));
	if (status == STATE_STOPPED && s->finished)
		snprintf(text, sizeof(text), "exited (%u)", s->exit_status);
	printf("%-24s %-12s %-8d %-20.19s %-16s %s\n", s->id, text,
	       status == STATE_STOPPED ? 0 : s->pid, s->created ? s->created : "",
	       s->image ? s->image : "-", s->command ? s->command : "");
}

static int add(struct runtime *r, void *arg)
{
	struct listing *l = arg;
	enum state_status status = runtime_status(r);

	if (status == STATE_STOPPED && !l->config->all)
		return 0;
	if (l->array)
		json_object_array_add(l->array, inspect_to_json(r));
	else if (l->config->quiet)
		puts(r->state->id);
	else
		print_row(r, status);
	return 0;
}

static int list_containers(const struct globals *g, const struct ps_config *config,
			   struct fault *f)
{
	bool json = config->json || (config->format && strcmp(config->format, "json") == 0);
	cleanup_json struct json_object *array = json ? json_object_new_array() : NULL;
	struct listing l = { config, array };
	int r;

	if (!json && !config->quiet)
		printf("%-24s %-12s %-8s %-20s %-16s %s\n", "ID", "STATUS", "PID", "CREATED",
		       "IMAGE", "COMMAND");
	r = inspect_each(g, add, &l, f);
	if (r >= 0 && json)
		puts(json_object_to_json_string_ext(array, JSON_C_TO_STRING_PRETTY |
							   JSON_C_TO_STRING_NOSLASHESCAPE));
	return r;
}

static void print_pids_json(const pid_t *pids, int count)
{
	cleanup_json struct json_object *array = json_object_new_array();

	for (int i = 0; i < count; i++)
		json_object_array_add(array, json_object_new_int(pids[i]));
	puts(json_object_to_json_string_ext(array, JSON_C_TO_STRING_PLAIN));
}

/* The machine's ps knows how to print processes; ours is to say which. */
static int exec_ps(const struct opt_list *operands, const pid_t *pids, int count,
		   struct fault *f)
{
	cleanup_free char **argv = calloc(operands->count + 5, sizeof(*argv));
	struct buf list = BUF_INIT;
	size_t n = 0;

	for (int i = 0; i < count; i++)
		buf_addf(&list, "%s%d", i ? "," : "", pids[i]);
	if (!argv || buf_error(&list))
		return fault_set(f, -ENOMEM, "cannot list the processes");
	if (!count) {
		buf_done(&list);
		return 0;
	}
	argv[n++] = (char *)(uintptr_t)"ps";
	for (size_t i = 1; i < operands->count; i++)
		argv[n++] = operands->items[i];
	if (operands->count == 1)
		argv[n++] = (char *)(uintptr_t)"-f";
	argv[n++] = (char *)(uintptr_t)"-p";
	argv[n++] = list.data;
	execvp("ps", argv);
	return fault_set(f, -errno, "cannot run ps");
}

static int list_processes(const struct globals *g, const struct ps_config *config,
			  const struct opt_list *operands, struct fault *f)
{
	bool json = config->json || (config->format && strcmp(config->format, "json") == 0);
	struct runtime r = RUNTIME_INIT;
	cleanup_free pid_t *pids = NULL;
	int count = 0;
	int result = runtime_open(&r, g, operands->items[0], false, f);

	if (result >= 0 && runtime_status(&r) != STATE_STOPPED) {
		result = runtime_open_cgroups(&r, f);
		if (result >= 0)
			result = count = cgroup_group_pids(r.group, &pids);
	}
	runtime_close(&r);
	if (result < 0)
		return fault_set(f, result, "cannot list the processes");
	if (!json)
		return exec_ps(operands, pids, count, f);
	print_pids_json(pids, count);
	return 0;
}

int verb_ps(const struct globals *g, int argc, char **argv)
{
	struct ps_config config = { 0 };
	struct opt_list operands = { 0 };
	struct fault f = FAULT_INIT;
	int r = runtime_parse(&table, argc, argv, &config, &operands, 0, 64,
			      "nacre ps [OPTION]... [ID [PS-OPTION]...]", &config.help, &f);

	/* A person asks for all containers, an engine for the processes of one. */
	if (r == 0)
		r = operands.count ? list_processes(g, &config, &operands, &f)
				   : list_containers(g, &config, &f);
	opt_config_done(&table, &config);
	opt_list_done(&operands);
	return r < 0 ? runtime_fail(g, &f, 1) : 0;
}
