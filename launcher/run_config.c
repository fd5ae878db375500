/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/run_config.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "launcher/cpus.h"
#include "launcher/paths.h"

static int parse_cpus(const char *value, void *field, struct opt_error *error)
{
	int r = cpus_parse_amount(value, field);

	if (r == -ERANGE)
		return opt_error_set(error, "'%s' is out of range: at least 0.01 CPUs", value);
	return r < 0 ? opt_error_set(error, "'%s' is no number of CPUs: use 2 or 0.5", value) : 0;
}

static int parse_cpuset(const char *value, void *field, struct opt_error *error)
{
	cpu_set_t set;

	if (cpus_parse_list(value, &set) < 0 || !CPU_COUNT(&set))
		return opt_error_set(error, "'%s' is no list of CPUs: use 0-3 or 0,2", value);
	free(*(char **)field);
	*(char **)field = strdup(value);
	return *(char **)field ? 0 : -ENOMEM;
}

static const char *const restart_names[] = {
	[RESTART_NO] = "no",
	[RESTART_ON_FAILURE] = "on-failure",
	[RESTART_UNLESS_STOPPED] = "unless-stopped",
	[RESTART_ALWAYS] = "always",
};

int run_config_parse_restart(const char *value, void *field, struct opt_error *error)
{
	size_t length = strcspn(value, ":");
	const char *max = value[length] ? value + length + 1 : NULL;
	struct run_restart *restart = field;
	char *end;

	for (int i = 0; i < 4; i++) {
		if (strlen(restart_names[i]) != length || memcmp(restart_names[i], value, length) != 0)
			continue;
		restart->policy = i;
		restart->max = 0;
		if (!max)
			return 0;
		restart->max = (unsigned)strtoul(max, &end, 10);
		if (i == RESTART_ON_FAILURE && restart->max > 0 && !*end && strlen(max) < 8)
			return 0;
	}
	return opt_error_set(error, "'%s' is none of no, on-failure, on-failure:N, unless-stopped, "
			     "always", value);
}

#define FIELD(name) offsetof(struct run_config, name)

static const struct opt rows[] = {
	{ "lower", 'l', OPT_LIST, FIELD(lowers), "DIR",
	  "a read-only layer; may be repeated, the first is on top" },
	{ "image", 'i', OPT_STRING, FIELD(image), "IMAGE",
	  "take root, command and settings from an image: a name, or the path of one" },
	{ "upper", 'u', OPT_STRING, FIELD(upper), "DIR",
	  "keep changes there; without it they vanish with the container" },
	{ "memory", 'm', OPT_PARSE, FIELD(memory_bytes), "SIZE",
	  "limit of memory: 256M, 2G", opt_parse_size },
	{ "cpus", 'c', OPT_PARSE, FIELD(cpus_milli), "N",
	  "CPUs to use: 2, 0.5; the container sees the number rounded up", parse_cpus },
	{ "cpuset", 0, OPT_PARSE, FIELD(cpuset), "LIST",
	  "run on these CPUs only: 0-3,6", parse_cpuset },
	{ "pids", 0, OPT_UINT, FIELD(pids), "N", "limit of processes and threads" },
	{ "name", 'n', OPT_STRING, FIELD(name), "NAME", "name of the container" },
	{ "hostname", 'h', OPT_STRING, FIELD(hostname), "NAME",
	  "hostname inside; without it the name" },
	{ "env", 'e', OPT_LIST, FIELD(env), "K=V",
	  "a variable for the command; K alone takes the value from here" },
	{ "workdir", 'w', OPT_STRING, FIELD(workdir), "DIR", "directory to start in" },
	{ "user", 0, OPT_STRING, FIELD(user), "UID[:GID]", "user and group of the command" },
	{ "bind", 'b', OPT_LIST, FIELD(binds), "SRC:DST[:ro]",
	  "show a directory or file of the host inside" },
	{ "tmpfs", 0, OPT_LIST, FIELD(tmpfs), "DST[:SIZE]", "an empty file system in memory" },
	{ "read-only", 0, OPT_FLAG, FIELD(read_only), NULL, "the root cannot be written" },
	{ "tty", 't', OPT_FLAG, FIELD(terminal), NULL,
	  "give the command a terminal; the default if stdin is one, --tty=0 to refuse" },
	{ "net", 0, OPT_STRING, FIELD(net), "MODE",
	  "none (the default: loopback only), bridge, host, or the path of a namespace" },
	{ "subnet", 0, OPT_STRING, FIELD(subnet), "CIDR",
	  "addresses of the bridge: 10.99.0.0/16 without this" },
	{ "publish", 'p', OPT_LIST, FIELD(publish), "PORT[:PORT][/udp]",
	  "let a port of the host lead to one of the container at the bridge" },
	{ "no-nat", 0, OPT_FLAG, FIELD(no_nat), NULL,
	  "containers at the bridge reach the host and each other only" },
	{ "userns", 0, OPT_FLAG, FIELD(userns), NULL,
	  "root inside is an ordinary user outside; the default for ordinary users" },
	{ "cap-add", 0, OPT_LIST, FIELD(cap_add), "CAP", "give a capability, or ALL" },
	{ "cap-drop", 0, OPT_LIST, FIELD(cap_drop), "CAP", "take a capability, or ALL" },
	{ "device", 0, OPT_LIST, FIELD(devices), "PATH", "let the container use a device" },
	{ "rlimit", 0, OPT_LIST, FIELD(rlimits), "NAME=SOFT[:HARD]",
	  "a limit of the process: nofile=1024" },
	{ "sysctl", 0, OPT_LIST, FIELD(sysctls), "KEY=VALUE",
	  "a kernel value of the container's namespaces" },
	{ "io", 0, OPT_LIST, FIELD(io), "PATH:RATE[,RATE]...",
	  "limit a disk, by any path on it: read=10M, write=10M, riops=100, wiops=100" },
	{ "io-weight", 0, OPT_UINT, FIELD(io_weight), "N",
	  "share of the disks against others, 10 to 1000" },
	{ "seccomp", 0, OPT_STRING, FIELD(seccomp), "FILE|unconfined",
	  "filter system calls by a JSON file as OCI bundles have it, or not at all" },
	{ "time-offset", 0, OPT_STRING, FIELD(time_offset), "SECONDS|host",
	  "where uptime begins: 0 without this; host leaves the clocks alone" },
	{ "rootfs-driver", 0, OPT_STRING, FIELD(driver), "NAME",
	  "what puts the layers together: unionfs, overlay, btrfs, vfs; the first that works" },
	{ "detach", 'd', OPT_FLAG, FIELD(detach), NULL,
	  "run in the background; print the name" },
	{ "rm", 0, OPT_FLAG, FIELD(remove), NULL,
	  "remove the container when it has ended; the default without --detach" },
	{ "keep", 0, OPT_FLAG, FIELD(keep), NULL,
	  "keep it for logs, diff, commit and start; the default with --detach" },
	{ "restart", 0, OPT_PARSE, FIELD(restart), "POLICY",
	  "start it again when it ends: no, on-failure[:N], unless-stopped, always",
	  run_config_parse_restart },
	{ "log-size", 0, OPT_PARSE, FIELD(log_bytes), "SIZE",
	  "how much of its output is kept with --detach; 8M without this", opt_parse_size },
	{ "no-views", 0, OPT_FLAG, FIELD(no_views), NULL,
	  "show the host's /proc figures instead of the container's own" },
	{ "timing", 0, OPT_FLAG, FIELD(timing), NULL,
	  "print what each stage of the start took, as JSON on stderr" },
	{ "help", 0, OPT_FLAG, FIELD(help), NULL, "print this" },
};
static const struct opt_table table = OPT_TABLE(rows);

/* --tty=0 was given: it also changes what was true before. */
static bool refuses_terminal(int argc, char *const *argv)
{
	struct run_config probe = { .terminal = true };
	struct opt_error error;
	bool refused = opt_parse_args(&table, argc, argv, &probe, NULL, &error) >= 0 &&
		       !probe.terminal;

	run_config_done(&probe);
	return refused;
}

static int check_together(const struct run_config *c, struct fault *f)
{
	if (c->remove && c->keep)
		return fault_set(f, 0, "--rm and --keep contradict each other");
	if (c->restart.policy != RESTART_NO && !c->detach)
		return fault_set(f, 0, "--restart needs --detach: who started a container in the "
				 "foreground can start it again");
	if (c->restart.policy != RESTART_NO && c->remove)
		return fault_set(f, 0, "--restart and --rm contradict each other");
	if (c->log_bytes && c->log_bytes < 4096)
		return fault_set(f, 0, "option '--log-size': give at least 4K");
	return 0;
}

bool run_config_keeps(const struct run_config *c)
{
	return c->keep || (c->detach && !c->remove);
}

int run_config_parse(int argc, char *const *argv, struct run_config *c, int *ret_command,
		     struct fault *f)
{
	struct opt_error error = { "" };
	int r;

	r = opt_parse_args(&table, argc, argv, c, NULL, &error);
	if (r == -EINVAL)
		return fault_set(f, 0, "%s\nSee: nacre run --help", error.text);
	if (r < 0)
		return fault_set(f, r, "cannot read the options");
	*ret_command = r;
	if (!c->terminal && !c->detach && isatty(STDIN_FILENO))
		c->terminal = !refuses_terminal(argc, argv);
	if (!c->help && check_together(c, f) < 0)
		return -EINVAL;
	if (c->help || c->image)
		return 0;
	if (r >= argc)
		return fault_set(f, 0, "no command is given\n"
				 "Name one after the options: nacre run -- sh");
	return 0;
}

static int add_list(struct opt_list *words, const char *name, const struct opt_list *list)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < list->count; i++) {
		const char *item = list->items[i];

		/* What came from the environment is there no more. */
		if (strcmp(name, "env") == 0 && !strchr(item, '='))
			r = getenv(item) ? opt_list_addf(words, "--env=%s=%s", item, getenv(item)) : 0;
		else
			r = opt_list_addf(words, "--%s=%s", name, item);
	}
	return r;
}

/* "SRC:DST" with SRC as it is from here. */
static int add_binds(struct opt_list *words, const struct opt_list *list)
{
	cleanup_free char *here = getcwd(NULL, 0);
	int r = here ? 0 : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < list->count; i++)
		r = list->items[i][0] == '/' ? opt_list_addf(words, "--bind=%s", list->items[i])
					     : opt_list_addf(words, "--bind=%s/%s", here, list->items[i]);
	return r;
}

static int add_paths(struct opt_list *words, const char *name, char *const *paths, size_t count)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < count; i++) {
		cleanup_free char *path = paths_absolute(paths[i]);

		r = path ? opt_list_addf(words, "--%s=%s", name, path) : -ENOMEM;
	}
	return r;
}

char *run_config_restart(const struct run_config *c)
{
	const char *name = restart_names[c->restart.policy];
	char *text;

	if (!c->restart.max)
		return strdup(name);
	return asprintf(&text, "%s:%u", name, c->restart.max) < 0 ? NULL : text;
}

static int add_parsed(struct opt_list *words, const struct opt *o, const struct run_config *c)
{
	if (o->offset == FIELD(memory_bytes) && c->memory_bytes)
		return opt_list_addf(words, "--memory=%llu", (unsigned long long)c->memory_bytes);
	if (o->offset == FIELD(log_bytes) && c->log_bytes)
		return opt_list_addf(words, "--log-size=%llu", (unsigned long long)c->log_bytes);
	if (o->offset == FIELD(cpus_milli) && c->cpus_milli)
		return opt_list_addf(words, "--cpus=%u.%03u", c->cpus_milli / 1000, c->cpus_milli % 1000);
	if (o->offset == FIELD(cpuset) && c->cpuset)
		return opt_list_addf(words, "--cpuset=%s", c->cpuset);
	if (o->offset == FIELD(restart)) {
		cleanup_free char *restart = run_config_restart(c);

		return restart ? opt_list_addf(words, "--restart=%s", restart) : -ENOMEM;
	}
	return 0;
}

static bool is_path(const struct opt *o, const char *value)
{
	return o->offset == FIELD(upper) ||
	       (o->offset == FIELD(seccomp) && strcmp(value, "unconfined") != 0);
}

static int add_option(struct opt_list *words, const struct opt *o, const struct run_config *c)
{
	const void *field = (const char *)c + o->offset;
	char *const *string = field;

	switch (o->kind) {
	case OPT_FLAG:
		if (o->offset == FIELD(timing) || o->offset == FIELD(help))
			return 0;
		return opt_list_addf(words, "--%s=%d", o->name, *(const bool *)field);
	case OPT_UINT:
		return *(const unsigned *)field ? opt_list_addf(words, "--%s=%u", o->name,
							   *(const unsigned *)field) : 0;
	case OPT_STRING:
		if (!*string || o->offset == FIELD(image))
			return 0;
		return is_path(o, *string) ? add_paths(words, o->name, string, 1)
					   : opt_list_addf(words, "--%s=%s", o->name, *string);
	case OPT_LIST:
		if (o->offset == FIELD(binds))
			return add_binds(words, field);
		if (o->offset == FIELD(lowers))
			return add_paths(words, o->name, c->lowers.items, c->lowers.count);
		return add_list(words, o->name, field);
	default:
		return add_parsed(words, o, c);
	}
}

int run_config_words(const struct run_config *c, char *const *argv, struct opt_list *words)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < table.count; i++)
		r = add_option(words, &rows[i], c);
	if (r >= 0)
		r = opt_list_add(words, "--");
	for (; r >= 0 && *argv; argv++)
		r = opt_list_add(words, *argv);
	return r;
}

void run_config_done(struct run_config *c)
{
	opt_config_done(&table, c);
	free(c->cpuset);
	c->cpuset = NULL;
}

void run_config_help(FILE *out)
{
	fputs("Usage: nacre run [OPTION]... [--] COMMAND [ARGUMENT]...\n"
	      "Run a command in a container of its own.\n\n", out);
	opt_print_help(&table, "--", out);
	fputs("\nWithout --lower the root is a small one made from this machine's busybox.\n"
	      "The exit status is the command's, 128+N if signal N ended it; 125 if nacre\n"
	      "failed, 126 if the command cannot be executed, 127 if it was not found.\n", out);
}
