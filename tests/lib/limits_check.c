/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/limits_check.c - what must hold whatever the limits are, and at any time */
#include "config.h"
#include "tests/lib/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT	  (256 * 1024)
#define COUNTERS  64
#define COLUMNS	  10
#define ROWS	  64
#define LARGEST	  (UINT64_C(1) << 53)	/* beyond it programs that compute in doubles err */

void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("limits: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

char *read_whole(const char *dir, const char *name, char *text, size_t size)
{
	size_t length = 0;
	char path[4096];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		complain("%s: %s", path, strerror(errno));
	while ((n = read(fd, text + length, size - 1 - length)) > 0)
		length += (size_t)n;
	if (n < 0)
		complain("%s: %s", path, strerror(errno));
	close(fd);
	text[length] = '\0';
	return text;
}

uint64_t list_bits(const char *list)
{
	uint64_t bits = 0;
	char *end;

	while (*list >= '0' && *list <= '9') {
		unsigned long first = strtoul(list, &end, 10), last = first;

		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		for (; first <= last && first < 64; first++)
			bits |= UINT64_C(1) << first;
		list = end + (*end == ',');
	}
	return bits;
}

/* --- all files ----------------------------------------------------------------- */

static const char *const files[] = {
	"proc/meminfo", "proc/stat", "proc/uptime", "proc/loadavg", "proc/vmstat",
	"proc/diskstats", "proc/partitions", "proc/interrupts", "proc/softirqs",
	"proc/sys/kernel/pid_max", "proc/sys/kernel/threads-max",
	"sys/devices/system/node/node0/meminfo",
	"sys/devices/system/node/node0/vmstat",
	"sys/devices/system/node/node0/numastat",
};

static void check_numbers(const char *name, const char *text)
{
	for (const char *p = text; *p;) {
		char *end;
		uint64_t value;

		if (*p == '-' && p[1] >= '0' && p[1] <= '9' && (p == text || p[-1] == ' '))
			complain("%s has a negative number: %.80s", name, p);
		if (*p < '0' || *p > '9') {
			p++;
			continue;
		}
		errno = 0;
		value = strtoull(p, &end, 10);
		if (errno || value > LARGEST)
			complain("%s has a number that cannot be: %.80s", name, p);
		p = end;
	}
}

static void check_all_numbers(const struct setting *set, char *text)
{
	char path[4096];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", set->view, files[i]);
		if (access(path, F_OK) == 0)	/* the host's kernel has not all of them */
			check_numbers(files[i], read_whole(set->view, files[i], text, TEXT));
	}
}

/* --- memory ---------------------------------------------------------------------- */

static uint64_t kib(const char *text, const char *name)
{
	size_t length = strlen(name);

	for (const char *p = text; *p; p = strchrnul(p, '\n'), p += *p == '\n')
		if (strncmp(p, name, length) == 0 && p[length] == ':')
			return strtoull(p + length + 1, NULL, 10);
	complain("meminfo has no %s", name);
}

static void check_order(const char *text)
{
	static const char *const pairs[][2] = {		/* the first is never more */
		{ "MemFree", "MemAvailable" }, { "MemAvailable", "MemTotal" },
		{ "SwapFree", "SwapTotal" }, { "Active(anon)", "Active" },
		{ "HugePages_Free", "HugePages_Total" },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (kib(text, pairs[i][0]) > kib(text, pairs[i][1]))
			complain("%s is more than %s:\n%s", pairs[i][0], pairs[i][1], text);
	if (kib(text, "Active") != kib(text, "Active(anon)") + kib(text, "Active(file)"))
		complain("Active is not its parts:\n%s", text);
}

static uint64_t least(const _Atomic uint64_t values[LEVELS], uint64_t most)
{
	for (int i = 0; i < LEVELS; i++)
		if (values[i] < most)
			most = values[i];
	return most;
}

static void check_memory(const struct setting *set, char *text)
{
	struct truth *truth = &set->shared->truth;
	uint64_t moment = truth->moment, total;

	check_order(read_whole(set->view, "proc/meminfo", text, TEXT));
	total = kib(text, "MemTotal") * 1024;
	if (total > set->host_bytes)
		complain("MemTotal is more than the host has: %" PRIu64, total);
	if (moment % 2 || moment != truth->moment)
		return;
	set->shared->compared++;
	if (total != least(truth->memory, set->host_bytes) &&
	    moment == truth->moment)
		complain("MemTotal is %" PRIu64 ", the limit %" PRIu64, total,
			 least(truth->memory, set->host_bytes));
}

/* --- CPUs ------------------------------------------------------------------------ */

struct rows {
	uint64_t shown;			/* a bit for each row */
	uint64_t ticks[ROWS + 1][COLUMNS];	/* the last: of all */
};

static void parse_rows(const char *text, struct rows *rows)
{
	*rows = (struct rows){ 0 };
	for (const char *p = text; strncmp(p, "cpu", 3) == 0; p = strchrnul(p, '\n') + 1) {
		unsigned row = ROWS;
		char *end = (char *)p + 3;

		if (*end != ' ') {
			row = (unsigned)strtoul(end, &end, 10);
			if (row >= ROWS)
				complain("stat has a row %u", row);
			rows->shown |= UINT64_C(1) << row;
		}
		for (int c = 0; c < COLUMNS; c++)
			rows->ticks[row][c] = strtoull(end, &end, 10);
	}
	for (int c = 0; c < COLUMNS; c++) {
		uint64_t sum = 0;

		for (unsigned row = 0; row < ROWS; row++)
			sum += rows->ticks[row][c];
		if (sum != rows->ticks[ROWS][c])
			complain("the first line is not the sum of the others:\n%s", text);
	}
}

static uint64_t cpuinfo_bits(const char *text)
{
	uint64_t bits = 0;

	for (const char *p = text; *p; p = strchrnul(p, '\n'), p += *p == '\n')
		if (strncmp(p, "processor", 9) == 0)
			bits |= UINT64_C(1) << strtoul(strchrnul(p, ':') + 1, NULL, 10) % 64;
	return bits;
}

static uint64_t directory_bits(const char *view)
{
	uint64_t bits = 0;
	struct dirent *entry;
	char path[4096];
	DIR *dir;

	snprintf(path, sizeof(path), "%s/sys/devices/system/cpu", view);
	dir = opendir(path);
	if (!dir)
		complain("%s: %s", path, strerror(errno));
	while ((entry = readdir(dir)))
		if (strncmp(entry->d_name, "cpu", 3) == 0 && entry->d_name[3] >= '0' &&
		    entry->d_name[3] <= '9')
			bits |= UINT64_C(1) << strtoul(entry->d_name + 3, NULL, 10) % 64;
	closedir(dir);
	return bits;
}

/* As many of the allowed ones as the quota is worth, rounded up. */
static uint64_t expected_bits(const struct truth *truth)
{
	uint64_t quota = least(truth->quota_us, UNLIMITED), cpus = truth->cpus, bits = 0;
	uint64_t count = quota == UNLIMITED ? 64 : (quota + PERIOD_US - 1) / PERIOD_US;

	for (; cpus && count; count--) {
		bits |= cpus & -cpus;
		cpus &= cpus - 1;
	}
	return bits;
}

/* Rows are compared with the last look, unless what is visible may have changed since. */
static void check_rows(const struct rows *now, const struct rows *last, bool same)
{
	for (int c = 0; c < COLUMNS; c++)
		if (now->ticks[ROWS][c] < last->ticks[ROWS][c])
			complain("the sum of column %d went from %" PRIu64 " to %" PRIu64, c,
				 last->ticks[ROWS][c], now->ticks[ROWS][c]);
	for (unsigned row = 0; same && row < ROWS; row++)
		for (int c = 0; c < COLUMNS; c++)
			if (now->ticks[row][c] < last->ticks[row][c])
				complain("cpu%u's column %d went from %" PRIu64 " to %" PRIu64,
					 row, c, last->ticks[row][c], now->ticks[row][c]);
}

static void check_cpus(const struct setting *set, char *text, struct rows *last,
		       uint64_t *last_moment)
{
	struct truth *truth = &set->shared->truth;
	uint64_t moment = truth->moment, online, cpuinfo, directories, expected;
	struct rows now;

	parse_rows(read_whole(set->view, "proc/stat", text, TEXT), &now);
	online = list_bits(read_whole(set->view, "sys/devices/system/cpu/online", text, TEXT));
	cpuinfo = cpuinfo_bits(read_whole(set->view, "proc/cpuinfo", text, TEXT));
	directories = directory_bits(set->view);
	expected = expected_bits(truth);
	check_rows(&now, last, moment == *last_moment && moment == truth->moment);
	*last = now;
	*last_moment = moment % 2 == 0 && moment == truth->moment ? moment : UINT64_MAX;
	if (*last_moment == UINT64_MAX)
		return;
	set->shared->compared++;
	if (now.shown != expected || online != expected || cpuinfo != expected ||
	    directories != expected)
		complain("CPUs, as bits: stat %" PRIx64 ", online %" PRIx64 ", cpuinfo %" PRIx64
			 ", directories %" PRIx64 ", allowed %" PRIx64, now.shown, online,
			 cpuinfo, directories, expected);
}

void check_lscpu(const struct setting *set)
{
	struct shared *shared = set->shared;
	char command[4096], line[256];

	snprintf(command, sizeof(command), "lscpu -s '%s' -p=CPU", set->view);
	while (!shared->stop) {
		uint64_t bits = 0, expected;
		FILE *f;

		take_token(set);
		expected = expected_bits(&shared->truth);
		f = popen(command, "re");
		while (f && fgets(line, sizeof(line), f))
			if (line[0] != '#')
				bits |= UINT64_C(1) << strtoul(line, NULL, 10) % 64;
		give_token(set);
		if (!f || pclose(f) != 0)
			complain("lscpu fails");
		if (bits != expected)
			complain("lscpu says %" PRIx64 ", allowed is %" PRIx64, bits, expected);
		shared->lscpu++;
		usleep(20000);	/* the others are to change something meanwhile */
	}
}

/* --- what never decreases ---------------------------------------------------------- */

static void check_uptime(const struct setting *set, char *text, double last[2])
{
	double now[2];
	char *end;

	now[0] = strtod(read_whole(set->view, "proc/uptime", text, TEXT), &end);
	now[1] = strtod(end, NULL);
	for (int i = 0; i < 2; i++) {
		if (now[i] < last[i])
			complain("uptime's column %d went from %.2f to %.2f", i, last[i], now[i]);
		last[i] = now[i];
	}
}

static const char *const counters[] = {
	"pgfault", "pgmajfault", "pgpgin", "pgpgout", "pswpin", "pswpout", "oom_kill",
	"pgsteal_kswapd", "pgsteal_direct", "pgscan_kswapd", "pgscan_direct", "pgrefill",
	"pgactivate", "pgdeactivate", "pglazyfree", "workingset_refault_file",
};

static void check_counters(const struct setting *set, char *text, uint64_t last[COUNTERS])
{
	read_whole(set->view, "proc/vmstat", text, TEXT);
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		size_t length = strlen(counters[i]);

		for (const char *p = text; *p; p = strchrnul(p, '\n'), p += *p == '\n') {
			uint64_t now;

			if (strncmp(p, counters[i], length) != 0 || p[length] != ' ')
				continue;
			now = strtoull(p + length, NULL, 10);
			if (now < last[i])
				complain("%s went from %" PRIu64 " to %" PRIu64, counters[i],
					 last[i], now);
			last[i] = now;
		}
	}
}

static void check_forks(const struct setting *set, char *text, uint64_t *last)
{
	const char *line = strstr(read_whole(set->view, "proc/stat", text, TEXT),
				  "\nprocesses ");
	uint64_t now = line ? strtoull(line + 11, NULL, 10) : 0;

	if (!line || now < *last)
		complain("processes went from %" PRIu64 " to %" PRIu64, *last, now);
	*last = now;
}

void check_for_ever(const struct setting *set)
{
	static char text[TEXT];
	uint64_t moment = UINT64_MAX, events[COUNTERS] = { 0 }, forks = 0;
	struct rows rows = { 0 };
	double uptime[2] = { 0 };

	while (!set->shared->stop) {
		check_memory(set, text);
		check_cpus(set, text, &rows, &moment);
		check_memory(set, text);
		check_uptime(set, text, uptime);
		check_counters(set, text, events);
		check_forks(set, text, &forks);
		check_all_numbers(set, text);
		set->shared->reads++;
	}
}
