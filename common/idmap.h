/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/idmap.h - user or group ids seen differently on two sides
 *
 * A map is a list of ranges, each of consecutive ids on both sides. An empty map
 * leaves every id as it is.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/opt.h"

/* What the kernel shows for an id that has no name on this side. */
#define ID_OVERFLOW 65534u

struct idmap_range {
	uint32_t from;
	uint32_t to;
	uint32_t count;
};

struct idmap {
	struct idmap_range *ranges;	/* owned */
	size_t count;
};

#define IDMAP_INIT { 0 }

/**
 * idmap_add() - append a range
 *
 * Return: 0; -EINVAL if it is empty, runs past the last id (2^32 - 2), or shares
 * an id with an earlier range on either side; -ENOMEM.
 */
int idmap_add(struct idmap *map, uint32_t from, uint32_t to, uint32_t count);

/**
 * idmap_parse() - an OPT_PARSE function: "FROM:TO:COUNT[:FROM:TO:COUNT...]"
 * @field:	struct idmap; what it held before is replaced
 *
 * A leading colon is accepted: containers-storage writes one.
 */
int idmap_parse(const char *value, void *field, struct opt_error *error);

/** idmap_done() - free the ranges; the map is empty and usable again */
void idmap_done(struct idmap *map);

/** idmap_to() - @id of the "from" side on the "to" side; ID_OVERFLOW if it is in no range */
uint32_t idmap_to(const struct idmap *map, uint32_t id);

/**
 * idmap_from() - the way back
 *
 * Return: 0 with *@ret_id set; -EOVERFLOW if @id is in no range, which is what the
 * kernel answers for ids that an id-mapped mount cannot store.
 */
int idmap_from(const struct idmap *map, uint32_t id, uint32_t *ret_id);
