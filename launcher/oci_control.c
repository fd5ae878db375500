/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "launcher/cpus.h"
#include "launcher/limits_apply.h"
#include "launcher/oci_config.h"
#include "launcher/runtime.h"

struct control_config {
	char *resources;
	uint64_t memory, memory_swap, memory_reservation;
	uint32_t cpus_milli;
	char *cpu_quota;
	unsigned cpu_period, cpu_shares, cpu_rt_period, cpu_rt_runtime;
	char *cpuset_cpus, *cpuset_mems;
	char *pids;
	bool help;
};

#define FIELD(name) offsetof(struct control_config, name)

static const struct opt help_rows[] = {
	{ "help", 'h', OPT_FLAG, FIELD(help), NULL, "print this" },
};
static const struct opt_table help_table = OPT_TABLE(help_rows);

static int parse_cpus(const char *value, void *field, struct opt_error *error)
{
	return cpus_parse_amount(value, field) < 0
		       ? opt_error_set(error, "'%s' is no number of CPUs", value) : 0;
}

static const struct opt update_rows[] = {
	{ "resources", 'r', OPT_STRING, FIELD(resources), "FILE",
	  "a resources object as JSON, - for stdin" },
	{ "memory", 'm', OPT_PARSE, FIELD(memory), "SIZE", "limit of memory", opt_parse_size },
	{ "memory-swap", 0, OPT_PARSE, FIELD(memory_swap), "SIZE",
	  "limit of memory and swap together", opt_parse_size },
	{ "memory-reservation", 0, OPT_PARSE, FIELD(memory_reservation), "SIZE",
	  "memory to leave it under pressure", opt_parse_size },
	{ "cpus", 0, OPT_PARSE, FIELD(cpus_milli), "N", "CPU time, in CPUs", parse_cpus },
	{ "cpu-quota", 0, OPT_STRING, FIELD(cpu_quota), "USEC", "CPU time a period; -1: no limit" },
	{ "cpu-period", 0, OPT_UINT, FIELD(cpu_period), "USEC", "length of a period" },
	{ "cpu-share", 0, OPT_UINT, FIELD(cpu_shares), "N", "weight against others" },
	{ "cpu-rt-period", 0, OPT_UINT, FIELD(cpu_rt_period), "USEC",
	  "length of a period for realtime processes" },
	{ "cpu-rt-runtime", 0, OPT_UINT, FIELD(cpu_rt_runtime), "USEC",
	  "CPU time they have in it" },
	{ "cpuset-cpus", 0, OPT_STRING, FIELD(cpuset_cpus), "LIST", "CPUs" },
	{ "cpuset-mems", 0, OPT_STRING, FIELD(cpuset_mems), "LIST", "memory nodes" },
	{ "pids-limit", 0, OPT_STRING, FIELD(pids), "N", "limit of processes; -1: none" },
	{ "help", 'h', OPT_FLAG, FIELD(help), NULL, "print this" },
};
static const struct opt_table update_table = OPT_TABLE(update_rows);

static int set_frozen(const struct globals *g, int argc, char **argv, bool freeze)
{
	struct control_config config = { 0 };
	struct opt_list operands = { 0 };
	struct runtime r = RUNTIME_INIT;
	struct fault f = FAULT_INIT;
	int result = runtime_parse(&help_table, argc, argv, &config, &operands, 1, 1,
				   freeze ? "nacre pause ID" : "nacre resume ID", &config.help, &f);

	if (result == 0) {
		enum state_status status = STATE_STOPPED;

		result = runtime_open(&r, g, operands.items[0], false, &f);
		if (result >= 0)
			status = runtime_status(&r);
		if (result >= 0 && freeze && status != STATE_RUNNING && status != STATE_CREATED)
			result = fault_set(&f, 0, "container not running: '%s' is %s", r.state->id,
					   state_status_name(status));
		if (result >= 0 && !freeze && status != STATE_PAUSED)
			result = fault_set(&f, 0, "container '%s' is not paused", r.state->id);
		if (result >= 0)
			result = runtime_open_cgroups(&r, &f);
		if (result >= 0)
			result = cgroup_group_freeze(r.group, freeze);
		if (result < 0)
			fault_set(&f, result, "cannot %s container '%s'", freeze ? "pause" : "resume",
				  operands.items[0]);
	}
	runtime_close(&r);
	opt_list_done(&operands);
	return result < 0 ? runtime_fail(g, &f, 1) : 0;
}

int verb_pause(const struct globals *g, int argc, char **argv)
{
	return set_frozen(g, argc, argv, true);
}

int verb_resume(const struct globals *g, int argc, char **argv)
{
	return set_frozen(g, argc, argv, false);
}

static int read_resources(const char *path, struct limits *l, struct fault *f)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r = strcmp(path, "-") == 0 ? buf_read_fd(&text, STDIN_FILENO)
				       : buf_read_file(&text, AT_FDCWD, path);

	if (r < 0)
		return fault_set(f, 0, "cannot read the resources '%s' (%s)", path, strerror(-r));
	r = oci_resources_parse(buf_text(&text), l, f);
	/* Device rules are made once: an update does not repeat the defaults. */
	l->device_count = 0;
	return r;
}

static int limits_from_options(struct control_config *c, struct limits *l)
{
	if (c->memory)
		l->memory_bytes = (int64_t)c->memory;
	if (c->memory_swap)
		l->memory_swap_bytes = (int64_t)c->memory_swap;
	if (c->memory_reservation)
		l->memory_reservation_bytes = (int64_t)c->memory_reservation;
	if (c->cpus_milli) {
		l->cpu_period_us = CPU_PERIOD_US;
		l->cpu_quota_us = cpus_quota_us(c->cpus_milli);
	}
	if (c->cpu_quota)
		l->cpu_quota_us = strtoll(c->cpu_quota, NULL, 10);
	if (c->cpu_period)
		l->cpu_period_us = c->cpu_period;
	if (c->cpu_shares)
		l->cpu_shares = c->cpu_shares;
	if (c->cpu_rt_period)
		l->cpu_rt_period_us = c->cpu_rt_period;
	if (c->cpu_rt_runtime)
		l->cpu_rt_runtime_us = c->cpu_rt_runtime;
	if (c->pids)
		l->pids_max = strtoll(c->pids, NULL, 10);
	if (l->pids_max != LIMIT_UNSET && l->pids_max <= 0)
		l->pids_max = LIMIT_NONE;
	if (c->cpuset_cpus && !(l->cpuset_cpus = strdup(c->cpuset_cpus)))
		return -ENOMEM;
	if (c->cpuset_mems && !(l->cpuset_mems = strdup(c->cpuset_mems)))
		return -ENOMEM;
	return 0;
}

static int update(struct runtime *r, struct control_config *config, struct fault *f)
{
	struct limits l;
	int result = runtime_open_cgroups(r, f);

	if (result < 0)
		return result;
	limits_init(&l);
	if (config->resources)
		result = read_resources(config->resources, &l, f);
	if (result >= 0 && limits_from_options(config, &l) < 0)
		result = fault_set(f, -ENOMEM, "cannot read the options");
	/* As "run" has it: no swap beyond the memory. */
	if (config->memory && !config->memory_swap && r->state->words.count)
		l.memory_swap_bytes = l.memory_bytes;
	if (result >= 0)
		result = limits_update(&l, r->layout, r->group, f);
	limits_done(&l);
	return result;
}

int verb_update(const struct globals *g, int argc, char **argv)
{
	struct control_config config = { 0 };
	struct opt_list operands = { 0 };
	struct runtime r = RUNTIME_INIT;
	struct fault f = FAULT_INIT;
	int result = runtime_parse(&update_table, argc, argv, &config, &operands, 1, 1,
				   "nacre update [OPTION]... ID", &config.help, &f);

	if (result == 0) {
		result = runtime_open(&r, g, operands.items[0], false, &f);
		if (result >= 0)
			result = update(&r, &config, &f);
	}
	runtime_close(&r);
	opt_config_done(&update_table, &config);
	opt_list_done(&operands);
	return result < 0 ? runtime_fail(g, &f, 1) : 0;
}
