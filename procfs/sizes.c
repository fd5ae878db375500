/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/sizes.h"

#include <stdlib.h>

#include "common/lock.h"

#define ENTRIES 8192	/* a power of two; one that is pushed out is unknown again */

struct entry {
	uint64_t node;		/* 0: free */
	uint64_t bytes;
};

struct sizes {
	struct lock lock;	/* guards entries */
	struct entry entries[ENTRIES];
};

struct sizes *sizes_new(void)
{
	struct sizes *s = calloc(1, sizeof(*s));

	if (s)
		lock_init(&s->lock);
	return s;
}

struct sizes *sizes_free(struct sizes *s)
{
	if (!s)
		return NULL;
	lock_done(&s->lock);
	free(s);
	return NULL;
}

static struct entry *entry_of(struct sizes *s, uint64_t node)
{
	uint64_t hash = node * UINT64_C(0x9e3779b97f4a7c15);

	return &s->entries[(hash >> 32) % ENTRIES];
}

uint64_t sizes_get(struct sizes *s, uint64_t node)
{
	const struct entry *e;

	lock_scope(&s->lock);
	e = entry_of(s, node);
	return e->node == node ? e->bytes : 0;
}

bool sizes_set(struct sizes *s, uint64_t node, size_t length)
{
	uint64_t bytes = (length + SIZES_PAGE - 1) / SIZES_PAGE * SIZES_PAGE;
	struct entry *e;
	bool changed;

	if (bytes == 0)
		bytes = SIZES_PAGE;
	lock_scope(&s->lock);
	e = entry_of(s, node);
	/* Before it was known, one page was told. */
	changed = bytes != (e->node == node ? e->bytes : SIZES_PAGE);
	*e = (struct entry){ node, bytes };
	return changed;
}
