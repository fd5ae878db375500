/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/verbs.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher/check.h"
#include "launcher/json.h"
#include "launcher/runtime.h"

static const struct check checks[] = {
	{ "kernel", true, check_kernel },
	{ "namespaces", true, check_namespaces },
	{ "cgroups", false, check_cgroups },
	{ "programs", true, check_programs },
	{ "fuse", false, check_fuse },
	{ "fuse-features", false, check_fuse_features },
	{ "fuse-io_uring", false, check_fuse_uring },
	{ "overlay", false, check_overlay },
	{ "idmapped-mounts", false, check_idmapped },
	{ "data-directory", false, check_data },
	{ "seccomp", false, check_seccomp },
	{ "bridge", false, check_bridge },
	{ "nat", false, check_nat },
	{ "user-namespaces", false, check_userns },
	{ "subordinate-ids", false, check_subids },
	{ "newuidmap", false, check_newuidmap },
	{ "delegation", false, check_delegation },
};

#define CHECK_COUNT (sizeof(checks) / sizeof(checks[0]))

static const char *const result_words[] = {
	[CHECK_YES] = "yes",
	[CHECK_PARTLY] = "partly",
	[CHECK_NO] = "no",
};

void check_say(struct check_answer *a, enum check_result result, const char *advice,
	       const char *format, ...)
{
	va_list args;

	a->result = result;
	va_start(args, format);
	vsnprintf(a->detail, sizeof(a->detail), format, args);
	va_end(args);
	snprintf(a->advice, sizeof(a->advice), "%s", advice ? advice : "");
}

int check_in_child(int (*ask)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int r = ask();

		/* An errno fits above the answers. */
		_exit(r < 0 ? 100 - r : r);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	if (!WIFEXITED(status))
		return -ECHILD;
	return WEXITSTATUS(status) > 100 ? 100 - WEXITSTATUS(status) : WEXITSTATUS(status);
}

static void print_answer(const struct check *c, const struct check_answer *a)
{
	printf("%-17s %-7s %s\n", c->name, result_words[a->result], a->detail);
	if (a->advice[0])
		printf("%-17s %-7s -> %s\n", "", "", a->advice);
}

static void add_answer(struct json_object *array, const struct check *c,
		       const struct check_answer *a)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string(c->name));
	json_object_object_add(o, "result", json_object_new_string(result_words[a->result]));
	json_object_object_add(o, "needed", json_object_new_boolean(c->needed));
	json_object_object_add(o, "detail", json_object_new_string(a->detail));
	if (a->advice[0])
		json_object_object_add(o, "advice", json_object_new_string(a->advice));
	json_object_array_add(array, o);
}

/* Return: whether containers can be run at all. */
static bool ask_all(struct json_object *array)
{
	bool able = true;

	for (size_t i = 0; i < CHECK_COUNT; i++) {
		struct check_answer a = { 0 };

		checks[i].ask(&a);
		if (checks[i].needed && a.result == CHECK_NO)
			able = false;
		if (array)
			add_answer(array, &checks[i], &a);
		else
			print_answer(&checks[i], &a);
		fflush(stdout);	/* the next may fork */
	}
	return able;
}

struct check_config {
	bool json, help;
};

static const struct opt rows[] = {
	{ "json", 0, OPT_FLAG, offsetof(struct check_config, json), NULL, "print JSON" },
	{ "help", 'h', OPT_FLAG, offsetof(struct check_config, help), NULL, "print this" },
};
static const struct opt_table table = OPT_TABLE(rows);

int verb_check(const struct globals *g, int argc, char **argv)
{
	struct check_config config = { 0 };
	struct opt_list operands = { 0 };
	struct fault f = FAULT_INIT;
	bool able = true;
	int r = runtime_parse(&table, argc, argv, &config, &operands, 0, 0,
			      "nacre check [OPTION]...", &config.help, &f);

	if (r == 0) {
		cleanup_json struct json_object *array = config.json ? json_object_new_array()
								     : NULL;

		able = ask_all(array);
		if (array)
			puts(json_object_to_json_string_ext(array, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	}
	opt_list_done(&operands);
	return r < 0 ? runtime_fail(g, &f, 1) : able ? 0 : 1;
}
