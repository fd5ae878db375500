/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/run_config.h - the command line of "nacre run", and the plan it means */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/opt.h"
#include "launcher/fault.h"
#include "launcher/plan.h"

enum restart_policy {
	RESTART_NO,
	RESTART_ON_FAILURE,
	RESTART_UNLESS_STOPPED,
	RESTART_ALWAYS,
};

struct run_restart {
	enum restart_policy policy;
	unsigned max;		/* how often; 0: without end */
};

struct run_config {
	struct opt_list lowers;
	char *image;
	char *upper;
	char *driver;
	bool read_only;
	uint64_t memory_bytes;
	uint32_t cpus_milli;
	char *cpuset;
	unsigned pids;
	char *hostname;
	char *name;
	struct opt_list env;
	char *workdir;
	struct opt_list binds;
	struct opt_list tmpfs;
	char *user;
	char *net;
	char *subnet;
	bool no_nat;
	struct opt_list publish;
	bool userns;
	bool terminal;
	struct opt_list cap_add, cap_drop;
	struct opt_list devices;
	struct opt_list rlimits;
	struct opt_list sysctls;
	struct opt_list io;
	unsigned io_weight;
	char *seccomp;
	char *time_offset;
	bool no_views;
	bool timing;
	bool detach;
	bool remove, keep;	/* once it has ended; neither: as --detach suggests */
	struct run_restart restart;
	uint64_t log_bytes;
	bool help;
};

/** run_config_parse() - read the words behind "run"
 * @ret_command: index of the command's first word
 *
 * Return: 0; -EINVAL with @fault.
 */
int run_config_parse(int argc, char *const *argv, struct run_config *config,
		     int *ret_command, struct fault *fault);

/**
 * run_config_words() - a command line that means the same anywhere
 * @argv:	the command's words, NULL at the end
 * @ret_words:	options, "--" and the command; freed by the caller
 *
 * Paths are absolute, variables have their values, an image is its layers.
 *
 * Return: 0 or -ENOMEM.
 */
int run_config_words(const struct run_config *config, char *const *argv,
		     struct opt_list *ret_words);

/** run_config_keeps() - the container stays when it has ended */
bool run_config_keeps(const struct run_config *config);

/** run_config_restart() - the policy as it is given; freed by the caller */
char *run_config_restart(const struct run_config *config);

/** run_config_parse_restart() - "on-failure:3"; 0 or -EINVAL with @error */
int run_config_parse_restart(const char *value, void *field, struct opt_error *error);

/** run_config_done() - free what the struct owns */
void run_config_done(struct run_config *config);

/** run_config_help() - print the options */
void run_config_help(FILE *out);

/**
 * run_config_plan() - what it means
 * @id:		the container's name
 * @argv:	the command's words, NULL at the end
 * @ret_plan:	freed by the caller
 *
 * Asks the system nothing: paths are made absolute, not looked up.
 *
 * Return: 0; -EINVAL with @fault naming the option; -ENOMEM.
 */
int run_config_plan(const struct run_config *config, const char *id, char *const *argv,
		    struct plan **ret_plan, struct fault *fault);
