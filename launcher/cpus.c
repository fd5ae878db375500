/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/cpus.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MILLI_MIN 10
#define MILLI_MAX UINT32_C(1000000000)

int cpus_parse_amount(const char *text, uint32_t *ret_milli)
{
	uint64_t milli = 0;
	uint32_t digit = 100;
	const char *p = text;

	for (; isdigit((unsigned char)*p); p++) {
		milli = milli * 10 + (uint64_t)(*p - '0') * 1000;
		if (milli > MILLI_MAX)
			return -ERANGE;
	}
	if (*p == '.') {
		/* Below a thousandth nothing counts. */
		for (p++; isdigit((unsigned char)*p); p++, digit /= 10)
			milli += (uint64_t)(*p - '0') * digit;
	}
	if (*p || p == text || (p == text + 1 && *text == '.'))
		return -EINVAL;
	if (milli < MILLI_MIN)
		return -ERANGE;

	*ret_milli = (uint32_t)milli;
	return 0;
}

int64_t cpus_quota_us(uint32_t milli)
{
	return (int64_t)milli * CPU_PERIOD_US / 1000;
}

unsigned cpus_needed(uint32_t milli)
{
	return (milli + 999) / 1000;
}

/* One number of a list; moves @p behind it. */
static int parse_cpu(const char **p)
{
	unsigned long n;
	char *end;

	if (!isdigit((unsigned char)**p))
		return -EINVAL;
	errno = 0;
	n = strtoul(*p, &end, 10);
	if (errno || n >= CPU_SETSIZE)
		return -ERANGE;
	*p = end;
	return (int)n;
}

int cpus_parse_list(const char *text, cpu_set_t *ret_set)
{
	const char *p = text;
	cpu_set_t set;

	CPU_ZERO(&set);
	while (*p && *p != '\n') {
		int first = parse_cpu(&p);
		int last = first;

		if (first >= 0 && *p == '-') {
			p++;
			last = parse_cpu(&p);
		}
		if (first < 0 || last < 0)
			return first < 0 ? first : last;
		if (last < first || (*p && *p != ',' && *p != '\n'))
			return -EINVAL;
		if (*p == ',' && !isdigit((unsigned char)*++p))
			return -EINVAL;
		for (int cpu = first; cpu <= last; cpu++)
			CPU_SET(cpu, &set);
	}

	*ret_set = set;
	return 0;
}

int cpus_format_list(const cpu_set_t *set, char *text, size_t size)
{
	size_t length = 0;

	if (!size)
		return -ENOSPC;
	text[0] = '\0';
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		int last = cpu;
		int n;

		if (!CPU_ISSET(cpu, set))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, set))
			last++;
		n = last > cpu ? snprintf(text + length, size - length, "%s%d-%d",
					  length ? "," : "", cpu, last)
			       : snprintf(text + length, size - length, "%s%d",
					  length ? "," : "", cpu);
		if (n < 0 || (size_t)n >= size - length)
			return -ENOSPC;
		length += (size_t)n;
		cpu = last;
	}
	return 0;
}

static int least_used(const cpu_set_t *candidates, const unsigned users[CPU_SETSIZE])
{
	int best = -1;

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, candidates) && (best < 0 || users[cpu] < users[best]))
			best = cpu;
	return best;
}

void cpus_choose(const cpu_set_t *available, const unsigned users[CPU_SETSIZE],
		 unsigned count, cpu_set_t *ret_chosen)
{
	cpu_set_t left = *available;

	CPU_ZERO(ret_chosen);
	while (count--) {
		int cpu = least_used(&left, users);

		if (cpu < 0)
			return;
		CPU_SET(cpu, ret_chosen);
		CPU_CLR(cpu, &left);
	}
}
