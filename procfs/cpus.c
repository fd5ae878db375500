/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/cpus.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORDS (CPUS_MAX / 64)

unsigned cpus_count(const struct cpus *set)
{
	unsigned count = 0;

	for (unsigned i = 0; i < WORDS; i++)
		count += __builtin_popcountll(set->bits[i]);
	return count;
}

unsigned cpus_next(const struct cpus *set, unsigned from)
{
	for (unsigned i = from / 64; i < WORDS; i++) {
		uint64_t word = set->bits[i];

		if (i == from / 64)
			word &= ~UINT64_C(0) << (from % 64);
		if (word)
			return i * 64 + __builtin_ctzll(word);
	}
	return CPUS_MAX;
}

void cpus_and(struct cpus *set, const struct cpus *other)
{
	for (unsigned i = 0; i < WORDS; i++)
		set->bits[i] &= other->bits[i];
}

void cpus_minus(struct cpus *set, const struct cpus *other)
{
	for (unsigned i = 0; i < WORDS; i++)
		set->bits[i] &= ~other->bits[i];
}

void cpus_first(struct cpus *set, unsigned count)
{
	for (unsigned i = 0; i < WORDS; i++) {
		uint64_t kept = 0, word = set->bits[i];

		for (; word && count; count--) {
			kept |= word & -word;
			word &= word - 1;
		}
		set->bits[i] = kept;
	}
}

void cpus_renumber(struct cpus *set, const struct cpus *among)
{
	struct cpus result = { 0 };
	unsigned rank = 0;

	cpus_for_each(cpu, among) {
		if (cpus_has(set, cpu))
			cpus_add(&result, rank);
		rank++;
	}
	*set = result;
}

int cpus_parse_list(const char *text, struct cpus *ret_set)
{
	struct cpus set = { 0 };

	while (isspace((unsigned char)*text))
		text++;
	while (isdigit((unsigned char)*text)) {
		char *end;
		unsigned long first = strtoul(text, &end, 10), last = first;

		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		if (last < first || last >= CPUS_MAX)
			return -EINVAL;
		for (unsigned long i = first; i <= last; i++)
			cpus_add(&set, i);
		text = *end == ',' ? end + 1 : end;
	}
	while (isspace((unsigned char)*text))
		text++;
	if (*text)
		return -EINVAL;

	*ret_set = set;
	return 0;
}

int cpus_parse_words(const char *text, struct cpus *ret_set)
{
	struct cpus set = { 0 };
	char *end;

	for (text += strspn(text, " \n"); *text; text = end + strspn(end, " \n")) {
		unsigned long cpu = strtoul(text, &end, 10);

		if (!isdigit((unsigned char)*text) || cpu >= CPUS_MAX)
			return -EINVAL;
		cpus_add(&set, cpu);
	}
	*ret_set = set;
	return 0;
}

static size_t line_length(const char *text)
{
	return strcspn(text, "\n");
}

int cpus_parse_mask(const char *text, struct cpus *ret_set)
{
	struct cpus set = { 0 };
	unsigned bit = 0;

	for (size_t i = line_length(text); i-- > 0;) {
		int digit;

		if (text[i] == ',')
			continue;
		if (!isxdigit((unsigned char)text[i]))
			return -EINVAL;
		digit = isdigit((unsigned char)text[i]) ? text[i] - '0'
							: (text[i] | 0x20) - 'a' + 10;
		if (digit && bit + 4 > CPUS_MAX)
			return -EINVAL;
		if (bit + 4 <= CPUS_MAX)
			set.bits[bit / 64] |= (uint64_t)digit << (bit % 64);
		bit += 4;
	}

	*ret_set = set;
	return 0;
}

void cpus_add_list(const struct cpus *set, struct buf *out)
{
	const char *comma = "";

	for (unsigned first = cpus_next(set, 0); first < CPUS_MAX;) {
		unsigned last = first;

		while (cpus_has(set, last + 1))
			last++;
		if (first == last)
			buf_addf(out, "%s%u", comma, first);
		else
			buf_addf(out, "%s%u-%u", comma, first, last);
		comma = ",";
		first = cpus_next(set, last + 1);
	}
}

void cpus_add_mask(const struct cpus *set, const char *pattern, struct buf *out)
{
	size_t length = line_length(pattern), digits = 0;

	for (size_t i = 0; i < length; i++)
		digits += pattern[i] != ',';

	for (size_t i = 0; i < length; i++) {
		unsigned bit;

		if (pattern[i] == ',') {
			buf_add(out, ",", 1);
			continue;
		}
		bit = --digits * 4;
		buf_addf(out, "%x", bit >= CPUS_MAX ? 0 :
			 (unsigned)(set->bits[bit / 64] >> (bit % 64) & 0xf));
	}
}
