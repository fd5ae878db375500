/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/run_config.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launcher/cpus.h"

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
	  "none (the default: loopback only), host, or the path of a namespace" },
	{ "userns", 0, OPT_FLAG, FIELD(userns), NULL,
	  "root inside is an ordinary user outside; the default for ordinary users" },
	{ "cap-add", 0, OPT_LIST, FIELD(cap_add), "CAP", "give a capability, or ALL" },
	{ "cap-drop", 0, OPT_LIST, FIELD(cap_drop), "CAP", "take a capability, or ALL" },
	{ "device", 0, OPT_LIST, FIELD(devices), "PATH", "let the container use a device" },
	{ "rlimit", 0, OPT_LIST, FIELD(rlimits), "NAME=SOFT[:HARD]",
	  "a limit of the process: nofile=1024" },
	{ "sysctl", 0, OPT_LIST, FIELD(sysctls), "KEY=VALUE",
	  "a kernel value of the container's namespaces" },
	{ "rootfs-driver", 0, OPT_STRING, FIELD(driver), "NAME",
	  "what puts the layers together: unionfs (the default), overlay" },
	{ "no-views", 0, OPT_FLAG, FIELD(no_views), NULL,
	  "show the host's /proc figures instead of the container's own" },
	{ "timing", 0, OPT_FLAG, FIELD(timing), NULL,
	  "print what each stage of the start took, as JSON on stderr" },
	{ "help", 0, OPT_FLAG, FIELD(help), NULL, "print this" },
};
static const struct opt_table table = OPT_TABLE(rows);

int run_config_parse(int argc, char *const *argv, struct run_config *c, int *ret_command,
		     struct fault *f)
{
	struct opt_error error = { "" };
	int r;

	c->terminal = isatty(STDIN_FILENO);
	r = opt_parse_args(&table, argc, argv, c, NULL, &error);
	if (r == -EINVAL)
		return fault_set(f, 0, "%s\nSee: nacre run --help", error.text);
	if (r < 0)
		return fault_set(f, r, "cannot read the options");
	*ret_command = r;
	if (c->help || c->image)
		return 0;
	if (r >= argc)
		return fault_set(f, 0, "no command is given\n"
				 "Name one after the options: nacre run -- sh");
	return 0;
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
