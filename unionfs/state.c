/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/state.h"

#include <errno.h>
#include <sys/mman.h>

#include "unionfs/inode.h"
#include "unionfs/store.h"

#define STATE_MAGIC UINT64_C(0x6e6f696e75636e)	/* "ncunion" */

static size_t round_to_page(size_t bytes)
{
	return (bytes + STORE_PAGE_BYTES - 1) / STORE_PAGE_BYTES * STORE_PAGE_BYTES;
}

static size_t inodes_offset(void)
{
	return round_to_page(sizeof(struct state));
}

static size_t pages_offset(void)
{
	return inodes_offset() +
	       (size_t)CHUNK_MAX * CHUNK_SLOTS * sizeof(struct inode);
}

size_t state_bytes(void)
{
	return pages_offset() + (size_t)STATE_PAGE_MAX * STORE_PAGE_BYTES;
}

struct inode *state_inodes(struct state *s)
{
	return (struct inode *)((char *)s + inodes_offset());
}

void *state_pages(struct state *s)
{
	return (char *)s + pages_offset();
}

void state_init(struct state *s, const struct hash_key *key, uint64_t layers)
{
	s->magic = STATE_MAGIC;
	s->version = STATE_VERSION;
	s->inode_bytes = sizeof(struct inode);
	s->name_bytes = sizeof(struct name);
	s->chunk_max = CHUNK_MAX;
	s->page_max = STATE_PAGE_MAX;
	s->layers = layers;
	s->key = *key;
}

int state_check(const struct state *s, size_t bytes, uint64_t layers)
{
	if (bytes != state_bytes() || s->magic != STATE_MAGIC ||
	    s->version != STATE_VERSION ||
	    s->inode_bytes != sizeof(struct inode) ||
	    s->name_bytes != sizeof(struct name) ||
	    s->chunk_max != CHUNK_MAX || s->page_max != STATE_PAGE_MAX)
		return -EPROTO;
	return s->layers == layers ? 0 : -ESTALE;
}

struct state *state_new(void)
{
	void *p = mmap(NULL, state_bytes(), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void state_free(struct state *s)
{
	if (s)
		(void)munmap(s, state_bytes());
}
