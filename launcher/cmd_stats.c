/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "launcher/cmd_inspect.h"
#include "launcher/usage.h"

#define INTERVAL_MS 1000
#define KNOWN_MAX   512		/* containers whose CPU share is shown */

struct stats_config {
	bool json, once, help;
};

#define FIELD(name) offsetof(struct stats_config, name)

static const struct opt rows[] = {
	{ "json", 0, OPT_FLAG, FIELD(json), NULL, "print JSON, one array a second" },
	{ "no-stream", 0, OPT_FLAG, FIELD(once), NULL, "print once" },
	{ "help", 'h', OPT_FLAG, FIELD(help), NULL, "print this" },
};
static const struct opt_table table = OPT_TABLE(rows);

/* What a container had used at the last look. */
struct before {
	char *id;
	int64_t cpu_us, at_us;
};

struct stats {
	const struct opt_list *wanted;
	struct json_object *array;
	struct before known[KNOWN_MAX];
	size_t known_count;
};

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Percent of one CPU since the last look; negative at the first. */
static double cpu_share(struct stats *s, const char *id, int64_t cpu_us)
{
	struct before *b = s->known;
	int64_t now = now_us();
	double share = -1;

	while (b < s->known + s->known_count && strcmp(b->id, id) != 0)
		b++;
	if (b == s->known + KNOWN_MAX || cpu_us < 0)
		return -1;
	if (b == s->known + s->known_count) {
		b->id = strdup(id);
		if (!b->id)
			return -1;
		s->known_count++;
	} else if (now > b->at_us) {
		share = 100.0 * (double)(cpu_us - b->cpu_us) / (double)(now - b->at_us);
	}
	b->cpu_us = cpu_us;
	b->at_us = now;
	return share;
}

static void add_figure(struct json_object *o, const char *key, int64_t value)
{
	if (value != USAGE_UNKNOWN)
		json_object_object_add(o, key, value == USAGE_NO_LIMIT
						       ? NULL : json_object_new_int64(value));
}

static void add_json(struct stats *s, const char *id, const struct usage *u, double share)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "id", json_object_new_string(id));
	add_figure(o, "cpuUsec", u->cpu_us);
	if (share >= 0)
		json_object_object_add(o, "cpuPercent", json_object_new_double(share));
	add_figure(o, "memory", u->memory_bytes);
	add_figure(o, "memoryLimit", u->memory_limit_bytes);
	add_figure(o, "pids", u->pids);
	add_figure(o, "pidsLimit", u->pids_limit);
	add_figure(o, "ioRead", u->read_bytes);
	add_figure(o, "ioWritten", u->written_bytes);
	json_object_array_add(s->array, o);
}

static const char *bytes_text(int64_t bytes, char text[24])
{
	static const char units[] = "KMGT";
	double n = (double)bytes;
	int unit = -1;

	if (bytes < 0)
		return "-";
	while (n >= 1024 && unit < 3) {
		n /= 1024;
		unit++;
	}
	if (unit < 0)
		snprintf(text, 24, "%" PRId64, bytes);
	else
		snprintf(text, 24, "%.1f%c", n, units[unit]);
	return text;
}

static void print_row(const char *id, const struct usage *u, double share)
{
	char cpu[16] = "-", t[4][24];

	if (share >= 0)
		snprintf(cpu, sizeof(cpu), "%.1f%%", share);
	if (u->cpu_us < 0)
		printf("%-24s %8s %11s ", id, cpu, "-");
	else
		printf("%-24s %8s %10.2fs ", id, cpu, (double)u->cpu_us / 1e6);
	printf("%9s / %-9s ", bytes_text(u->memory_bytes, t[0]),
	       bytes_text(u->memory_limit_bytes, t[1]));
	if (u->pids < 0)
		printf("%6s", "-");
	else
		printf("%6" PRId64, u->pids);
	printf(" %9s %9s\n", bytes_text(u->read_bytes, t[2]), bytes_text(u->written_bytes, t[3]));
}

static bool is_wanted(const struct stats *s, const char *id)
{
	for (size_t i = 0; i < s->wanted->count; i++)
		if (strcmp(s->wanted->items[i], id) == 0)
			return true;
	return !s->wanted->count;
}

static int show(struct runtime *r, void *arg)
{
	struct stats *s = arg;
	struct fault ignored = FAULT_INIT;
	enum state_status status = runtime_status(r);
	struct usage usage = { USAGE_UNKNOWN, USAGE_UNKNOWN, USAGE_UNKNOWN, USAGE_UNKNOWN,
			       USAGE_UNKNOWN, USAGE_UNKNOWN, USAGE_UNKNOWN };
	double share;

	if (!is_wanted(s, r->state->id) || status == STATE_STOPPED || status == STATE_CREATING)
		return 0;
	/* One without cgroups is there, too. */
	if (runtime_open_cgroups(r, &ignored) >= 0)
		usage_read(r->group, &usage);
	share = cpu_share(s, r->state->id, usage.cpu_us);
	if (s->array)
		add_json(s, r->state->id, &usage, share);
	else
		print_row(r->state->id, &usage, share);
	return 0;
}

static int show_all(struct stats *s, const struct globals *g, const struct stats_config *config,
		    struct fault *f)
{
	cleanup_json struct json_object *array = config->json ? json_object_new_array() : NULL;
	int r;

	s->array = array;
	/* On a terminal in place, else one below the other. */
	if (!array && !config->once && isatty(STDOUT_FILENO))
		fputs("\033[H\033[2J", stdout);
	if (!array)
		printf("%-24s %8s %11s %9s / %-9s %6s %9s %9s\n", "ID", "CPU", "TIME", "MEMORY",
		       "LIMIT", "PIDS", "READ", "WRITTEN");
	r = inspect_each(g, show, s, f);
	if (array)
		puts(json_object_to_json_string_ext(array, JSON_C_TO_STRING_PLAIN));
	fflush(stdout);
	return r;
}

/* One that does not run has nothing to show: say so, do not wait for it. */
static int check_wanted(const struct globals *g, const struct opt_list *wanted, struct fault *f)
{
	for (size_t i = 0; i < wanted->count; i++) {
		struct runtime one = RUNTIME_INIT;
		int r = runtime_open(&one, g, wanted->items[i], false, f);

		if (r >= 0 && runtime_status(&one) == STATE_STOPPED)
			r = fault_set(f, 0, "container not running: '%s' has stopped\n"
				      "Its end is in: nacre inspect %s", wanted->items[i],
				      wanted->items[i]);
		runtime_close(&one);
		if (r < 0)
			return r;
	}
	return 0;
}

int verb_stats(const struct globals *g, int argc, char **argv)
{
	struct stats_config config = { 0 };
	struct opt_list operands = { 0 };
	struct stats *s = calloc(1, sizeof(*s));
	struct fault f = FAULT_INIT;
	int r = runtime_parse(&table, argc, argv, &config, &operands, 0, 4096,
			      "nacre stats [OPTION]... [ID]...", &config.help, &f);

	if (r == 0)
		r = s ? check_wanted(g, &operands, &f) : fault_set(&f, -ENOMEM, "cannot start");
	while (r == 0) {
		s->wanted = &operands;
		r = show_all(s, g, &config, &f);
		if (config.once || ferror(stdout))
			break;
		(void)poll(NULL, 0, INTERVAL_MS);
	}
	for (size_t i = 0; s && i < s->known_count; i++)
		free(s->known[i].id);
	free(s);
	opt_list_done(&operands);
	return r < 0 ? runtime_fail(g, &f, 1) : 0;
}
