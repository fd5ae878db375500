/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/opt.h"
#include "common/sanitizer.h"
#include "launcher/cmd_image.h"
#include "launcher/fault.h"
#include "launcher/json.h"
#include "launcher/self.h"
#include "launcher/verbs.h"

static const struct opt global_rows[] = {
	{ "root", 0, OPT_STRING, offsetof(struct globals, root), "DIR",
	  "directory of the containers' states" },
	{ "log", 0, OPT_STRING, offsetof(struct globals, log), "FILE",
	  "write errors there too" },
	{ "log-format", 0, OPT_STRING, offsetof(struct globals, log_format), "text|json",
	  "how to write them" },
	{ "systemd-cgroup", 0, OPT_FLAG, offsetof(struct globals, systemd_cgroup), NULL, NULL },
	/* Engines pass these to any runtime. */
	{ "log-level", 0, OPT_STRING, offsetof(struct globals, ignored), "LEVEL", NULL },
	{ "criu", 0, OPT_STRING, offsetof(struct globals, ignored), "PATH", NULL },
	{ "rootless", 0, OPT_STRING, offsetof(struct globals, ignored), "MODE", NULL },
	{ "cgroup-manager", 0, OPT_STRING, offsetof(struct globals, cgroup_manager), "NAME", NULL },
	{ "debug", 0, OPT_IGNORE, 0, NULL, NULL },
	{ "help", 0, OPT_FLAG, offsetof(struct globals, help), NULL, "print this" },
	{ "version", 'v', OPT_FLAG, offsetof(struct globals, version), NULL,
	  "print the version" },
};
static const struct opt_table global_table = OPT_TABLE(global_rows);

static const struct verb {
	const char *name;
	int (*run)(const struct globals *globals, int argc, char **argv);
	const char *help;
	bool enters;		/* becomes a process of a container */
} verbs[] = {
	{ "run", verb_run, "run a command in a new container", true },
	{ "exec", verb_exec, "run another command in a container", true },
	{ "ps", verb_ps, "list containers, or the processes of one" },
	{ "logs", verb_logs, "print what a container in the background printed" },
	{ "wait", verb_wait, "wait until containers end; print their statuses" },
	{ "stop", verb_stop, "end containers, gently first" },
	{ "kill", verb_kill, "send a signal to a container" },
	{ "stats", verb_stats, "show what containers use" },
	{ "events", verb_events, "print what a container uses, again and again, as JSON" },
	{ "inspect", verb_inspect, "print all that is known about a container, as JSON" },
	{ "diff", verb_diff, "list what a container changed in its root" },
	{ "pause", verb_pause, "stop all processes of a container" },
	{ "resume", verb_resume, "let them go on" },
	{ "update", verb_update, "change the limits of a container" },
	{ "list", verb_list, "list containers" },
	{ "check", verb_check, "tell what this host can do, and what to do about the rest" },
	{ "images", verb_images, "list images" },
	{ "import", verb_import, "take in an image: an OCI layout, an archive" },
	{ "rmi", verb_rmi, "remove an image" },
	{ "commit", verb_commit, "make an image of changes" },
	{ "export", verb_export, "write an image as a file" },
	{ "create", verb_create, "make a container from an OCI bundle", true },
	{ "start", verb_start, "run a container that was created, or has ended", true },
	{ "state", verb_state, "print the state of a container as JSON" },
	{ "delete", verb_delete, "remove a container" },
	{ "rm", verb_delete, "the same" },
	{ "spec", verb_spec, "write a config.json to begin with" },
	{ "checkpoint", verb_no_checkpoint, NULL },
	{ "restore", verb_no_checkpoint, NULL },
	{ "_ended", verb_ended, NULL, true },
	{ "features", verb_features, "print what this runtime can do, as JSON" },
};

#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

static void print_help(void)
{
	puts("Usage: nacre [OPTION]... VERB [ARGUMENT]...\n"
	     "Run containers with layered roots and their own /proc.\n\nVerbs:");
	for (size_t i = 0; i < VERB_COUNT; i++)
		if (verbs[i].help)
			printf("  %-12s %s\n", verbs[i].name, verbs[i].help);
	puts("\nOptions before the verb:");
	opt_print_help(&global_table, "--", stdout);
	puts("\nnacre VERB --help tells more.");
}

static void print_version(void)
{
	printf("nacre version %s\nspec: %s\n", PACKAGE_VERSION, OCI_VERSION);
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < VERB_COUNT; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static int run_verb(struct globals *g, int argc, char **argv)
{
	const struct verb *verb = argc ? find_verb(argv[0]) : NULL;
	struct fault fault = FAULT_INIT;

	if (g->help) {
		print_help();
		return 0;
	}
	if (g->version) {
		print_version();
		return 0;
	}
	if (!argc) {
		log_error("no verb is given\nSee: nacre --help");
		return STATUS_FAILED;
	}
	if (!verb) {
		log_error("unknown verb '%s'\nSee: nacre --help", argv[0]);
		return STATUS_FAILED;
	}
	if (verb->enters && self_protect(g->argv, &fault) < 0) {
		fault_print(&fault);
		return STATUS_FAILED;
	}
	return verb->run(g, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	struct globals globals = { 0 };
	struct opt_error error = { "" };
	int status = STATUS_FAILED;
	int r;

	globals.argv = argv;
	globals.title = argv[0];
	globals.title_size = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) - argv[0]);
	log_open("nacre", LOG_LEVEL_INFO);
	r = opt_parse_args(&global_table, argc - 1, argv + 1, &globals, NULL, &error);
	if (r < 0)
		log_error("%s\nSee: nacre --help", error.text);
	else
		status = run_verb(&globals, argc - 1 - r, argv + 1 + r);
	opt_config_done(&global_table, &globals);
	return status;
}
