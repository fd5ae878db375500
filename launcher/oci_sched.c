/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/oci_config.h"

#include <linux/ioprio.h>
#include <linux/sched.h>
#include <string.h>

#include "launcher/cpus.h"

struct word {
	const char *word;
	unsigned value;
};

static const struct word policies[] = {
	{ "SCHED_OTHER", SCHED_NORMAL }, { "SCHED_FIFO", SCHED_FIFO }, { "SCHED_RR", SCHED_RR },
	{ "SCHED_BATCH", SCHED_BATCH },	 { "SCHED_ISO", 4 /* reserved: the kernel refuses it */ },
	{ "SCHED_IDLE", SCHED_IDLE },	 { "SCHED_DEADLINE", SCHED_DEADLINE },
};

static const struct word sched_flags[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK },
	{ "SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM },
	{ "SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN },
	{ "SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY },
	{ "SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS },
	{ "SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX },
};

static const struct word io_classes[] = {
	{ "IOPRIO_CLASS_RT", IOPRIO_CLASS_RT },
	{ "IOPRIO_CLASS_BE", IOPRIO_CLASS_BE },
	{ "IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The value of the word at @key; what is none of them is an error. */
static unsigned find_word(const struct oci_reader *r, const char *key, const char *text,
			  const struct word *words, size_t count)
{
	for (size_t i = 0; text && i < count; i++)
		if (strcmp(words[i].word, text) == 0)
			return words[i].value;
	oci_fail(r, key, "'%s' is none that nacre knows", text ? text : "");
	return 0;
}

static uint64_t read_ns(const struct oci_reader *r, const char *key)
{
	int64_t value = 0;

	oci_int(r, key, 0, INT64_MAX, &value);
	return (uint64_t)value;
}

static void read_scheduler(const struct oci_reader *process, struct plan_sched *s)
{
	struct oci_reader r = oci_below(process, "scheduler");
	struct opt_list flags = { 0 };
	int64_t nice = 0, priority = 0;

	if (!r.object)
		return;
	s->has_policy = true;
	s->policy = find_word(&r, "policy", oci_peek(&r, "policy"), policies, COUNT(policies));
	oci_strings(&r, "flags", &flags);
	for (size_t i = 0; i < flags.count; i++)
		s->flags |= find_word(&r, "flags", flags.items[i], sched_flags, COUNT(sched_flags));
	opt_list_done(&flags);
	oci_int(&r, "nice", -20, 19, &nice);
	oci_int(&r, "priority", 0, 99, &priority);
	s->nice = (int32_t)nice;
	s->priority = (uint32_t)priority;
	s->runtime_ns = read_ns(&r, "runtime");
	s->deadline_ns = read_ns(&r, "deadline");
	s->period_ns = read_ns(&r, "period");
}

static void read_io_priority(const struct oci_reader *process, struct plan_sched *s)
{
	struct oci_reader r = oci_below(process, "ioPriority");
	int64_t level = 0;
	unsigned class;

	if (!r.object)
		return;
	class = find_word(&r, "class", oci_peek(&r, "class"), io_classes, COUNT(io_classes));
	oci_int(&r, "priority", 0, 7, &level);
	s->has_io_priority = true;
	s->io_priority = IOPRIO_PRIO_VALUE((int)class, (int)level);
}

static void read_affinity(const struct oci_reader *process, struct plan_sched *s)
{
	struct oci_reader r = oci_below(process, "execCPUAffinity");
	cpu_set_t set;

	oci_string(&r, "initial", &s->cpus_initial);
	oci_string(&r, "final", &s->cpus_final);
	if (s->cpus_initial && *s->cpus_initial && cpus_parse_list(s->cpus_initial, &set) < 0)
		oci_fail(&r, "initial", "'%s' is no list of CPUs", s->cpus_initial);
	if (s->cpus_final && *s->cpus_final && cpus_parse_list(s->cpus_final, &set) < 0)
		oci_fail(&r, "final", "'%s' is no list of CPUs", s->cpus_final);
}

void oci_read_sched(const struct oci_reader *process, struct plan_sched *s)
{
	read_scheduler(process, s);
	read_io_priority(process, s);
	read_affinity(process, s);
}
