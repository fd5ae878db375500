/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/procfs_client.h"

static int parse_rounding(const char *value, void *field, struct opt_error *error)
{
	enum view_rounding *rounding = field;

	if (strcmp(value, "up") == 0)
		*rounding = VIEW_ROUND_UP;
	else if (strcmp(value, "down") == 0)
		*rounding = VIEW_ROUND_DOWN;
	else if (strcmp(value, "nearest") == 0)
		*rounding = VIEW_ROUND_NEAREST;
	else
		return opt_error_set(error, "--cpu-rounding is up, down or nearest, not '%s'",
				     value);
	return 0;
}

static int parse_v1_swap(const char *value, void *field, struct opt_error *error)
{
	enum view_v1_swap *mode = field;

	if (strcmp(value, "difference") == 0)
		*mode = VIEW_V1_SWAP_DIFFERENCE;
	else if (strcmp(value, "limit") == 0)
		*mode = VIEW_V1_SWAP_LIMIT;
	else
		return opt_error_set(error, "--v1-swap is difference or limit, not '%s'",
				     value);
	return 0;
}

static int find_rule(const char *name, size_t length)
{
	for (int rule = 0; rule < IDENTITY_RULES; rule++)
		if (strlen(identity_rule_name(rule)) == length &&
		    strncmp(identity_rule_name(rule), name, length) == 0)
			return rule;
	return -1;
}

static int parse_identity(const char *value, void *field, struct opt_error *error)
{
	struct identity_policy policy = { .count = 0 };
	size_t length;

	for (const char *p = value; *p; p += length + (p[length] == ',')) {
		int rule;

		length = strcspn(p, ",");
		rule = find_rule(p, length);
		if (rule < 0 || policy.count == IDENTITY_RULES)
			return opt_error_set(error, "--identity has no rule '%.*s'\n"
					     "Write an order of: registered,cgroupns,pidns,caller",
					     (int)length, p);
		policy.rules[policy.count++] = rule;
	}
	if (!policy.count)
		return opt_error_set(error, "--identity needs at least one rule");
	*(struct identity_policy *)field = policy;
	return 0;
}

#define FIELD(field) offsetof(struct config, field)

static const struct opt options[] = {
	{ "foreground", 'f', OPT_FLAG, FIELD(foreground), NULL,
	  "stay in the foreground" },
	{ "debug", 'd', OPT_FLAG, FIELD(debug), NULL,
	  "trace every request; implies -f" },
	{ "socket", 's', OPT_STRING, FIELD(socket), "PATH",
	  "control socket (default " PROCFS_SOCKET_DEFAULT ")" },
	{ "cpu-rounding", 0, OPT_PARSE, FIELD(policy.rounding), "HOW",
	  "a quota of 1.5 CPUs shows 2 (up, the default), 1 (down) or the nearest",
	  parse_rounding },
	{ "renumber", 0, OPT_FLAG, FIELD(policy.renumber), NULL,
	  "number visible CPUs from 0 instead of showing physical ids" },
	{ "steal", 0, OPT_FLAG, FIELD(policy.throttled_is_steal), NULL,
	  "show throttled time as steal" },
	{ "v1-swap", 0, OPT_PARSE, FIELD(policy.v1_swap), "HOW",
	  "v1 swap total: memsw limit minus memory limit (difference) or limit",
	  parse_v1_swap },
	{ "identity", 0, OPT_PARSE, FIELD(identity), "RULES",
	  "how readers are told apart (default registered,cgroupns,pidns,caller)",
	  parse_identity },
	{ "seccomp-socket", 0, OPT_STRING, FIELD(seccomp_socket), "PATH",
	  "where engines bring seccomp listeners (default seccomp.sock beside the control socket)" },
	{ "affinity", 0, OPT_FLAG, FIELD(affinity), NULL,
	  "answer sched_getaffinity(2) of such containers as well as sysinfo(2)" },
	{ "pressure-triggers", 0, OPT_FLAG, FIELD(pressure_triggers), NULL,
	  "take triggers written to pressure files, and answer poll(2)" },
	{ "threads", 't', OPT_UINT, FIELD(threads), "N",
	  "threads that answer (default 2)" },
	{ "root", 0, OPT_STRING, FIELD(root), NULL, NULL },
	{ "help", 'h', OPT_FLAG, FIELD(help), NULL, "print this and exit" },
	{ "version", 'V', OPT_FLAG, FIELD(version), NULL, "print the version and exit" },
};

const struct opt_table config_options = OPT_TABLE(options);

void config_init(struct config *c)
{
	*c = (struct config){
		.control = { -1, -1 },
		.seccomp_fd = -1,
		.threads = 2,
		.identity = { { IDENTITY_REGISTERED, IDENTITY_CGROUPNS,
				IDENTITY_PIDNS, IDENTITY_CALLER }, IDENTITY_RULES },
	};
}

void config_done(struct config *c)
{
	opt_config_done(&config_options, c);
	free(c->mountpoint);
	free(c->mounted_at);
	free(c->seccomp_path);
	if (c->seccomp_fd >= 0)
		close(c->seccomp_fd);
	control_close(&c->control);
	config_init(c);
}

const char *config_socket(const struct config *c)
{
	return c->socket ? c->socket : PROCFS_SOCKET_DEFAULT;
}

const char *config_mountpoint(const struct config *c)
{
	return c->mountpoint ? c->mountpoint : PROCFS_MOUNT_DEFAULT;
}

int config_seccomp_path(struct config *c)
{
	const char *control = config_socket(c), *name = strrchr(control, '/');
	int directory = name ? (int)(name + 1 - control) : 0;

	if (c->seccomp_socket)
		c->seccomp_path = strdup(c->seccomp_socket);
	else if (asprintf(&c->seccomp_path, "%.*sseccomp.sock", directory, control) < 0)
		c->seccomp_path = NULL;
	return c->seccomp_path ? 0 : -ENOMEM;
}
