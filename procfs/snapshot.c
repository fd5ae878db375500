/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/snapshot.h"

#include <errno.h>
#include <stdlib.h>

#include "common/lock.h"

#define BUCKETS 1024

struct snapshot {
	struct snapshot *next;
	uint64_t handle;
	struct buf text;	/* owned */
};

struct snapshots {
	struct lock lock;	/* guards the rest */
	struct snapshot *buckets[BUCKETS];
};

struct snapshots *snapshots_new(void)
{
	struct snapshots *s = calloc(1, sizeof(*s));

	if (s)
		lock_init(&s->lock);
	return s;
}

static void snapshot_free(struct snapshot *one)
{
	buf_done(&one->text);
	free(one);
}

struct snapshots *snapshots_free(struct snapshots *s)
{
	if (!s)
		return NULL;
	for (unsigned i = 0; i < BUCKETS; i++) {
		while (s->buckets[i]) {
			struct snapshot *one = s->buckets[i];

			s->buckets[i] = one->next;
			snapshot_free(one);
		}
	}
	lock_done(&s->lock);
	free(s);
	return NULL;
}

/* Where the pointer to the handle's snapshot is, or to put it. */
static struct snapshot **find_locked(struct snapshots *s, uint64_t handle)
	REQUIRES(s->lock)
{
	struct snapshot **at = &s->buckets[handle % BUCKETS];

	while (*at && (*at)->handle != handle)
		at = &(*at)->next;
	return at;
}

int snapshots_put(struct snapshots *s, uint64_t handle, struct buf *text)
{
	struct snapshot **at;

	lock_scope(&s->lock);
	at = find_locked(s, handle);
	if (!*at) {
		*at = calloc(1, sizeof(**at));
		if (!*at)
			return -ENOMEM;
		(*at)->handle = handle;
	}
	buf_done(&(*at)->text);
	(*at)->text = *text;
	*text = (struct buf)BUF_INIT;
	return 0;
}

bool snapshots_get(struct snapshots *s, uint64_t handle, size_t offset, size_t length,
		   struct buf *out)
{
	struct snapshot *one;

	lock_scope(&s->lock);
	one = *find_locked(s, handle);
	if (!one)
		return false;
	if (offset < one->text.length) {
		if (length > one->text.length - offset)
			length = one->text.length - offset;
		buf_add(out, one->text.data + offset, length);
	}
	return true;
}

void snapshots_drop(struct snapshots *s, uint64_t handle)
{
	struct snapshot **at, *one;

	lock_scope(&s->lock);
	at = find_locked(s, handle);
	one = *at;
	if (!one)
		return;
	*at = one->next;
	snapshot_free(one);
}
