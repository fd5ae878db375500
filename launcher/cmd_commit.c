/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/cmd_commit.c - "commit": what nacre-image does, told where a container's
 * changes are
 */
#include "config.h"
#include "launcher/cmd_image.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "launcher/init.h"
#include "launcher/rootless.h"
#include "launcher/runtime.h"

static bool has_option(int argc, char **argv, const char *name)
{
	size_t length = strlen(name);

	for (int i = 0; i < argc; i++)
		if (strncmp(argv[i], name, length) == 0 &&
		    (argv[i][length] == '=' || !argv[i][length]))
			return true;
	return false;
}

/* Options, then "CONTAINER IMAGE"; with --upper there is no container. */
static bool names_container(int argc, char **argv)
{
	return argc >= 2 && argv[argc - 1][0] != '-' && argv[argc - 2][0] != '-' &&
	       !has_option(argc, argv, "--upper") && !has_option(argc, argv, "--help");
}

/* Return: the exit status of nacre-image. */
static int run_and_wait(int argc, char **argv)
{
	int status = 0;
	sigset_t all;
	pid_t pid;

	/* Whatever ends it, the container must be let go on. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	pid = fork();
	if (pid == 0) {
		init_reset_signals();
		_exit(cmd_image_program("commit", argc, argv));
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return STATUS_FAILED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int commit_frozen(struct runtime *r, int argc, char **argv, struct fault *f)
{
	bool freeze = runtime_status(r) == STATE_RUNNING;
	int status;

	if (freeze && runtime_open_cgroups(r, f) < 0)
		return -EINVAL;
	if (freeze && cgroup_group_freeze(r->group, true) < 0) {
		(void)cgroup_group_freeze(r->group, false);
		return fault_set(f, 0, "cannot pause container '%s' while its changes are read",
				 r->state->id);
	}
	status = run_and_wait(argc, argv);
	if (freeze && cgroup_group_freeze(r->group, false) < 0)
		log_warn("cannot let container '%s' go on\nTry: nacre resume %s", r->state->id,
			 r->state->id);
	return status;
}

/* The container's place in the command line is taken by what nacre-image wants. */
static int commit_container(struct runtime *r, int argc, char **argv, struct fault *f)
{
	cleanup_free char **words = calloc((size_t)argc + 5, sizeof(*words));
	const struct state *s = r->state;
	int n = argc - 2;

	if (!words)
		return fault_set(f, -ENOMEM, "cannot commit");
	if (!s->upper)
		return fault_set(f, 0, "what container '%s' changed is not in a layer of nacre's\n"
				 "Commit it with the engine that made it.", s->id);
	if (s->driver && (strcmp(s->driver, "btrfs") == 0 || strcmp(s->driver, "vfs") == 0))
		return fault_set(f, 0, "with --rootfs-driver %s the changes of '%s' are not apart from "
				 "the rest\nCommit all of it: nacre commit --upper %s %s", s->driver,
				 s->id, s->upper, argv[argc - 1]);
	if (!s->image && !has_option(argc, argv, "--image"))
		return fault_set(f, 0, "container '%s' was not made from an image\n"
				 "Name what the changes were made on with --image, or commit them "
				 "alone: nacre commit --upper %s %s", s->id, s->upper,
				 argv[argc - 1]);
	memcpy(words, argv, (size_t)n * sizeof(*words));
	words[n++] = (char *)(uintptr_t)"--upper";
	words[n++] = s->upper;
	if (!has_option(argc, argv, "--image")) {
		words[n++] = (char *)(uintptr_t)"--image";
		words[n++] = s->image;
	}
	words[n++] = argv[argc - 1];
	return commit_frozen(r, n, words, f);
}

int verb_commit(const struct globals *g, int argc, char **argv)
{
	struct runtime r = RUNTIME_INIT;
	struct fault f = FAULT_INIT;
	int result;

	if (!names_container(argc, argv))
		return cmd_image_program("commit", argc, argv);
	if (rootless_is_needed()) {
		result = rootless_reenter(&f);
	} else {
		result = runtime_open(&r, g, argv[argc - 2], false, &f);
		if (result >= 0)
			result = commit_container(&r, argc, argv, &f);
	}
	runtime_close(&r);
	return result < 0 ? runtime_fail(g, &f, STATUS_FAILED) : result;
}
