/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/verbs.h - what nacre can be told to do */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Options before the verb. */
struct globals {
	char *root;		/* NULL: the default state directory */
	char *log;
	char *log_format;
	bool help, version;
	bool systemd_cgroup;
	char *cgroup_manager;
	char *ignored;
	char **argv;		/* of main() */
	char *title;		/* the words of our command line, one after the other */
	size_t title_size;
};

/* Each takes the words behind the verb and returns an exit status. */
int verb_create(const struct globals *globals, int argc, char **argv);
int verb_delete(const struct globals *globals, int argc, char **argv);
int verb_kill(const struct globals *globals, int argc, char **argv);
int verb_start(const struct globals *globals, int argc, char **argv);
int verb_state(const struct globals *globals, int argc, char **argv);
int verb_run(const struct globals *globals, int argc, char **argv);
int verb_exec(const struct globals *globals, int argc, char **argv);
int verb_events(const struct globals *globals, int argc, char **argv);
int verb_features(const struct globals *globals, int argc, char **argv);
int verb_list(const struct globals *globals, int argc, char **argv);
int verb_pause(const struct globals *globals, int argc, char **argv);
int verb_ps(const struct globals *globals, int argc, char **argv);
int verb_resume(const struct globals *globals, int argc, char **argv);
int verb_update(const struct globals *globals, int argc, char **argv);

int verb_check(const struct globals *globals, int argc, char **argv);
int verb_diff(const struct globals *globals, int argc, char **argv);
int verb_inspect(const struct globals *globals, int argc, char **argv);
int verb_logs(const struct globals *globals, int argc, char **argv);
int verb_stats(const struct globals *globals, int argc, char **argv);
int verb_stop(const struct globals *globals, int argc, char **argv);
int verb_wait(const struct globals *globals, int argc, char **argv);

/** verb_ended() - what nacre-monitor executes when the container has ended */
int verb_ended(const struct globals *globals, int argc, char **argv);

/** verb_no_checkpoint() - "checkpoint" and "restore": says that there is none */
int verb_no_checkpoint(const struct globals *globals, int argc, char **argv);

int verb_spec(const struct globals *globals, int argc, char **argv);

/**
 * verb_run_bundle() - "run --bundle DIR ID": create, start, wait and delete
 *
 * What engines mean by "run".
 */
int verb_run_bundle(const struct globals *globals, int argc, char **argv);
