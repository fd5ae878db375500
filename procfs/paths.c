/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/paths.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/lock.h"

#define ENTRIES	   (1u << 18)
#define NAME_BYTES (4u << 20)
#define BUCKETS	   (1u << 14)
#define MAGIC	   0x70617468u

struct entry {
	uint32_t parent;
	uint32_t name;		/* offset in names */
};

/*
 * An entry is written before the count that makes it valid: a worker that dies
 * in between leaves nothing half-made.
 */
struct state {
	uint32_t magic;
	uint32_t count;		/* entries in use, number 0 among them */
	uint32_t name_bytes;
	struct entry entries[ENTRIES];
	char names[NAME_BYTES];
};

struct paths {
	struct lock lock;	/* guards all but what is appended already */
	struct state *state;	/* lent */
	uint32_t buckets[BUCKETS];	/* the newest path with that hash, or 0 */
	uint32_t *next;		/* owned: [path], the next older one */
	uint32_t next_size;
};

size_t paths_state_size(void)
{
	return sizeof(struct state);
}

static uint32_t bucket_of(uint32_t parent, const char *name)
{
	uint32_t hash = 2166136261u ^ parent;	/* FNV-1a */

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return (hash ^ hash >> 15) % BUCKETS;
}

static const char *name_of(const struct state *s, uint32_t path)
{
	return s->names + s->entries[path].name;
}

/* Room in the chains for @path. */
static int grow_chains(struct paths *p, uint32_t path)
{
	uint32_t size = p->next_size ? p->next_size : 512;
	uint32_t *next;

	while (size <= path)
		size *= 2;
	if (size == p->next_size)
		return 0;
	next = realloc(p->next, size * sizeof(*next));
	if (!next)
		return -ENOMEM;
	p->next = next;
	p->next_size = size;
	return 0;
}

static int chain(struct paths *p, uint32_t path)
{
	uint32_t *bucket = &p->buckets[bucket_of(p->state->entries[path].parent,
						 name_of(p->state, path))];
	int r = grow_chains(p, path);

	if (r < 0)
		return r;
	p->next[path] = *bucket;
	*bucket = path;
	return 0;
}

int paths_open(void *state, struct paths **ret_paths)
{
	struct paths *p = calloc(1, sizeof(*p));
	int r = 0;

	if (!p)
		return -ENOMEM;

	lock_init(&p->lock);
	p->state = state;
	if (p->state->magic == 0) {
		p->state->magic = MAGIC;
		p->state->name_bytes = 1;	/* offset 0 is "" */
		p->state->entries[PATHS_ROOT].parent = PATHS_ROOT;
		p->state->count = PATHS_ROOT + 1;
	}
	if (p->state->magic != MAGIC || p->state->count > ENTRIES)
		r = -EPROTO;
	for (uint32_t i = PATHS_ROOT + 1; r >= 0 && i < p->state->count; i++)
		r = chain(p, i);
	if (r < 0) {
		paths_close(p);
		return r;
	}

	*ret_paths = p;
	return 0;
}

struct paths *paths_close(struct paths *p)
{
	if (!p)
		return NULL;

	free(p->next);
	lock_done(&p->lock);
	free(p);
	return NULL;
}

static uint32_t find_locked(struct paths *p, uint32_t parent, const char *name)
	REQUIRES(p->lock)
{
	uint32_t i = p->buckets[bucket_of(parent, name)];

	while (i && (p->state->entries[i].parent != parent ||
		     strcmp(name_of(p->state, i), name) != 0))
		i = p->next[i];
	return i;
}

static uint32_t append_locked(struct paths *p, uint32_t parent, const char *name)
	REQUIRES(p->lock)
{
	struct state *s = p->state;
	size_t length = strlen(name) + 1;
	uint32_t path = s->count;

	if (path == ENTRIES || length > NAME_BYTES - s->name_bytes)
		return 0;

	memcpy(s->names + s->name_bytes, name, length);
	s->entries[path] = (struct entry){ parent, s->name_bytes };
	if (chain(p, path) < 0)
		return 0;
	s->name_bytes += (uint32_t)length;
	__atomic_store_n(&s->count, path + 1, __ATOMIC_RELEASE);
	return path;
}

uint32_t paths_find(struct paths *p, uint32_t parent, const char *name)
{
	lock_scope(&p->lock);
	return find_locked(p, parent, name);
}

uint32_t paths_child(struct paths *p, uint32_t parent, const char *name)
{
	uint32_t path;

	lock_scope(&p->lock);
	path = find_locked(p, parent, name);
	return path ? path : append_locked(p, parent, name);
}

static uint32_t count_of(const struct paths *p)
{
	return __atomic_load_n(&p->state->count, __ATOMIC_ACQUIRE);
}

uint32_t paths_parent(struct paths *p, uint32_t path)
{
	return path < count_of(p) ? p->state->entries[path].parent : PATHS_ROOT;
}

int paths_text(struct paths *p, uint32_t path, char *text, size_t size)
{
	size_t at = size;

	if (path == 0 || path >= count_of(p))
		return -ESTALE;

	/* From the end to the beginning, then moved to where it belongs. */
	text[--at] = '\0';
	while (path != PATHS_ROOT) {
		const char *name = name_of(p->state, path);
		size_t length = strlen(name);

		if (length + 1 > at)
			return -ENAMETOOLONG;
		at -= length;
		memcpy(text + at, name, length);
		path = p->state->entries[path].parent;
		if (path != PATHS_ROOT)
			text[--at] = '/';
	}
	memmove(text, text + at, size - at);
	return 0;
}
