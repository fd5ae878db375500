/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/idmap.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/errors.h"

#define ID_LAST (UINT32_MAX - 1)	/* the one after it means "no change" */

static bool fits(uint32_t first, uint32_t count)
{
	return first <= ID_LAST && count - 1 <= ID_LAST - first;
}

static bool overlaps(uint32_t a, uint32_t a_count, uint32_t b, uint32_t b_count)
{
	return a < b ? b - a < a_count : a - b < b_count;
}

int idmap_add(struct idmap *map, uint32_t from, uint32_t to, uint32_t count)
{
	struct idmap_range *ranges;

	if (count == 0 || !fits(from, count) || !fits(to, count))
		return -EINVAL;
	for (size_t i = 0; i < map->count; i++) {
		const struct idmap_range *r = &map->ranges[i];

		if (overlaps(r->from, r->count, from, count) ||
		    overlaps(r->to, r->count, to, count))
			return -EINVAL;
	}

	ranges = realloc(map->ranges, (map->count + 1) * sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	map->ranges = ranges;
	map->ranges[map->count++] = (struct idmap_range){ from, to, count };
	return 0;
}

/* One number of the text, and the colon after it if something follows that. */
static bool next_number(const char **text, uint32_t *ret)
{
	unsigned long long n;
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	n = strtoull(*text, &end, 10);
	if (n > UINT32_MAX || (*end && (*end != ':' || !end[1])))
		return false;

	*text = *end ? end + 1 : end;
	*ret = n;
	return true;
}

static int parse_ranges(const char *text, struct idmap *map,
			struct opt_error *error)
{
	uint32_t from, to, count;
	int r;

	do {
		if (!next_number(&text, &from) || !next_number(&text, &to) ||
		    !next_number(&text, &count))
			return opt_error_set(error, "not a list of FROM:TO:COUNT");

		r = idmap_add(map, from, to, count);
		if (r == -EINVAL)
			return opt_error_set(error, "the range %u:%u:%u is empty, too long or overlaps another",
					     from, to, count);
	} while (r == 0 && *text);
	return r;
}

int idmap_parse(const char *value, void *field, struct opt_error *error)
{
	struct idmap parsed = IDMAP_INIT;
	struct idmap *map = field;
	int r;

	r = parse_ranges(*value == ':' ? value + 1 : value, &parsed, error);
	if (r < 0) {
		idmap_done(&parsed);
		return r;
	}

	idmap_done(map);
	*map = parsed;
	return 0;
}

void idmap_done(struct idmap *map)
{
	free(map->ranges);
	*map = (struct idmap)IDMAP_INIT;
}

uint32_t idmap_to(const struct idmap *map, uint32_t id)
{
	if (map->count == 0)
		return id;

	for (size_t i = 0; i < map->count; i++) {
		const struct idmap_range *r = &map->ranges[i];

		if (id >= r->from && id - r->from < r->count)
			return r->to + (id - r->from);
	}
	return ID_OVERFLOW;
}

int idmap_from(const struct idmap *map, uint32_t id, uint32_t *ret_id)
{
	if (map->count == 0) {
		*ret_id = id;
		return 0;
	}

	for (size_t i = 0; i < map->count; i++) {
		const struct idmap_range *r = &map->ranges[i];

		if (id >= r->to && id - r->to < r->count) {
			*ret_id = r->from + (id - r->to);
			return 0;
		}
	}
	return -EOVERFLOW;
}
